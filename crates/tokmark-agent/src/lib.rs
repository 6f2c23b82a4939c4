//! Work taken from a server and results brought to it.
//!
//! Five nouns. A [`Client`] speaks to one server and says apart why it got no answer. An
//! [`Outbox`] is a folder of batches that no crash loses between a measurement and the server's
//! word that it has it. A [`Runner`] does what a job asks for; [`ProcessRunner`] does it with a
//! process of this program. An [`Agent`] takes jobs by lease, has them run, tells how far they
//! are, honours a cancel, and uploads what was measured. A [`MachineKey`] signs it.
//!
//! This crate deliberately knows no engine, no store, no statistics and no terminal, and the
//! server decides nothing here but which of the announced models is measured how: no path, no
//! address and no flag comes from it. What the server says is hostile text: it is cut and
//! escaped before anybody sees it. The token is in no error.
//!
//! ```no_run
//! use tokmark_agent::{Client, Outbox};
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let records = Vec::new();
//! let client = Client::new("https://bench.example.org", Some("a token"))?;
//! let outbox = Outbox::open("outbox")?;
//! outbox.add(&records)?;
//! let sent = outbox.send_all(&client)?;
//! println!("{} new records", sent.n_new);
//! # Ok(())
//! # }
//! ```

mod agent;
mod backoff;
mod client;
mod command;
mod error;
mod key;
mod outbox;
mod pace;
mod packed;
mod process;
mod runner;
mod shown;

pub use agent::{Agent, AgentEvent, AgentOptions, Ending, Offer};
pub use client::{Client, Uploaded};
pub use command::command_line;
pub use error::{AgentError, ClientError, OutboxError};
pub use key::{KeyError, MachineKey};
pub use outbox::{Outbox, RefusedRecord, Sent};
pub use pace::{Pace, Stop};
pub use process::ProcessRunner;
pub use runner::{Ended, Runner, Running};
