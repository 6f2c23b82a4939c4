//! A server of known times, for checking a load client.
//!
//! It speaks the API of OpenAI and that of Ollama, streams words on an exact schedule, and records
//! when it handed each event to the kernel: the *truth* ([`Truth`], `GET /stub/truth`), against
//! which a client's own figures can be held. It misbehaves in every way that real servers do, for
//! all requests ([`Behaviour`]) or for one, by the header `x-stub` in the words of [`MODES`]. Being
//! cheap is the point: client and server share one machine, so each thread is one event loop that
//! writes byte strings made before.
//!
//! Paths: `POST /v1/chat/completions`, `/v1/completions`, `/api/chat`, `/api/generate`;
//! `GET /v1/models`, `/health`, `/metrics`, `/version` and what else belongs to the [`Dialect`];
//! `GET /stub/truth`, `/stub/summary`, `/stub/config`, `POST /stub/reset`. A request's header
//! `x-request-id` with a whole number is repeated in its [`TruthRow`].
//!
//! It deliberately knows no model, no tokenizer (a word is a token) and no client: it does not
//! judge whether somebody measured well. It speaks no TLS and no HTTP/2.
//!
//! ```
//! use std::io::{Read, Write};
//! use tokmark_stub::{Options, Stub};
//!
//! let stub = Stub::start(Options::default())?;
//! let mut client = std::net::TcpStream::connect(stub.address())?;
//! let body = r#"{"prompt": "Name three rivers.", "max_tokens": 3, "stream": true}"#;
//! write!(
//!     client,
//!     "POST /v1/completions HTTP/1.1\r\nx-request-id: 7\r\nx-stub: ttft-ms=1 itl-ms=1\r\n\
//!      connection: close\r\ncontent-length: {}\r\n\r\n{body}",
//!     body.len()
//! )?;
//! let mut answer = String::new();
//! client.read_to_string(&mut answer)?;
//! assert!(answer.contains("river") && answer.contains("[DONE]"));
//!
//! let truth = stub.truth();
//! assert_eq!((truth.rows[0].id, truth.rows[0].n_events), (Some(7), 3));
//! assert!(truth.rows[0].first_text_ns >= Some(truth.rows[0].received_ns + 1_000_000));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod account;
mod agenda;
mod alarm;
mod ask;
mod behaviour;
mod clock;
mod connection;
mod control;
mod desk;
mod error;
mod hall;
mod http;
mod modes;
mod options;
mod pages;
mod plan;
mod prefix;
mod row_log;
mod script;
mod server;
mod shared;
mod slots;
mod stream;
mod table;
mod trailer;
mod truth;
mod voice;
mod whole;
mod words;
mod worker;

pub use behaviour::{Beginning, Behaviour, Fault, Opening, Reasoning, ReasoningForm, UsageReport};
pub use clock::monotonic_ns;
pub use error::StubError;
pub use modes::{MODES, Mode};
pub use options::{Dialect, Options};
pub use server::{Running, Stub, run_until};
pub use truth::{COLUMNS, LATENESS_BOUNDS_US, Outcome, Summary, Truth, TruthRow};
