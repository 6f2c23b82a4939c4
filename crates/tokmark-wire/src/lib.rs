//! The bytes of LLM servers: streams and bodies read, requests written, servers told apart.
//!
//! Four nouns carry it. [`Frames`] cuts a streamed answer into events, whatever pieces it
//! arrives in. A [`Decoder`] makes a [`Delta`] of each event: reasoning, answer, tool calls,
//! counts, the server's own times. An [`Ask`] becomes the body of a request in the words of
//! each API and [`Dialect`]. [`identify`] tells the dialect from a server's answers to
//! [`probes`], with its facts and abilities.
//!
//! The crate deliberately knows no socket, no file, no clock and no schedule: bytes come from
//! the caller and go to the caller, who also takes the times. It keeps no record and judges no
//! figure. Whatever bytes come, it does not panic.
//!
//! # How sure the dialects are
//!
//! llama.cpp (through xllamacpp 2026.10), vLLM 0.32.0 and mlx_lm 0.32.2 are tested on answers
//! recorded from the running servers (`tests/fixtures/streams`). **Not verified against a live
//! server** are Ollama, SGLang, LM Studio, Lemonade and OpenRouter: they follow documentation
//! and source, and `tests/fixtures/handmade/README.md` names page and version for each answer
//! made by hand from them. Speculative decoding, reasoning and tool calls were in no recording
//! and follow documentation for all servers.
//!
//! ```
//! use tokmark_model::Api;
//! use tokmark_wire::{Assembled, DEFAULT_MAX_FRAME_BYTES, Decoder, Frame, Frames, Framing};
//!
//! let mut frames = Frames::new(Framing::of(Api::Chat), DEFAULT_MAX_FRAME_BYTES);
//! let mut decoder = Decoder::new(Api::Chat, false);
//! let mut answer = Assembled::default();
//! let mut is_done = false;
//! for piece in ["data: {\"choices\":[{\"delta\":{\"con", "tent\":\"Hi\"}}]}\n\ndata: [DONE]\n\n"] {
//!     frames.push(piece.as_bytes(), &mut |frame| match frame {
//!         Frame::Data(event) => answer.add(&decoder.decode(event).expect("a valid event")),
//!         Frame::Done => is_done = true,
//!         Frame::TooLong | Frame::Cut(_) => unreachable!(),
//!     });
//! }
//! assert!(is_done);
//! assert_eq!(answer.answer, "Hi");
//! ```

mod base_url;
mod decode;
mod dialect;
mod error;
mod frame;
mod prometheus;
mod request;
mod tokenizer;

pub use base_url::BaseUrl;
pub use decode::{
    Assembled, Correction, Decoder, Delta, ServerError, ToolCallPart, Usage, error_message,
    system_fingerprint,
};
pub use dialect::{
    Abilities, Dialect, Identified, LoadedModel, Probe, ProbeAnswer, ThinkSwitch, identify,
    ollama_loaded, probes,
};
pub use error::WireError;
pub use frame::{DEFAULT_MAX_FRAME_BYTES, Frame, Frames, Framing};
pub use prometheus::ServerGauges;
pub use request::{Ask, Body, OLLAMA_KEEP_ALIVE, path};
pub use tokenizer::TokenizerRoute;
