//! What the rates mean for somebody who wants to use the model.

use tokmark_gguf::{ContextBudget, KvShape, largest_context};
use tokmark_model::{Bytes, EngineParams, ModelFacts, Record, TokensPerSecond};

/// How a use feels at these rates.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Comfort {
    /// Waiting is most of it.
    Slow,
    /// It works.
    Usable,
    /// Nobody notices the machine.
    Comfortable,
}

impl Comfort {
    /// The word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Comfort::Slow => "slow",
            Comfort::Usable => "usable",
            Comfort::Comfortable => "comfortable",
        }
    }
}

/// Comfort in three uses, and the context that fits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Advice {
    /// Short prompts, read along.
    pub chat: Comfort,
    /// Long prompts, short answers.
    pub documents: Comfort,
    /// Middling prompts, long answers.
    pub coding: Comfort,
    /// Tokens of context that fit beside the model in the memory now free, at most the
    /// trained length; `None` where the header does not tell.
    pub largest_context: Option<u64>,
}

/// Readable generation, see "Good and bad" in `docs/metrics.md`.
const READABLE: f64 = 10.0;
/// Smooth generation.
const SMOOTH: f64 = 20.0;
/// Fast generation.
const FAST: f64 = 50.0;
/// Good prompt processing on a laptop.
const GOOD_PROMPT: f64 = 100.0;
/// Good prompt processing on a large GPU.
const FAST_PROMPT: f64 = 1000.0;

/// Memory kept for the engine's buffers and the system, beside weights and cache.
const RESERVE: Bytes = Bytes(512 << 20);

/// What these rates of prompt and generation mean, and which context fits into
/// `available` memory.
pub fn advise(
    prompt: TokensPerSecond,
    generation: TokensPerSecond,
    model: &ModelFacts,
    kv: Option<&KvShape>,
    params: &EngineParams,
    available: Option<Bytes>,
) -> Advice {
    let (prompt, generation) = (prompt.get(), generation.get());
    let grade = |usable: bool, comfortable: bool| match (usable, comfortable) {
        (true, true) => Comfort::Comfortable,
        (true, false) => Comfort::Usable,
        (false, _) => Comfort::Slow,
    };
    Advice {
        chat: grade(
            generation >= READABLE && prompt >= GOOD_PROMPT / 2.0,
            generation >= SMOOTH && prompt >= GOOD_PROMPT,
        ),
        documents: grade(
            prompt >= GOOD_PROMPT && generation >= READABLE / 2.0,
            prompt >= FAST_PROMPT && generation >= READABLE,
        ),
        coding: grade(
            generation >= SMOOTH && prompt >= GOOD_PROMPT,
            generation >= FAST && prompt >= GOOD_PROMPT,
        ),
        largest_context: kv.zip(available).map(|(kv, available)| {
            let budget = ContextBudget {
                available,
                weights: model.tensor_bytes.unwrap_or(model.file_size_bytes),
                overhead: RESERVE,
                type_k: params.type_k,
                type_v: params.type_v,
                n_ubatch: params.n_ubatch,
                trained: model.context_length,
            };
            largest_context(kv, &budget)
        }),
    }
}

/// Memory of the GPUs, where the whole model is on them.
pub fn device_memory(record: &Record) -> Option<Bytes> {
    record.memory.gpu_share_percent.filter(|share| *share >= 99.0)?;
    let used =
        record.engine.devices.iter().filter(|device| record.devices_used.contains(&device.name));
    used.map(|device| device.memory_total_bytes.map(Bytes::get)).sum::<Option<u64>>().map(Bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn comforts(prompt: f64, generation: f64) -> [Comfort; 3] {
        let advice = advise(
            TokensPerSecond(prompt),
            TokensPerSecond(generation),
            &ModelFacts::default(),
            None,
            &EngineParams::default(),
            None,
        );
        [advice.chat, advice.documents, advice.coding]
    }

    #[test]
    fn a_fast_machine_is_comfortable_for_everything() {
        assert_eq!(comforts(2_000.0, 80.0), [Comfort::Comfortable; 3]);
    }

    #[test]
    fn a_crawling_machine_is_slow_for_everything() {
        assert_eq!(comforts(20.0, 2.0), [Comfort::Slow; 3]);
    }

    #[test]
    fn slow_prompts_spoil_documents_first() {
        use Comfort::{Comfortable, Usable};
        assert_eq!(comforts(300.0, 60.0), [Comfortable, Usable, Comfortable]);
    }
}
