//! Servers started for a measurement and stopped after it, as a recipe says: command,
//! environment, port, how long each step may take, how to stop it.
//!
//! It knows no HTTP: whether a server is ready is for the caller to find out. It knows no
//! engine, no measurement and no statistic, and it never runs a shell.
//!
//! Three nouns: a [`Recipe`] is what the YAML file says; [`Filled`] is the recipe with every
//! placeholder replaced; [`Running`] is the server, which is gone when this is dropped.
//! Where a [`GuardCommand`] is given, a process of its own holds the server, and kills all of
//! it when this process dies, even of SIGKILL.
//!
//! Should the guard itself be killed (Linux), the kernel kills the server, and whoever drops
//! or stops its [`Running`] kills the rest: the processes of the server's session, and those
//! that carry its mark, the variable `TOKMARK_SERVER` in their environment. Then, and where
//! there is no guard, some processes may stay:
//!
//! - Those that left the session, lost their parent, and hide the mark: they were started with
//!   an emptied environment, overwrote it (with a title for lists of processes, say), or
//!   belong to another user.
//! - Those that left the session, where this process ends before it has stopped the server, or
//!   right after a drop: where the guard still seemed to live, a thread waits to see whether it
//!   did its work.
//!
//! Guarded or not, a process that is started for the server by others, as a service or a
//! container is, belongs to them; one of another user cannot be killed; and nobody waits longer
//! than 5 s for processes to die.
//!
//! ```no_run
//! use tokmark_recipe::{Readiness, Recipe, Running, StartOptions, Values};
//!
//! # fn main() -> Result<(), tokmark_recipe::RecipeError> {
//! let recipe = Recipe::builtin("llama-server").expect("it is shipped");
//! let values = Values { model: Some("model.gguf".to_owned()), ..Values::default() };
//! let options = StartOptions::new(std::env::temp_dir());
//! let mut ready = |_address: &tokmark_recipe::Address| Readiness::Ready; // ask over HTTP
//! let server = Running::start(&recipe, &values, &options, &mut ready, &|| false)?;
//! println!("{} after {:?}", server.url(), server.ready_after());
//! server.stop();
//! # Ok(())
//! # }
//! ```

mod address;
mod builtin;
mod command;
mod duration;
mod error;
mod fill;
mod guard;
mod launch;
mod log;
mod placeholder;
mod process;
mod pull;
mod recipe;
mod running;
mod secret;
mod start;
mod stop;
mod tree;
mod yaml;

pub use address::{Address, PortOwner};
pub use builtin::{Builtin, builtins};
pub use command::find_program;
pub use error::{LogTail, RecipeError};
pub use fill::{Filled, FilledPull, Values};
pub use guard::{GUARD, GuardCommand, guard_main};
pub use process::Exit;
pub use recipe::{FirstLoad, Need, Port, Pull, Ready, Recipe, Stop, StopSignal};
pub use running::Running;
pub use start::{Readiness, StartOptions};
pub use stop::StopReport;
