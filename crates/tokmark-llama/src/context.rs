//! A context with its thread pool: where tokens are decoded.

use llama_cpp_sys_2 as sys;
use tokmark_model::{Bytes, DeviceKind, EngineParams, KvType, Test};
use tokmark_run::{EngineError, Event, Sink, Token, TokenWork};

use crate::identity::{device_kind, text};
use crate::model::Model;

/// Owns a `llama_context`, its thread pool and one batch that every decode reuses.
#[derive(Debug)]
pub(crate) struct Context {
    raw: *mut sys::llama_context,
    pool: *mut sys::ggml_threadpool,
    batch: sys::llama_batch,
    n_batch: usize,
    n_seq: usize,
    /// With embeddings every token has an output; the engine warns about each other one.
    output_all: bool,
}

/// Bytes of one buffer type in use.
#[repr(C)]
#[derive(Clone, Copy)]
struct BufferUse {
    buffer_type: sys::ggml_backend_buffer_type_t,
    model: u64,
    context: u64,
    compute: u64,
}

unsafe extern "C" {
    fn tokmark_memory_breakdown(
        context: *const sys::llama_context,
        out: *mut BufferUse,
        capacity: usize,
    ) -> usize;
}

/// Where the weights lie.
#[derive(Debug, Clone, Default)]
pub(crate) struct Placement {
    pub(crate) devices_used: Vec<String>,
    pub(crate) gpu_share_percent: Option<f64>,
    pub(crate) device_bytes: Option<Bytes>,
}

impl Context {
    pub(crate) fn open(
        model: &Model,
        test: &Test,
        params: &EngineParams,
        prio: i32,
    ) -> Result<Self, EngineError> {
        let n_seq = test.n_parallel.max(1);
        let n_ctx = u32::try_from(test.n_ctx() * u64::from(n_seq))
            .map_err(|_| EngineError::failed("the context is longer than the engine can count"))?;
        // SAFETY: returns a constant.
        let most = unsafe { sys::llama_max_parallel_sequences() };
        if n_seq as usize > most {
            return Err(EngineError::unsupported(format!(
                "the engine takes at most {most} parallel sequences, not {n_seq}"
            )));
        }
        if params.n_batch < n_seq {
            return Err(EngineError::failed(format!(
                "a batch of {} tokens has no room for {n_seq} parallel sequences",
                params.n_batch
            )));
        }
        // SAFETY: a plain constructor of defaults.
        let mut raw_params = unsafe { sys::llama_context_default_params() };
        raw_params.n_ctx = n_ctx;
        raw_params.n_batch = params.n_batch;
        raw_params.n_ubatch = params.n_ubatch;
        raw_params.n_seq_max = n_seq;
        raw_params.kv_unified = false;
        raw_params.type_k = ggml_type(params.type_k);
        raw_params.type_v = ggml_type(params.type_v);
        raw_params.offload_kqv = !params.no_kv_offload;
        raw_params.flash_attn_type = params.flash_attn.as_i32();
        raw_params.embeddings = params.embeddings;
        raw_params.op_offload = !params.no_op_offload;
        raw_params.swa_full = false;
        // SAFETY: the model outlives the context, which the engine drops first.
        let raw = unsafe { sys::llama_init_from_model(model.raw(), raw_params) };
        if raw.is_null() {
            return Err(EngineError::failed(format!(
                "the engine refused a context of {n_ctx} tokens with these settings \
                 (n_batch {}, cache types {}/{}, flash attention {})",
                params.n_batch, params.type_k, params.type_v, params.flash_attn
            )));
        }
        let pool = match new_pool(params, prio) {
            Ok(pool) => pool,
            Err(error) => {
                // SAFETY: owned and not used any more.
                unsafe { sys::llama_free(raw) };
                return Err(error);
            }
        };
        let n_batch = params.n_batch.min(n_ctx).max(n_seq) as usize;
        // SAFETY: context and pool are alive and stay so until `drop` frees both.
        let batch = unsafe {
            sys::llama_attach_threadpool(raw, pool, std::ptr::null_mut());
            let n_threads = params.n_threads as i32;
            sys::llama_set_n_threads(raw, n_threads, n_threads);
            sys::llama_batch_init(n_batch as i32, 0, 1)
        };
        let n_seq = n_seq as usize;
        Ok(Context { raw, pool, batch, n_batch, n_seq, output_all: params.embeddings })
    }

    /// Forgets everything.
    pub(crate) fn clear(&mut self) {
        // SAFETY: the context is alive.
        unsafe { sys::llama_memory_clear(sys::llama_get_memory(self.raw), false) }
    }

