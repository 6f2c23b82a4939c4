//! What parent and worker say to each other: one JSON object a line, nothing else.

use serde::{Deserialize, Serialize};
use tokmark_model::{EngineFacts, Nanos, Repetition, Test, TokenSource};

use crate::{EngineError, LoadRequest, Loaded};

/// Version of the protocol. Parent and worker are one binary; the number guards against
/// a binary that was replaced while it ran.
pub const PROTOCOL_VERSION: u32 = 2;

/// All that a worker needs to get ready for one test.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Setup {
    /// Model and settings.
    pub load: LoadRequest,
    /// What will be measured.
    pub test: Test,
    /// Which tokens.
    pub tokens: TokenSource,
}

/// From the parent to the worker. Each is answered by messages up to one of the
/// terminal ones.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "command", rename_all = "snake_case")]
pub enum Command {
    /// Load and get ready: answered by `Opened`, then `Ready`.
    Setup(Box<Setup>),
    /// Free what was kept for the last test: answered by `Closed`.
    Close,
    /// Untimed repetitions until the last three agree, at most for this long and at
    /// least one: answered by `WarmedUp`.
    WarmUp {
        /// Time after which no further repetition starts.
        at_most_ns: Nanos,
    },
    /// Probes for the baseline, each after one untimed decode: answered by `Probed`.
    Probe {
        /// How many.
        n: u32,
    },
    /// Timed repetitions: answered by that many `Repeated`, then `BlockDone`.
    Repeat {
        /// How many.
        n: u32,
        /// Run the probe once before them, and one untimed decode after it.
        probe: bool,
        /// Share by which the worker makes each step longer, to show what would be found.
        #[serde(default)]
        delay: f64,
    },
}

/// From the worker to the parent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "answer", rename_all = "snake_case")]
pub enum Message {
    /// The first line: the worker lives.
    Hello {
        /// [`PROTOCOL_VERSION`] of the worker.
        protocol: u32,
        /// The engine.
        engine: Box<EngineFacts>,
    },
    /// Model and context are there; a decode is possible from now on.
    Opened {
        /// The model as the engine sees it.
        loaded: Loaded,
        /// Whether the model was loaded for this setup rather than kept.
        fresh: bool,
    },
    /// Ends a request to close.
    Closed,
    /// Tokens and the state at depth are there. Ends a setup.
    Ready {
        /// The tokens with their hash.
        tokens: TokenSource,
    },
    /// Ends a warm-up.
    WarmedUp {
        /// Length of each warm-up repetition.
        durations_ns: Vec<Nanos>,
    },
    /// Ends a request for probes.
    Probed {
        /// Time of each probe; empty where there is none.
        durations_ns: Vec<Nanos>,
    },
    /// One timed repetition.
    Repeated(Box<Repetition>),
    /// Ends a block of repetitions.
    BlockDone,
    /// Ends any command: it could not be done. The worker goes on.
    Refused(EngineError),
}

impl Message {
    /// Whether this message ends the answer to a command.
    pub fn is_terminal(&self) -> bool {
        match self {
            Message::Hello { .. }
            | Message::Closed
            | Message::Ready { .. }
            | Message::WarmedUp { .. }
            | Message::Probed { .. }
            | Message::BlockDone
            | Message::Refused(_) => true,
            Message::Opened { .. } | Message::Repeated(_) => false,
        }
    }
}
