//! The chores of the workspace, run as `cargo xtask ...`: the rules that no compiler
//! checks, generated files, and benchmarks of Tokmark itself.
//!
//! Exit code 0: all is well; 1: a finding, or a limit was missed; 2: it could not be done.

mod bench;
mod schema;
mod tidy;
mod workspace;

use std::process::ExitCode;

use anyhow::Result;
use clap::Parser;

use workspace::Workspace;

/// Chores of the Tokmark workspace
#[derive(Debug, Parser)]
#[command(name = "xtask", bin_name = "cargo xtask", disable_help_subcommand = true)]
#[command(after_help = "Examples:
  cargo xtask tidy
  cargo xtask bench --help")]
struct Cli {
    #[command(subcommand)]
    chore: Chore,
}

#[derive(Debug, clap::Subcommand)]
enum Chore {
    /// Check what the compiler doesn't: crate edges, file sizes, panics, stale files, white space
    #[command(after_help = "Examples:
  cargo xtask tidy
  cargo xtask tidy && git commit")]
    Tidy,
    /// Write docs/record.schema.json from the record's type
    #[command(after_help = "Examples:
  cargo xtask schema
  cargo xtask schema --check")]
    Schema {
        /// Write nothing; exit with 1 if the file is stale
        #[arg(long)]
        check: bool,
    },
    /// Measure Tokmark itself, against its promised limits
    #[command(subcommand)]
    Bench(bench::Bench),
}

fn main() -> ExitCode {
    match run(Cli::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::from(2)
        }
    }
}

/// Whether all is well.
fn run(cli: Cli) -> Result<bool> {
    let workspace = Workspace::read()?;
    match cli.chore {
        Chore::Tidy => tidy::run(&workspace),
        Chore::Schema { check: false } => schema::write(&workspace.root).map(|()| true),
        Chore::Schema { check: true } => schema::report(&workspace.root),
        Chore::Bench(bench) => bench::run(&bench, &workspace),
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}
