//! The simulation of intervals and comparisons, which is an example of `tokmark-stats`.

use anyhow::Result;

use super::example::simulate;
use crate::workspace::Workspace;

/// How much is simulated.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Trials of each scenario
    #[arg(long, value_name = "N", default_value_t = 2_000)]
    trials: u32,
    /// Seed of the simulation
    #[arg(long, value_name = "N", default_value_t = 20_260_101)]
    seed: u64,
}

/// Runs it; returns whether its bounds hold.
///
/// # Errors
/// When it can't be built or started.
pub(crate) fn run(options: &Options, workspace: &Workspace) -> Result<bool> {
    simulate("coverage", options.trials, options.seed, &[], workspace)
}
