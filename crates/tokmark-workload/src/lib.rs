//! What requests say: shapes, prompts of real text, conversations, traces.
//!
//! Three nouns carry it. A [`Shape`] says in a small YAML file what requests look like. A
//! [`Trace`] holds requests that were recorded, or described by their lengths and times. A
//! [`PromptSource`] makes [`PlannedRequest`]s of either: request after request, turn after turn.
//!
//! All text is made by a grammar from the word lists in `text/`, which were written for this
//! project and are in the public domain, and from a seed. The same seed, number and tokenizer
//! give the same bytes on every platform. Where a caller has no tokenizer, lengths are assumed
//! from characters per token as measured on these texts.
//!
//! The crate deliberately knows no file, clock, network or API: callers hand in text and bytes,
//! a schedule decides when a request is due, and a client decides how it is sent.
//!
//! ```
//! use tokmark_workload::{PromptSource, Shape, SourceOptions};
//!
//! let shape = Shape::builtin("chat")?;
//! let source = PromptSource::from_shape(shape, SourceOptions { seed: 7, ..Default::default() })?;
//! let request = source.request(0);
//! assert_eq!((request.n_prompt_target, request.max_tokens), (36, 100));
//! assert_ne!(request.messages, source.request(1).messages);
//! # Ok::<(), tokmark_workload::WorkloadError>(())
//! ```

mod arguments;
mod body;
mod error;
mod fit;
mod length;
mod prompt;
mod random;
mod shape;
mod source;
mod template;
mod trace;
mod vocabulary;

pub use error::WorkloadError;
pub use fit::{CountTokens, LengthBasis};
pub use length::{Length, MAX_TOKENS};
pub use prompt::{N_KEPT_PROMPTS, PromptText, unique_opening, write_text};
pub use shape::{Content, PastCall, Shape, definitions_text};
pub use source::{PlannedRequest, PromptSource, SourceOptions, Tokenizer};
pub use trace::{
    BLOCK_TOKENS, MAX_LINE_BYTES, Trace, TraceFormat, TracePrompt, TraceSession, TraceTurn,
};
