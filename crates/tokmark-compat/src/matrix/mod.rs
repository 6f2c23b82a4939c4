use std::sync::Arc;

use tokmark_model::{
    BufferOverride, EngineParams, FlashAttention, KvType, LazyMode, LoadMode, PlannedTest,
    SplitMode, Test,
};

use crate::CompatError;
use crate::lists::{
    parse_bools, parse_cpu_masks, parse_devices, parse_flash_attention, parse_int_range,
    parse_names, parse_pair, parse_tensor_overrides, parse_tensor_splits, parse_u32_range,
    parse_unsigned, parse_words,
};

/// Values of every parameter; their product is the list of tests.
///
/// An empty list means that nothing was given. A matrix as the user gave it comes from
/// [`Matrix::default`] and [`Matrix::read`]; [`Matrix::or_defaults`] makes it whole. A
/// matrix with a list still empty stands for no test.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Matrix {
    /// Models as they were named. A planned test holds the position in this list.
    pub models: Vec<String>,
    /// Prompts, each a test of its own; 0 is left out.
    pub n_prompt: Vec<u32>,
    /// Generations, each a test of its own; 0 is left out.
    pub n_gen: Vec<u32>,
    /// Prompt and generation in one test; a pair of zeros is left out.
    pub n_pg: Vec<(u32, u32)>,
    /// See [`Test::n_depth`].
    pub n_depth: Vec<u32>,
    /// See [`EngineParams::n_batch`].
    pub n_batch: Vec<u32>,
    /// See [`EngineParams::n_ubatch`].
    pub n_ubatch: Vec<u32>,
    /// See [`EngineParams::type_k`].
    pub type_k: Vec<KvType>,
    /// See [`EngineParams::type_v`].
    pub type_v: Vec<KvType>,
    /// See [`EngineParams::n_threads`].
    pub n_threads: Vec<u32>,
    /// See [`EngineParams::cpu_mask`].
    pub cpu_mask: Vec<String>,
    /// See [`EngineParams::cpu_strict`].
    pub cpu_strict: Vec<bool>,
    /// See [`EngineParams::poll`].
    pub poll: Vec<u32>,
    /// See [`EngineParams::n_gpu_layers`].
    pub n_gpu_layers: Vec<i32>,
    /// See [`EngineParams::n_cpu_moe`].
    pub n_cpu_moe: Vec<u32>,
    /// See [`EngineParams::split_mode`].
    pub split_mode: Vec<SplitMode>,
    /// See [`EngineParams::load_mode`].
    pub load_mode: Vec<LoadMode>,
    /// See [`EngineParams::lazy_mode`].
    pub lazy_mode: Vec<LazyMode>,
    /// See [`EngineParams::main_gpu`]. The only list that is replaced when given again.
    pub main_gpu: Vec<u32>,
    /// See [`EngineParams::no_kv_offload`].
    pub no_kv_offload: Vec<bool>,
    /// See [`EngineParams::flash_attn`].
    pub flash_attn: Vec<FlashAttention>,
    /// See [`EngineParams::devices`].
    pub devices: Vec<Vec<String>>,
    /// See [`EngineParams::tensor_split`].
    pub tensor_split: Vec<Vec<f32>>,
    /// See [`EngineParams::tensor_buft_overrides`].
    pub tensor_buft_overrides: Vec<Vec<BufferOverride>>,
    /// See [`EngineParams::embeddings`].
    pub embeddings: Vec<bool>,
    /// See [`EngineParams::no_op_offload`].
    pub no_op_offload: Vec<bool>,
    /// See [`EngineParams::no_host`].
    pub no_host: Vec<bool>,
    /// See [`EngineParams::repack`].
    pub repack: Vec<bool>,
    /// See [`EngineParams::fit_target`].
    pub fit_target: Vec<u64>,
    /// See [`EngineParams::fit_min_ctx`].
    pub fit_min_ctx: Vec<u32>,
    /// See [`Test::n_parallel`]. llama-bench has no such parameter.
    pub n_parallel: Vec<u32>,
}

