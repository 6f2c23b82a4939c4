//! The simulation of `tokmark-stats`, which is an example of that crate.

use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::workspace::{Workspace, cargo};

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

/// Builds the example and runs it; returns whether its bounds hold.
///
/// # Errors
/// When it can't be built or started.
pub(crate) fn run(options: &Options, workspace: &Workspace) -> Result<bool> {
    // With the whole workspace selected, dependencies keep the features that they were
    // already built with.
    let built = Command::new(cargo())
        .args(["build", "--quiet", "--release", "--workspace", "--example", "coverage"])
        .current_dir(&workspace.root)
        .status()
        .context("cargo can't be run")?;
    ensure!(built.success(), "the example `coverage` of tokmark-stats can't be built");
    let program = workspace.target.join("release/examples/coverage");
    let status = Command::new(&program)
        .args([options.trials.to_string(), options.seed.to_string()])
        .status()
        .with_context(|| format!("{} can't be run", program.display()))?;
    Ok(status.success())
}
