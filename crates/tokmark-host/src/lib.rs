//! What the machine is, what else it does while a model runs, and what it has left.
//!
//! - **Facts** ([`machine_facts`]): hardware and system, read once.
//! - **Sensors** ([`Sensors`]): counters read just before and just after a
//!   repetition; their difference is a [`Noise`](tokmark_model::Noise).
//! - **Probe** ([`Probe`]): the same small work again and again, so that a machine
//!   that became slower is seen even where no counter tells.
//!
//! The crate deliberately knows no engine, no test, no statistics and no grade: it
//! never decides whether a figure is too noisy. It reads no machine id, serial
//! number or network address, no user name, and the host name only when asked.
//!
//! Linux is read in full. Elsewhere the facts come from `sysinfo` and sensors are
//! `None`. A file that is missing or unreadable is never an error: the figure is
//! `None`, and [`Sensors::unknown`] names it.
//!
//! ```
//! use tokmark_host::{FactOptions, Sensors, machine_facts};
//!
//! let facts = machine_facts(&FactOptions::default());
//! assert!(facts.cpu.n_logical >= 1 && facts.host_name.is_none());
//!
//! let me = std::process::id();
//! let sensors = Sensors::new(me, &[me]);
//! let before = sensors.read();
//! let after = sensors.read();
//! let noise = after.since(&before);
//! assert!(noise.other_cores.is_none()); // far too short a window to tell
//! ```

mod cgroup;
mod error;
mod facts;
mod headroom;
mod listener;
mod math_threads;
mod page_cache;
mod probe;
mod process;
mod quiet;
mod sensors;
mod tree;

pub use error::HostError;
pub use facts::{FactOptions, machine_facts};
pub use headroom::{ABOVE_SHARE, APPROACHING_SHARE, Headroom, available_memory, memory_headroom};
pub use listener::server_processes;
pub use math_threads::n_math_threads;
pub use page_cache::{evict, resident_share};
pub use probe::Probe;
pub use process::{ProcessMemory, process_memory, reset_peak};
pub use quiet::{BusyProcess, QuietOutcome, QuietState, busiest_processes, wait_quiet};
pub use sensors::{OTHER_CORES_ACCURACY, Reading, Sensors};
