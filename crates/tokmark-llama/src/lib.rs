//! The embedded engine: llama.cpp through its C interface. The only crate that sees the
//! bindings.
//!
//! It follows llama-bench where the numbers depend on it: a persistent thread pool attached
//! to the context, `n_ctx` of exactly prompt + generation + depth, no full-size cache for
//! sliding windows, one synchronize per decode step. It deliberately knows no clock, no
//! repetition and no process: the worker around it does.
//!
//! ```no_run
//! use tokmark_llama::LlamaEngine;
//! use tokmark_run::Engine;
//!
//! let engine = LlamaEngine::start(&Default::default())?;
//! println!("{}", engine.facts().backends);
//! # Ok::<(), tokmark_run::EngineError>(())
//! ```

mod context;
mod engine;
mod identity;
mod model;

pub use engine::LlamaEngine;
pub use identity::{engine_facts, load_backends, supports_rpc};
