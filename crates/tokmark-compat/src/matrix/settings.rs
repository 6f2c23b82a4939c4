//! The product of all lists except prompts, generations and pairs.

use tokmark_model::EngineParams;

use super::Matrix;

/// Takes positions out of a number whose digits are the positions in the lists, the list
/// that varies fastest first.
struct Digits(u128);

impl Digits {
    fn pick<'a, T>(&mut self, list: &'a [T]) -> &'a T {
        let base = list.len() as u128;
        let position = self.0 % base;
        self.0 /= base;
        // The remainder is below the length, which is a usize.
        &list[position as usize]
    }
}

impl Matrix {
    /// How many settings there are. Saturates at `u128::MAX`.
    pub(super) fn n_settings(&self) -> u128 {
        macro_rules! product {
            ($($list:ident),+) => {
                [$(self.$list.len()),+].into_iter().fold(1_u128, |product, len| {
                    product.saturating_mul(len as u128)
                })
            };
        }
        product!(
            models,
            fit_target,
            fit_min_ctx,
            n_gpu_layers,
            n_cpu_moe,
            split_mode,
            load_mode,
            lazy_mode,
            main_gpu,
            devices,
            tensor_split,
            tensor_buft_overrides,
            no_host,
            repack,
            embeddings,
            no_op_offload,
            n_batch,
            n_ubatch,
            type_k,
            type_v,
            no_kv_offload,
            flash_attn,
            n_threads,
            cpu_mask,
            cpu_strict,
            n_depth,
            poll,
            n_parallel
        )
    }

    /// Model, depth, parallel sequences and parameters of the setting at `index`, which
    /// is below [`Matrix::n_settings`].
    pub(super) fn settings(&self, index: u128) -> (usize, u32, u32, EngineParams) {
        // From the innermost of llama-bench's loops to the outermost.
        let mut digits = Digits(index);
        let n_parallel = *digits.pick(&self.n_parallel);
        let poll = *digits.pick(&self.poll);
        let n_depth = *digits.pick(&self.n_depth);
        let params = EngineParams {
            poll,
            cpu_strict: *digits.pick(&self.cpu_strict),
            cpu_mask: digits.pick(&self.cpu_mask).clone(),
            n_threads: *digits.pick(&self.n_threads),
            flash_attn: *digits.pick(&self.flash_attn),
            no_kv_offload: *digits.pick(&self.no_kv_offload),
            type_v: *digits.pick(&self.type_v),
            type_k: *digits.pick(&self.type_k),
            n_ubatch: *digits.pick(&self.n_ubatch),
            n_batch: *digits.pick(&self.n_batch),
            no_op_offload: *digits.pick(&self.no_op_offload),
            embeddings: *digits.pick(&self.embeddings),
            repack: *digits.pick(&self.repack),
            no_host: *digits.pick(&self.no_host),
            tensor_buft_overrides: digits.pick(&self.tensor_buft_overrides).clone(),
            tensor_split: digits.pick(&self.tensor_split).clone(),
            devices: digits.pick(&self.devices).clone(),
            main_gpu: *digits.pick(&self.main_gpu),
            lazy_mode: *digits.pick(&self.lazy_mode),
            load_mode: *digits.pick(&self.load_mode),
            split_mode: *digits.pick(&self.split_mode),
            n_cpu_moe: *digits.pick(&self.n_cpu_moe),
            n_gpu_layers: *digits.pick(&self.n_gpu_layers),
            fit_min_ctx: *digits.pick(&self.fit_min_ctx),
            fit_target: *digits.pick(&self.fit_target),
        };
        // What is left is the position in the list of models.
        (digits.0 as usize, n_depth, n_parallel, params)
    }
}