/// Applies a macro to the name of every list.
macro_rules! every_list {
    ($apply:ident) => {
        $apply!(
            models,
            n_prompt,
            n_gen,
            n_pg,
            n_depth,
            n_batch,
            n_ubatch,
            type_k,
            type_v,
            n_threads,
            cpu_mask,
            cpu_strict,
            poll,
            n_gpu_layers,
            n_cpu_moe,
            split_mode,
            load_mode,
            lazy_mode,
            main_gpu,
            no_kv_offload,
            flash_attn,
            devices,
            tensor_split,
            tensor_buft_overrides,
            embeddings,
            no_op_offload,
            no_host,
            repack,
            fit_target,
            fit_min_ctx,
            n_parallel
        )
    };
}

impl Matrix {
    /// llama-bench's defaults on a machine whose default is `n_threads`: `pp512` and
    /// `tg128` with one value of everything else.
    pub fn defaults(n_threads: u32) -> Self {
        let params = EngineParams { n_threads, ..EngineParams::default() };
        Matrix {
            models: vec!["models/7B/ggml-model-q4_0.gguf".to_owned()],
            n_prompt: vec![512],
            n_gen: vec![128],
            n_pg: Vec::new(),
            n_depth: vec![0],
            n_batch: vec![params.n_batch],
            n_ubatch: vec![params.n_ubatch],
            type_k: vec![params.type_k],
            type_v: vec![params.type_v],
            n_threads: vec![params.n_threads],
            cpu_mask: vec![params.cpu_mask],
            cpu_strict: vec![params.cpu_strict],
            poll: vec![params.poll],
            n_gpu_layers: vec![params.n_gpu_layers],
            n_cpu_moe: vec![params.n_cpu_moe],
            split_mode: vec![params.split_mode],
            load_mode: vec![params.load_mode],
            lazy_mode: vec![params.lazy_mode],
            main_gpu: vec![params.main_gpu],
            no_kv_offload: vec![params.no_kv_offload],
            flash_attn: vec![params.flash_attn],
            devices: vec![params.devices],
            tensor_split: vec![params.tensor_split],
            tensor_buft_overrides: vec![params.tensor_buft_overrides],
            embeddings: vec![params.embeddings],
            no_op_offload: vec![params.no_op_offload],
            no_host: vec![params.no_host],
            repack: vec![params.repack],
            fit_target: vec![params.fit_target],
            fit_min_ctx: vec![params.fit_min_ctx],
            n_parallel: vec![1],
        }
    }

    /// This matrix with `defaults` in place of every empty list.
    pub fn or_defaults(mut self, defaults: &Matrix) -> Matrix {
        macro_rules! fill {
            ($($list:ident),+) => {
                $(if self.$list.is_empty() { self.$list = defaults.$list.clone(); })+
            };
        }
        every_list!(fill);
        self
    }

