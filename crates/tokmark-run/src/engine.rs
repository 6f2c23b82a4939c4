use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use tokmark_model::{Bytes, EngineFacts, EngineParams, ProcessParams, Test};

/// A token of the model's vocabulary, as llama.cpp counts them.
pub type Token = i32;

/// Tokens to process for one repetition of a [`Test`].
///
/// With B parallel sequences `depth` is shared by all, `prompt` holds B runs of
/// `n_prompt` tokens one after the other, and `generation` holds B tokens a step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenWork {
    /// What is measured.
    pub test: Test,
    /// Brought into memory before the clock starts; `n_depth` long.
    pub depth: Vec<Token>,
    /// Processed inside the clock; `n_prompt x n_parallel` long.
    pub prompt: Vec<Token>,
    /// Decoded inside the clock step by step; `n_gen x n_parallel` long.
    pub generation: Vec<Token>,
}

impl TokenWork {
    /// The work of `test` with token 0 everywhere.
    pub fn zeros(test: Test) -> Self {
        let parallel = test.n_parallel as usize;
        TokenWork {
            test,
            depth: vec![0; test.n_depth as usize],
            prompt: vec![0; test.n_prompt as usize * parallel],
            generation: vec![0; test.n_gen as usize * parallel],
        }
    }
}

/// One item of work. Text with sampling and grammar joins tokens when the engines come
/// that take it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Work {
    /// Tokens in, no sampling, nothing out.
    Tokens(TokenWork),
}

impl Work {
    /// Decode steps of the generation phase: the number of time stamps to expect.
    pub fn n_steps(&self) -> usize {
        match self {
            Work::Tokens(work) => work.test.n_gen as usize,
        }
    }

    /// Whether the work has a prompt phase and a generation phase.
    pub fn has_both_phases(&self) -> bool {
        match self {
            Work::Tokens(work) => work.test.n_prompt > 0 && work.test.n_gen > 0,
        }
    }
}

/// What an engine reports while it works.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// The prompt phase is over and its results are there.
    PromptDone,
    /// One decode step is over and its results are there.
    Step,
    /// All of the work is over. Always the last event.
    End,
}

/// Takes the time stamp of each event. The runner's, never the engine's.
pub trait Sink {
    /// Called by the engine the moment something is over.
    fn event(&mut self, event: Event);
}

/// Why an engine did not do what it was asked.
#[derive(Debug, Clone, thiserror::Error, Serialize, Deserialize, PartialEq, Eq)]
#[serde(tag = "error", rename_all = "snake_case")]
pub enum EngineError {
    /// It tried and could not.
    #[error("{message}")]
    Failed {
        /// What went wrong, for people.
        message: String,
    },
    /// It cannot do this at all.
    #[error("{message}")]
    Unsupported {
        /// What it cannot do, for people.
        message: String,
    },
}

impl EngineError {
    /// A failure with this message.
    pub fn failed(message: impl Into<String>) -> Self {
        EngineError::Failed { message: message.into() }
    }

    /// Something that this engine cannot do.
    pub fn unsupported(message: impl Into<String>) -> Self {
        EngineError::Unsupported { message: message.into() }
    }
}

/// The system under test, after MLPerf LoadGen's interface: it is handed work and a
/// sink, and knows nothing of clocks, repetitions or statistics.
pub trait Engine {
    /// What the engine says of itself.
    fn facts(&self) -> EngineFacts;

    /// Brings the engine to the state from which `work` starts. Not timed.
    ///
    /// # Errors
    /// When that state cannot be reached.
    fn prepare(&mut self, work: &Work) -> Result<(), EngineError>;

    /// Does `work` and reports to `sink`, ending with [`Event::End`]. May block until
    /// then (llama.cpp) or return earlier and report later (a server).
    ///
    /// # Errors
    /// When the work could not be finished; the repetition then counts as failed.
    fn run(&mut self, work: &Work, sink: &mut dyn Sink) -> Result<(), EngineError>;
}

/// What a local engine needs to load a model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LoadRequest {
    /// The model file, or the first file of a split one.
    pub path: PathBuf,
    /// Settings; those of [`EngineParams::same_load`] decide whether to load anew.
    pub params: EngineParams,
    /// Settings of the whole process.
    pub process: ProcessParams,
}

/// What a local engine knows once a model is loaded.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Loaded {
    /// The engine's own description of the model, e.g. `llama 256M Q4_1`.
    pub description: String,
    /// Bytes of all tensors.
    pub tensor_bytes: Bytes,
    /// Parameters.
    pub n_params: u64,
    /// Context length in training.
    pub n_ctx_train: u32,
    /// Devices that hold weights, by name.
    pub devices_used: Vec<String>,
    /// Bytes of weights on GPU devices / bytes of all weights x 100.
    pub gpu_share_percent: Option<f64>,
    /// Bytes of the buffers on devices with memory of their own.
    pub device_bytes: Option<Bytes>,
}

/// What must be known of a vocabulary to make tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Vocabulary {
    /// Number of tokens.
    pub n_tokens: u32,
    /// The token that begins a sequence, if the model wants one.
    pub bos: Option<Token>,
}

/// An engine that lives in the worker and loads models.
pub trait LocalEngine: Engine {
    /// Loads a model, or keeps the loaded one where `request` allows it. Returns whether
    /// it was loaded anew.
    ///
    /// # Errors
    /// When the file or the settings are refused.
    fn load(&mut self, request: &LoadRequest) -> Result<bool, EngineError>;

    /// Makes a context for `test` under `params`; after it a decode is possible.
    ///
    /// # Errors
    /// When the engine refuses the context.
    fn open_context(&mut self, test: &Test, params: &EngineParams) -> Result<Loaded, EngineError>;

    /// Frees the context and all that was kept for it, so that the next test's peak memory
    /// is its own.
    fn close_context(&mut self);

    /// Vocabulary of the loaded model.
    fn vocabulary(&self) -> Vocabulary;

    /// Tokens of `text`, without special tokens.
    ///
    /// # Errors
    /// When the model has no tokenizer.
    fn tokenize(&self, text: &str) -> Result<Vec<Token>, EngineError>;

    /// One untimed decode, so that what ran between repetitions leaves no cold cache.
    ///
    /// # Errors
    /// When the decode fails.
    fn settle(&mut self) -> Result<(), EngineError>;
}