    /// Waits until the devices have finished.
    pub(crate) fn synchronize(&mut self) {
        // SAFETY: the context is alive.
        unsafe { sys::llama_synchronize(self.raw) }
    }

    /// Decodes `tokens` of one sequence from position `from` on, in batches of `n_batch`,
    /// with an output for the last.
    pub(crate) fn prompt(
        &mut self,
        tokens: &[Token],
        from: usize,
        sequence: usize,
    ) -> Result<(), EngineError> {
        let n_batch = self.n_batch;
        let mut position = from;
        for chunk in tokens.chunks(n_batch) {
            self.batch.n_tokens = 0;
            for (i, &token) in chunk.iter().enumerate() {
                let output = self.output_all || i + 1 == chunk.len();
                self.push(token, position + i, sequence, output);
            }
            self.decode()?;
            position += chunk.len();
        }
        Ok(())
    }

    /// The timed part of `work`; what comes before it is in memory already.
    pub(crate) fn run(&mut self, work: &TokenWork, sink: &mut dyn Sink) -> Result<(), EngineError> {
        let n_prompt = work.test.n_prompt as usize;
        let depth = work.depth.len();
        if n_prompt > 0 {
            for (sequence, prompt) in work.prompt.chunks(n_prompt).enumerate() {
                self.prompt(prompt, depth, sequence)?;
            }
            self.synchronize();
            sink.event(Event::PromptDone);
        }
        for (step, tokens) in work.generation.chunks(self.n_seq).enumerate() {
            self.batch.n_tokens = 0;
            for (sequence, &token) in tokens.iter().enumerate() {
                self.push(token, depth + n_prompt + step, sequence, true);
            }
            self.decode()?;
            self.synchronize();
            sink.event(Event::Step);
        }
        sink.event(Event::End);
        Ok(())
    }

    fn push(&mut self, token: Token, position: usize, sequence: usize, output: bool) {
        let i = self.batch.n_tokens as usize;
        assert!(i < self.n_batch, "a batch holds no more tokens than it was made for");
        // SAFETY: `i` is below the capacity for which the arrays were allocated, and each
        // token has room for one sequence.
        unsafe {
            *self.batch.token.add(i) = token;
            *self.batch.pos.add(i) = position as sys::llama_pos;
            *self.batch.n_seq_id.add(i) = 1;
            **self.batch.seq_id.add(i) = sequence as sys::llama_seq_id;
            *self.batch.logits.add(i) = i8::from(output);
        }
        self.batch.n_tokens += 1;
    }

    fn decode(&mut self) -> Result<(), EngineError> {
        // SAFETY: the context is alive and the batch was filled by `push`.
        let result = unsafe { sys::llama_decode(self.raw, self.batch) };
        let why = match result {
            0 => return Ok(()),
            1 => "no room for the batch in the KV cache".to_owned(),
            2 => "aborted".to_owned(),
            -1 => "invalid batch".to_owned(),
            other => format!("error {other}"),
        };
        Err(EngineError::failed(format!(
            "the engine failed to decode {} tokens: {why}",
            self.batch.n_tokens
        )))
    }

    /// The memory of sequence 0, to be brought back with [`Context::restore`].
    pub(crate) fn save(&mut self) -> Vec<u8> {
        self.synchronize();
        // SAFETY: the buffer is as long as said.
        unsafe {
            let mut state = vec![0; sys::llama_state_seq_get_size(self.raw, 0)];
            let n = sys::llama_state_seq_get_data(self.raw, state.as_mut_ptr(), state.len(), 0);
            state.truncate(n);
            state
        }
    }

    /// Puts a saved memory into every sequence; false when the context can't take it.
    pub(crate) fn restore(&mut self, state: &[u8]) -> bool {
        (0..self.n_seq).all(|sequence| {
            // SAFETY: the buffer is as long as said.
            let n = unsafe {
                let sequence = sequence as sys::llama_seq_id;
                sys::llama_state_seq_set_data(self.raw, state.as_ptr(), state.len(), sequence)
            };
            n > 0
        })
    }

    pub(crate) fn n_seq(&self) -> usize {
        self.n_seq
    }