    /// Adds the values in `text` to the list of `flag`, a canonical long flag. A flag
    /// given again adds to its list; `--main-gpu` replaces it, as in llama-bench.
    ///
    /// # Errors
    ///
    /// A text that the flag doesn't take, or a flag without a list.
    pub fn read(&mut self, flag: &str, text: &str) -> Result<(), CompatError> {
        match flag {
            "--model" => self.models.extend(parse_names(flag, text)?),
            "--n-prompt" => self.n_prompt.extend(parse_u32_range(flag, text)?),
            "--n-gen" => self.n_gen.extend(parse_u32_range(flag, text)?),
            "--pg" => self.n_pg.push(parse_pair(flag, text)?),
            "--n-depth" => self.n_depth.extend(parse_u32_range(flag, text)?),
            "--batch-size" => self.n_batch.extend(parse_u32_range(flag, text)?),
            "--ubatch-size" => self.n_ubatch.extend(parse_u32_range(flag, text)?),
            "--cache-type-k" => self.type_k.extend(parse_words::<KvType>(flag, text)?),
            "--cache-type-v" => self.type_v.extend(parse_words::<KvType>(flag, text)?),
            "--threads" => self.n_threads.extend(parse_u32_range(flag, text)?),
            "--cpu-mask" => self.cpu_mask.extend(parse_cpu_masks(flag, text)?),
            "--cpu-strict" => self.cpu_strict.extend(parse_bools(flag, text)?),
            "--poll" => self.poll.extend(parse_u32_range(flag, text)?),
            "--n-gpu-layers" => self.n_gpu_layers.extend(parse_int_range(flag, text, true)?),
            "--n-cpu-moe" => self.n_cpu_moe.extend(parse_u32_range(flag, text)?),
            "--split-mode" => self.split_mode.extend(parse_words::<SplitMode>(flag, text)?),
            "--load-mode" => self.load_mode.extend(parse_words::<LoadMode>(flag, text)?),
            "--lazy-mode" => self.lazy_mode.extend(parse_words::<LazyMode>(flag, text)?),
            "--main-gpu" => self.main_gpu = parse_u32_range(flag, text)?,
            "--no-kv-offload" => self.no_kv_offload.extend(parse_bools(flag, text)?),
            "--flash-attn" => self.flash_attn.extend(parse_flash_attention(flag, text)?),
            "--device" => self.devices.extend(parse_devices(flag, text)?),
            "--tensor-split" => self.tensor_split.extend(parse_tensor_splits(flag, text)?),
            "--override-tensor" => {
                self.tensor_buft_overrides.extend(parse_tensor_overrides(flag, text)?);
            }
            "--embeddings" => self.embeddings.extend(parse_bools(flag, text)?),
            "--no-op-offload" => self.no_op_offload.extend(parse_bools(flag, text)?),
            "--no-host" => self.no_host.extend(parse_bools(flag, text)?),
            "--repack" => self.repack.extend(parse_bools(flag, text)?),
            "--fit-target" => self.fit_target.extend(parse_unsigned::<u64>(flag, text)?),
            "--fit-ctx" => self.fit_min_ctx.extend(parse_unsigned::<u32>(flag, text)?),
            "--n-parallel" => self.n_parallel.extend(parse_u32_range(flag, text)?),
            _ => {
                return Err(CompatError::NotAParameter { flag: flag.to_owned() });
            }
        }
        Ok(())
    }

    /// How many tests it stands for, without making them. Saturates at `u128::MAX`.
    pub fn len(&self) -> u128 {
        self.n_settings().saturating_mul(self.tests().len() as u128)
    }

    /// Whether it stands for no test at all.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The tests in llama-bench's order, made one at a time. Prompts, generations and
    /// pairs vary fastest, in that order one after the other; then the parallel sequences,
    /// then llama-bench's parameters, of which the model varies slowest, so that models
    /// are loaded as seldom as can be.
    pub fn expand(&self) -> impl Iterator<Item = PlannedTest> + '_ {
        let tests: Arc<[(u32, u32)]> = self.tests().into();
        let n_settings = if tests.is_empty() { 0 } else { self.n_settings() };
        (0..n_settings).flat_map(move |index| {
            let (model, n_depth, n_parallel, params) = self.settings(index);
            let tests = Arc::clone(&tests);
            (0..tests.len()).map(move |i| {
                let (n_prompt, n_gen) = tests[i];
                let test = Test { n_prompt, n_gen, n_depth, n_parallel };
                PlannedTest { model, test, params: params.clone() }
            })
        })
    }

    /// Prompt and generation of the tests made under each setting.
    fn tests(&self) -> Vec<(u32, u32)> {
        let prompts = self.n_prompt.iter().map(|n| (*n, 0));
        let generations = self.n_gen.iter().map(|n| (0, *n));
        let pairs = self.n_pg.iter().copied();
        prompts.chain(generations).chain(pairs).filter(|test| *test != (0, 0)).collect()
    }
}

mod settings;

#[cfg(test)]
mod tests;
