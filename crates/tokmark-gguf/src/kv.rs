use tokmark_model::{Bytes, KvType};

use crate::{Header, TensorType, layers};

/// llama.cpp rounds a context, and a window's cache, up to a multiple of this
/// (`llama-context.cpp`, `llama-kv-cache-iswa.cpp`).
const CONTEXT_PADDING: u64 = 256;

/// One attention layer, as far as its cache goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KvLayer {
    /// The layer's number in the model, from 0.
    pub index: u32,
    /// Heads of keys and values; 1 for MLA's latent.
    pub n_head_kv: u64,
    /// Width of one key.
    pub d_k: u64,
    /// Width of one value; 0 for MLA, whose values are read out of the latent keys.
    pub d_v: u64,
    /// Positions that a sliding-window (or chunked) layer looks back over; `None` looks
    /// at all.
    pub window: Option<u64>,
}

impl KvLayer {
    /// Bytes of one position, `n_head_kv x (d_k x bytes_k + d_v x bytes_v)`, each row in
    /// whole blocks. Saturates.
    fn bytes_per_position(&self, type_k: KvType, type_v: KvType) -> u64 {
        let row = |width: u64, of: KvType| {
            let n_elements = self.n_head_kv.saturating_mul(width);
            TensorType::from(of).bytes_of(n_elements).unwrap_or(u64::MAX)
        };
        row(self.d_k, type_k).saturating_add(row(self.d_v, type_v))
    }
}

/// What a model's attention layers must remember of each position.
///
/// Recurrent layers of a hybrid model stand apart: their state does not grow with the
/// context and is not in any figure here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KvShape {
    /// The attention layers that own a cache, in order. Layers that share an earlier
    /// one's cache aren't listed.
    pub layers: Vec<KvLayer>,
    /// Layers with a recurrent state.
    pub n_recurrent: u32,
}

impl KvShape {
    /// The shape that the header's keys give, by the rules of llama.cpp for the
    /// architecture (`src/llama-model.cpp`, `src/models/*.cpp`, `llama-cpp-sys-2` 0.1.161).
    ///
    /// `None` where the keys don't tell: no attention cache at all (recurrent models,
    /// encoders, diffusion models), a second cache beside it (sparse-attention indexers,
    /// compressed keys), looped layers, or missing keys. A window that the engine ignores
    /// for an architecture is ignored here.
    pub fn from_header(header: &Header) -> Option<KvShape> {
        layers::kv_shape(header)
    }

    /// Bytes of keys and values of one sequence after `n_ctx` positions: what a decode
    /// step at that depth reads. A windowed layer holds its window at most. Saturates.
    pub fn kv_bytes(&self, n_ctx: u64, type_k: KvType, type_v: KvType) -> Bytes {
        self.sum(type_k, type_v, |layer| layer.window.map_or(n_ctx, |window| window.min(n_ctx)))
    }

    /// Bytes that llama.cpp allocates for one sequence of a context of `n_ctx`: rounded up
    /// to 256 positions; a windowed layer gets its window and `n_ubatch` more (its
    /// `swa_full` off, as llama-bench has it). Saturates.
    ///
    /// Without flash attention llama.cpp gives every layer the width of the widest value;
    /// that isn't counted.
    pub fn allocated_bytes(
        &self,
        n_ctx: u64,
        n_ubatch: u32,
        type_k: KvType,
        type_v: KvType,
    ) -> Bytes {
        let padded = pad(n_ctx);
        self.sum(type_k, type_v, |layer| match layer.window {
            Some(window) => pad(window.saturating_add(n_ubatch.into()).min(padded)),
            None => padded,
        })
    }

    fn sum(&self, type_k: KvType, type_v: KvType, n_kv: impl Fn(&KvLayer) -> u64) -> Bytes {
        let layers = self.layers.iter();
        Bytes(layers.fold(0u64, |sum, layer| {
            let each = layer.bytes_per_position(type_k, type_v);
            sum.saturating_add(each.saturating_mul(n_kv(layer)))
        }))
    }
}

fn pad(positions: u64) -> u64 {
    positions.checked_next_multiple_of(CONTEXT_PADDING).unwrap_or(u64::MAX)
}