    pub(crate) fn placement(&self) -> Placement {
        let empty =
            BufferUse { buffer_type: std::ptr::null_mut(), model: 0, context: 0, compute: 0 };
        let mut uses = [empty; 64];
        // SAFETY: the context is alive and the array is as long as said.
        let n = unsafe { tokmark_memory_breakdown(self.raw, uses.as_mut_ptr(), uses.len()) };
        let (mut weights, mut gpu_weights, mut device_bytes) = (0u64, 0u64, 0u64);
        let mut devices_used = Vec::new();
        for usage in &uses[..n.min(uses.len())] {
            weights += usage.model;
            // SAFETY: buffer types and devices live as long as the process.
            let (kind, name) = unsafe {
                let device = sys::ggml_backend_buft_get_device(usage.buffer_type);
                if device.is_null() {
                    (DeviceKind::Cpu, "CPU".to_owned())
                } else {
                    (device_kind(device), text(sys::ggml_backend_dev_name(device)))
                }
            };
            // SAFETY: as above.
            let is_host = unsafe { sys::ggml_backend_buft_is_host(usage.buffer_type) };
            if matches!(kind, DeviceKind::Gpu | DeviceKind::IntegratedGpu) && !is_host {
                gpu_weights += usage.model;
                device_bytes += usage.model + usage.context + usage.compute;
            }
            if usage.model > 0 && !devices_used.contains(&name) {
                devices_used.push(name);
            }
        }
        Placement {
            devices_used,
            gpu_share_percent: (weights > 0).then(|| gpu_weights as f64 / weights as f64 * 100.0),
            device_bytes: (device_bytes > 0).then_some(Bytes(device_bytes)),
        }
    }
}

impl Drop for Context {
    fn drop(&mut self) {
        // SAFETY: all three are owned; the pool must outlive the context.
        unsafe {
            sys::llama_free(self.raw);
            sys::ggml_threadpool_free(self.pool);
            sys::llama_batch_free(self.batch);
        }
    }
}

fn new_pool(params: &EngineParams, prio: i32) -> Result<*mut sys::ggml_threadpool, EngineError> {
    // SAFETY: a plain constructor of defaults.
    let mut pool = unsafe { sys::ggml_threadpool_params_default(params.n_threads as i32) };
    set_mask(&params.cpu_mask, &mut pool.cpumask)?;
    pool.strict_cpu = params.cpu_strict;
    pool.poll = params.poll;
    pool.prio = prio;
    // SAFETY: the parameters are read during the call only.
    let raw = unsafe { sys::ggml_threadpool_new(&mut pool) };
    if raw.is_null() {
        return Err(EngineError::failed(format!(
            "the engine cannot start {} threads",
            params.n_threads
        )));
    }
    Ok(raw)
}

/// Sets the CPUs of a hexadecimal mask, lowest digit last. `0x0` sets none: free threads.
fn set_mask(mask: &str, cpus: &mut [bool]) -> Result<(), EngineError> {
    let digits = mask.strip_prefix("0x").unwrap_or(mask);
    for (i, digit) in digits.chars().rev().enumerate() {
        let bits = digit
            .to_digit(16)
            .ok_or_else(|| EngineError::failed(format!("'{mask}' is no hexadecimal CPU mask")))?;
        for bit in 0..4 {
            if bits & (1 << bit) != 0 {
                *cpus.get_mut(4 * i + bit).ok_or_else(|| {
                    EngineError::failed(format!("the CPU mask {mask} names too high a CPU"))
                })? = true;
            }
        }
    }
    Ok(())
}

fn ggml_type(kind: KvType) -> sys::ggml_type {
    match kind {
        KvType::F16 => sys::GGML_TYPE_F16,
        KvType::Bf16 => sys::GGML_TYPE_BF16,
        KvType::Q8_0 => sys::GGML_TYPE_Q8_0,
        KvType::Q4_0 => sys::GGML_TYPE_Q4_0,
        KvType::Q4_1 => sys::GGML_TYPE_Q4_1,
        KvType::Q5_0 => sys::GGML_TYPE_Q5_0,
        KvType::Q5_1 => sys::GGML_TYPE_Q5_1,
        KvType::Iq4Nl => sys::GGML_TYPE_IQ4_NL,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mask_counts_from_its_last_digit() {
        let mut cpus = [false; 16];
        set_mask("0x12", &mut cpus).unwrap();
        let set: Vec<_> = (0..16).filter(|&i| cpus[i]).collect();
        assert_eq!(set, [1, 4]);
    }

    #[test]
    fn a_bad_mask_is_named() {
        let error = set_mask("0xg", &mut [false; 16]).unwrap_err();
        assert_eq!(error.to_string(), "'0xg' is no hexadecimal CPU mask");
        assert!(set_mask("0x10000", &mut [false; 16]).is_err());
    }
}
