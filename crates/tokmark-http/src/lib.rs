//! Engines behind HTTP: any OpenAI-compatible server, and Ollama.
//!
//! An [`Endpoint`] is a server that was asked what it is. [`drive`] sends it the requests of
//! one load point, however they arrive: closed loop, open loop and replay differ in the
//! schedule alone. What comes back is a [`FinishedLog`]: a sample for each request, with the
//! times at which the kernel took its bytes in.
//!
//! This crate deliberately does not know what servers' bytes mean (`tokmark-wire`), what is
//! asked (`tokmark-workload`), when (`tokmark_run::Schedule`), or what the times say
//! (`tokmark-stats`).
//!
//! ```no_run
//! use tokmark_http::{Endpoint, EndpointOptions};
//! let endpoint = Endpoint::open(&["127.0.0.1:8080"], &EndpointOptions::default())?;
//! println!("{} {:?}", endpoint.facts().dialect, endpoint.facts().models);
//! # Ok::<(), tokmark_http::HttpError>(())
//! ```

mod clock;
mod collector;
mod connection;
mod counts;
mod drive;
mod endpoint;
mod error;
mod exchange;
mod fetch;
mod log;
mod pace;
mod pool;
mod receive;
mod scrape;
mod target;
mod tls_reason;
mod tokenizer;
mod uncounted;

pub use collector::{Ended, Flow, Progress, Watcher};
pub use drive::{Driven, drive};
pub use endpoint::{Endpoint, EndpointOptions, answers, discover, usual_ports};
pub use error::HttpError;
pub use exchange::Finished;
pub use log::{FinishedLog, RequestLog};
pub use scrape::Scraper;
pub use target::{Target, TargetOptions};
pub use tokenizer::ServerTokenizer;
pub use tokmark_wire::ServerGauges;
pub use uncounted::Uncounted;
