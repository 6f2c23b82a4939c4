use std::ffi::{c_char, c_void};
use std::io::{self, Write};

use llama_cpp_sys_2 as sys;
use tokmark_model::{EngineFacts, EngineParams, Numa, ProcessParams, Test};
use tokmark_run::{
    Engine, EngineError, LoadRequest, Loaded, LocalEngine, Sink, Token, TokenWork, Vocabulary, Work,
};

use crate::context::Context;
use crate::identity::{engine_facts, load_backends};
use crate::model::Model;

/// llama.cpp in this process. One model and one context at a time.
#[derive(Debug)]
pub struct LlamaEngine {
    // Before the model: fields are dropped in this order.
    context: Option<Context>,
    model: Option<Model>,
    loaded_for: Option<LoadRequest>,
    params: EngineParams,
    prio: i32,
    depth: Option<DepthState>,
}

/// The memory after `tokens`, as a context with these settings left it.
#[derive(Debug)]
struct DepthState {
    tokens: Vec<Token>,
    params: EngineParams,
    bytes: Vec<u8>,
}

impl LlamaEngine {
    /// Starts llama.cpp: back ends, NUMA strategy, priority, log.
    ///
    /// # Errors
    /// When the priority cannot be set or RPC servers are asked for in a build without RPC.
    pub fn start(process: &ProcessParams) -> Result<Self, EngineError> {
        if !process.rpc.is_empty() {
            return Err(EngineError::unsupported("the linked engine was built without RPC (-rpc)"));
        }
        let log = if process.verbose { log_everything } else { log_warnings };
        // SAFETY: called once, before anything else of llama.cpp, from one thread.
        unsafe {
            sys::llama_log_set(Some(log), std::ptr::null_mut());
            load_backends();
            sys::llama_backend_init();
            sys::llama_numa_init(match process.numa {
                Numa::Disabled => sys::GGML_NUMA_STRATEGY_DISABLED,
                Numa::Distribute => sys::GGML_NUMA_STRATEGY_DISTRIBUTE,
                Numa::Isolate => sys::GGML_NUMA_STRATEGY_ISOLATE,
                Numa::Numactl => sys::GGML_NUMA_STRATEGY_NUMACTL,
            });
        }
        set_priority(process.prio)?;
        Ok(LlamaEngine {
            context: None,
            model: None,
            loaded_for: None,
            params: EngineParams::default(),
            prio: process.prio,
            depth: None,
        })
    }

    fn context(&mut self) -> Result<&mut Context, EngineError> {
        self.context.as_mut().ok_or_else(|| EngineError::failed("no context was opened"))
    }

    /// Brings `tokens` into the memory of every sequence, from a saved state if there is one.
    fn bring_to_depth(&mut self, work: &TokenWork) -> Result<(), EngineError> {
        if work.depth.is_empty() {
            return Ok(());
        }
        let params = self.params.clone();
        let saved =
            self.depth.take().filter(|state| state.tokens == work.depth && state.params == params);
        let context = self.context()?;
        if let Some(state) = saved {
            if context.restore(&state.bytes) {
                self.depth = Some(state);
                return Ok(());
            }
            context.clear();
        }
        context.prompt(&work.depth, 0, 0)?;
        let bytes = context.save();
        if context.n_seq() > 1 && !context.restore(&bytes) {
            return Err(EngineError::failed(
                "the engine cannot copy the state at depth into parallel sequences",
            ));
        }
        self.depth = Some(DepthState { tokens: work.depth.clone(), params, bytes });
        Ok(())
    }
}

impl Engine for LlamaEngine {
    fn facts(&self) -> EngineFacts {
        engine_facts()
    }

    fn prepare(&mut self, work: &Work) -> Result<(), EngineError> {
        let Work::Tokens(work) = work;
        self.context()?.clear();
        self.bring_to_depth(work)?;
        self.context()?.synchronize();
        Ok(())
    }

    fn run(&mut self, work: &Work, sink: &mut dyn Sink) -> Result<(), EngineError> {
        let Work::Tokens(work) = work;
        self.context()?.run(work, sink)
    }
}

impl LocalEngine for LlamaEngine {
    fn load(&mut self, request: &LoadRequest) -> Result<bool, EngineError> {
        let keep = self.model.is_some()
            && self.loaded_for.as_ref().is_some_and(|loaded| {
                loaded.path == request.path && loaded.params.same_load(&request.params)
            });
        if !keep {
            self.context = None;
            self.depth = None;
            self.model = None;
            self.model = Some(Model::load(&request.path, &request.params)?);
            self.loaded_for = Some(request.clone());
        }
        Ok(!keep)
    }

    fn open_context(&mut self, test: &Test, params: &EngineParams) -> Result<Loaded, EngineError> {
        self.context = None;
        let model =
            self.model.as_ref().ok_or_else(|| EngineError::failed("no model was loaded"))?;
        let context = Context::open(model, test, params, self.prio)?;
        let placement = context.placement();
        let loaded = Loaded {
            description: model.description(),
            tensor_bytes: tokmark_model::Bytes(model.tensor_bytes()),
            n_params: model.n_params(),
            n_ctx_train: model.n_ctx_train(),
            devices_used: placement.devices_used,
            gpu_share_percent: placement.gpu_share_percent,
            device_bytes: placement.device_bytes,
        };
        self.context = Some(context);
        self.params = params.clone();
        Ok(loaded)
    }

    fn close_context(&mut self) {
        self.context = None;
        self.depth = None;
    }

    fn vocabulary(&self) -> Vocabulary {
        self.model.as_ref().map_or(Vocabulary { n_tokens: 0, bos: None }, Model::vocabulary)
    }

    fn tokenize(&self, text: &str) -> Result<Vec<Token>, EngineError> {
        self.model
            .as_ref()
            .ok_or_else(|| EngineError::failed("no model was loaded"))?
            .tokenize(text)
    }

    fn settle(&mut self) -> Result<(), EngineError> {
        let context = self.context()?;
        context.clear();
        context.prompt(&[0], 0, 0)?;
        context.synchronize();
        Ok(())
    }
}

/// Priorities by llama-bench's numbers: low +5, medium -5, high -10, realtime -20 nice.
fn set_priority(prio: i32) -> Result<(), EngineError> {
    let nice = match prio {
        0 => return Ok(()),
        -1 => 5,
        1 => -5,
        2 => -10,
        3 => -20,
        _ => return Err(EngineError::failed(format!("there is no priority {prio}"))),
    };
    #[cfg(unix)]
    // SAFETY: a plain system call on this process.
    if unsafe { libc::setpriority(libc::PRIO_PROCESS, 0, nice) } != 0 {
        return Err(EngineError::failed(format!(
            "cannot set priority {prio}: {}",
            std::io::Error::last_os_error()
        )));
    }
    #[cfg(not(unix))]
    let _ = nice;
    Ok(())
}

unsafe extern "C" fn log_everything(
    _level: sys::ggml_log_level,
    message: *const c_char,
    _user: *mut c_void,
) {
    write_log(message);
}

unsafe extern "C" fn log_warnings(
    level: sys::ggml_log_level,
    message: *const c_char,
    _user: *mut c_void,
) {
    if level == sys::GGML_LOG_LEVEL_ERROR || level == sys::GGML_LOG_LEVEL_WARN {
        write_log(message);
    }
}

/// A closed standard error must not unwind into C.
fn write_log(message: *const c_char) {
    let _ = write!(io::stderr(), "{}", crate::identity::text(message));
}
