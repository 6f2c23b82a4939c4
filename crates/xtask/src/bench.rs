//! Measurements of Tokmark itself, each against its promised limit.

mod changes;
mod compare;
mod coverage;
mod example;
mod harness;
mod llama_bench;
mod load;
mod parity;
mod proc;
mod serve;

use anyhow::Result;

use crate::workspace::Workspace;

/// What is measured.
#[derive(Debug, clap::Subcommand)]
#[command(after_help = "Examples:
  cargo xtask bench harness --model model.gguf
  cargo xtask bench parity --llama-bench ./llama-bench --model model.gguf")]
pub(crate) enum Bench {
    /// Cost of a repetition and of a token stamp, start time, the parent's memory
    #[command(after_help = "Examples:
  cargo xtask bench harness --model model.gguf
  cargo xtask bench harness --model model.gguf --tokmark /usr/local/bin/tokmark")]
    Harness(harness::Options),
    /// Our rates over llama-bench's, in fresh processes in turn
    #[command(after_help = "Examples:
  cargo xtask bench parity --llama-bench ./llama-bench --model model.gguf
  cargo xtask bench parity --llama-bench ./llama-bench --model model.gguf --pairs 100 --threads 1")]
    Parity(parity::Options),
    /// The load client against a stub that knows the truth, each in a process of its own
    #[command(after_help = "Examples:
  cargo xtask bench load
  cargo xtask bench load --long 10m")]
    Load(load::Options),
    /// Verdicts on equal variants and on planted delays, beside those of the naive way
    #[command(after_help = "Examples:
  cargo xtask bench compare --model model.gguf
  cargo xtask bench compare --model model.gguf --experiments 5 --pairs 14")]
    Compare(compare::Options),
    /// How often the intervals hold the truth, by simulation
    #[command(after_help = "Examples:
  cargo xtask bench coverage
  cargo xtask bench coverage --trials 200 --seed 7")]
    Coverage(coverage::Options),
    /// How often change points are false and known steps are found, by simulation
    #[command(after_help = "Examples:
  cargo xtask bench changes
  cargo xtask bench changes --trials 200 --seed 7
  cargo xtask bench changes --model model.gguf")]
    Changes(changes::Options),
    /// The server over a large store: ingest, latency, memory, and paint in a browser
    #[command(after_help = "Examples:
  cargo xtask bench serve
  cargo xtask bench serve --only sqlite --records 20000 --machines 200 --keep target/serve")]
    Serve(serve::Options),
}

/// Whether every limit was kept.
///
/// # Errors
/// When something could not be measured.
pub(crate) fn run(bench: &Bench, workspace: &Workspace) -> Result<bool> {
    match bench {
        Bench::Harness(options) => harness::run(options, workspace),
        Bench::Parity(options) => parity::run(options, workspace),
        Bench::Load(options) => load::run(options, workspace),
        Bench::Compare(options) => compare::run(options, workspace),
        Bench::Coverage(options) => coverage::run(options, workspace),
        Bench::Changes(options) => changes::run(options, workspace),
        Bench::Serve(options) => serve::run(options, workspace),
    }
}
