//! A loaded model.

use std::ffi::{CString, c_char};
use std::path::Path;
use std::ptr;

use llama_cpp_sys_2 as sys;
use tokmark_model::{EngineParams, LazyMode, LoadMode, SplitMode};
use tokmark_run::{EngineError, Token, Vocabulary};

use crate::identity::text;

/// Owns a `llama_model`.
#[derive(Debug)]
pub(crate) struct Model {
    raw: *mut sys::llama_model,
}

impl Model {
    pub(crate) fn load(path: &Path, params: &EngineParams) -> Result<Self, EngineError> {
        if params.fit_target != 0 || params.fit_min_ctx != 0 {
            return Err(EngineError::unsupported(
                "the linked engine cannot fit a model to device memory (-fitt, -fitc)",
            ));
        }
        let c_path = c_string(&path.to_string_lossy())?;
        let devices = devices(&params.devices)?;
        let overrides = Overrides::new(params)?;
        // SAFETY: returns a constant.
        let n_devices = unsafe { sys::llama_max_devices() };
        if params.tensor_split.len() > n_devices {
            return Err(EngineError::failed(format!(
                "the tensor split has {} parts, the engine takes at most {n_devices}",
                params.tensor_split.len()
            )));
        }
        let mut split = vec![0.0; n_devices];
        split[..params.tensor_split.len()].copy_from_slice(&params.tensor_split);

        // SAFETY: a plain constructor of defaults.
        let mut raw_params = unsafe { sys::llama_model_default_params() };
        raw_params.n_gpu_layers = params.n_gpu_layers;
        raw_params.split_mode = match params.split_mode {
            SplitMode::None => sys::LLAMA_SPLIT_MODE_NONE,
            SplitMode::Layer => sys::LLAMA_SPLIT_MODE_LAYER,
            SplitMode::Row => sys::LLAMA_SPLIT_MODE_ROW,
            SplitMode::Tensor => sys::LLAMA_SPLIT_MODE_TENSOR,
        };
        raw_params.load_mode = match params.load_mode {
            LoadMode::Auto => sys::LLAMA_LOAD_MODE_AUTO,
            LoadMode::None => sys::LLAMA_LOAD_MODE_NONE,
            LoadMode::Mmap => sys::LLAMA_LOAD_MODE_MMAP,
            LoadMode::Mlock => sys::LLAMA_LOAD_MODE_MLOCK,
            LoadMode::MmapMlock => sys::LLAMA_LOAD_MODE_MMAP_MLOCK,
            LoadMode::DirectIo => sys::LLAMA_LOAD_MODE_DIRECT_IO,
        };
        raw_params.lazy_mode = match params.lazy_mode {
            LazyMode::Off => sys::LLAMA_LAZY_MODE_OFF,
            LazyMode::Auto => sys::LLAMA_LAZY_MODE_AUTO,
            LazyMode::On => sys::LLAMA_LAZY_MODE_ON,
        };
        raw_params.main_gpu = params.main_gpu as i32;
        raw_params.tensor_split = split.as_ptr();
        raw_params.no_host = params.no_host;
        raw_params.use_extra_bufts = params.repack;
        if let Some(devices) = &devices {
            raw_params.devices = devices.as_ptr().cast_mut();
        }
        if !overrides.raw.is_empty() {
            raw_params.tensor_buft_overrides = overrides.raw.as_ptr();
        }
        // SAFETY: every pointer in the parameters outlives the call.
        let raw = unsafe { sys::llama_model_load_from_file(c_path.as_ptr(), raw_params) };
        if raw.is_null() {
            return Err(EngineError::failed(format!(
                "the engine cannot load {}",
                path.file_name().unwrap_or(path.as_os_str()).to_string_lossy()
            )));
        }
        Ok(Model { raw })
    }

    pub(crate) fn raw(&self) -> *mut sys::llama_model {
        self.raw
    }

    fn vocab(&self) -> *const sys::llama_vocab {
        // SAFETY: the model lives as long as self.
        unsafe { sys::llama_model_get_vocab(self.raw) }
    }

    pub(crate) fn vocabulary(&self) -> Vocabulary {
        let vocab = self.vocab();
        // SAFETY: the vocabulary lives as long as the model.
        unsafe {
            Vocabulary {
                n_tokens: sys::llama_vocab_n_tokens(vocab).max(0) as u32,
                bos: sys::llama_vocab_get_add_bos(vocab).then(|| sys::llama_vocab_bos(vocab)),
            }
        }
    }

