//! Command lines that make what a record holds again, as far as the record knows.
//!
//! Records come from anywhere and are hostile: whatever they say, a shell that is given the line
//! runs `tokmark` with these words and nothing else.

mod bench;
mod load;
pub mod shell;

use tokmark_model::Record;

pub use load::{commands as load_commands, needs_file};

/// The command that measures `record` again.
pub fn command(record: &Record) -> String {
    if let Some(experiment) = &record.experiment {
        let words =
            std::iter::once("tokmark").chain(experiment.arguments.iter().map(|word| &**word));
        return shell::line(words);
    }
    let of_load = load_commands(std::slice::from_ref(record)).pop();
    of_load.unwrap_or_else(|| bench::command(record))
}
