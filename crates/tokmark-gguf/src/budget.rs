use tokmark_model::{Bytes, KvType};

use crate::KvShape;

/// The memory that a context may take, and what else needs it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ContextBudget {
    /// Memory that there is for model, cache and all else.
    pub available: Bytes,
    /// The model's weights.
    pub weights: Bytes,
    /// Compute buffers, the engine itself, recurrent state and a reserve.
    pub overhead: Bytes,
    /// Type of the K cache.
    pub type_k: KvType,
    /// Type of the V cache.
    pub type_v: KvType,
    /// Physical batch; windowed layers hold that many positions more.
    pub n_ubatch: u32,
    /// Context length in training, the cap; `None` caps at what 32 bits count, the
    /// engine's own limit.
    pub trained: Option<u64>,
}

/// The most positions of one sequence whose cache fits beside weights and overhead, at
/// most the trained context. 0 when not even one fits.
///
/// Counts what the engine allocates ([`KvShape::allocated_bytes`]), not what is read.
pub fn largest_context(shape: &KvShape, budget: &ContextBudget) -> u64 {
    let Some(room) = budget
        .available
        .get()
        .checked_sub(budget.weights.get())
        .and_then(|left| left.checked_sub(budget.overhead.get()))
    else {
        return 0;
    };
    let fits = |n_ctx: u64| {
        shape.allocated_bytes(n_ctx, budget.n_ubatch, budget.type_k, budget.type_v).get() <= room
    };

    let cap = budget.trained.unwrap_or(u64::MAX).min(u64::from(u32::MAX));
    if fits(cap) {
        return cap;
    }
    // Invariant: `low` fits (0 takes nothing), `high` doesn't.
    let (mut low, mut high) = (0, cap);
    while high - low > 1 {
        let middle = low + (high - low) / 2;
        if fits(middle) { low = middle } else { high = middle }
    }
    low
}