    pub(crate) fn tokenize(&self, input: &str) -> Result<Vec<Token>, EngineError> {
        let vocab = self.vocab();
        // SAFETY: the vocabulary lives as long as the model; the buffer is as long as said.
        unsafe {
            if sys::llama_vocab_type(vocab) == sys::LLAMA_VOCAB_TYPE_NONE {
                return Err(EngineError::unsupported("the model has no tokenizer"));
            }
            let tokenize = |tokens: &mut Vec<Token>| {
                sys::llama_tokenize(
                    vocab,
                    input.as_ptr().cast::<c_char>(),
                    input.len() as i32,
                    tokens.as_mut_ptr(),
                    tokens.len() as i32,
                    false,
                    false,
                )
            };
            let mut tokens: Vec<Token> = vec![0; input.len() + 8];
            let mut n = tokenize(&mut tokens);
            if n < 0 {
                // More tokens than bytes: the answer says how many, with a minus.
                tokens.resize(n.unsigned_abs() as usize, 0);
                n = tokenize(&mut tokens);
            }
            let n = usize::try_from(n)
                .map_err(|_| EngineError::failed("the model's tokenizer refused the text"))?;
            tokens.truncate(n);
            Ok(tokens)
        }
    }

    pub(crate) fn description(&self) -> String {
        let mut buffer = [0; 128];
        // SAFETY: the buffer is as long as said and comes back terminated.
        unsafe {
            sys::llama_model_desc(self.raw, buffer.as_mut_ptr(), buffer.len());
        }
        text(buffer.as_ptr())
    }

    pub(crate) fn tensor_bytes(&self) -> u64 {
        // SAFETY: the model lives as long as self.
        unsafe { sys::llama_model_size(self.raw) }
    }

    pub(crate) fn n_params(&self) -> u64 {
        // SAFETY: the model lives as long as self.
        unsafe { sys::llama_model_n_params(self.raw) }
    }

    pub(crate) fn n_ctx_train(&self) -> u32 {
        // SAFETY: the model lives as long as self.
        unsafe { sys::llama_model_n_ctx_train(self.raw) }.max(0) as u32
    }
}

impl Drop for Model {
    fn drop(&mut self) {
        // SAFETY: owned, and every context of it was dropped before by the engine.
        unsafe { sys::llama_model_free(self.raw) }
    }
}

pub(crate) fn c_string(value: &str) -> Result<CString, EngineError> {
    CString::new(value).map_err(|_| EngineError::failed(format!("'{value}' has a zero byte in it")))
}

/// A null-terminated list of devices; `None` lets the engine choose.
fn devices(names: &[String]) -> Result<Option<Vec<sys::ggml_backend_dev_t>>, EngineError> {
    if names.is_empty() {
        return Ok(None);
    }
    let mut list = Vec::new();
    for name in names.iter().filter(|name| *name != "none") {
        let c_name = c_string(name)?;
        // SAFETY: looks a name up.
        let device = unsafe { sys::ggml_backend_dev_by_name(c_name.as_ptr()) };
        let is_usable = !device.is_null()
            // SAFETY: not null, hence registered.
            && unsafe { sys::ggml_backend_dev_type(device) } != sys::GGML_BACKEND_DEVICE_TYPE_CPU;
        if !is_usable {
            return Err(EngineError::failed(format!(
                "there is no device '{name}'; --list-devices shows those there are"
            )));
        }
        list.push(device);
    }
    list.push(ptr::null_mut());
    Ok(Some(list))
}

/// Tensors placed by hand, with the strings that the raw list points into.
struct Overrides {
    raw: Vec<sys::llama_model_tensor_buft_override>,
    _patterns: Vec<CString>,
}

impl Overrides {
    fn new(params: &EngineParams) -> Result<Self, EngineError> {
        let mut patterns = Vec::new();
        let mut raw = Vec::new();
        let mut place = |pattern: &str, buft| -> Result<(), EngineError> {
            let pattern = c_string(pattern)?;
            raw.push(sys::llama_model_tensor_buft_override { pattern: pattern.as_ptr(), buft });
            patterns.push(pattern);
            Ok(())
        };
        for wanted in &params.tensor_buft_overrides {
            place(&wanted.pattern, buffer_type(&wanted.buffer_type)?)?;
        }
        for layer in 0..params.n_cpu_moe {
            // The names that llama.cpp gives to the experts' matrices of a layer.
            let pattern = format!(r"blk\.{layer}\.ffn_(up|down|gate|gate_up)_(ch|)exps");
            // SAFETY: returns a constant object.
            place(&pattern, unsafe { sys::ggml_backend_cpu_buffer_type() })?;
        }
        if !raw.is_empty() {
            raw.push(sys::llama_model_tensor_buft_override {
                pattern: ptr::null(),
                buft: ptr::null_mut(),
            });
        }
        Ok(Overrides { raw, _patterns: patterns })
    }
}

fn buffer_type(name: &str) -> Result<sys::ggml_backend_buffer_type_t, EngineError> {
    let mut known = Vec::new();
    // SAFETY: the indices are below the count, and devices are never removed.
    unsafe {
        for i in 0..sys::ggml_backend_dev_count() {
            let buft = sys::ggml_backend_dev_buffer_type(sys::ggml_backend_dev_get(i));
            if buft.is_null() {
                continue;
            }
            let buft_name = text(sys::ggml_backend_buft_name(buft));
            if buft_name == name {
                return Ok(buft);
            }
            known.push(buft_name);
        }
    }
    Err(EngineError::failed(format!(
        "there is no buffer type '{name}'; the engine has {}",
        known.join(", ")
    )))
}
