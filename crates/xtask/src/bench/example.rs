//! Examples of `tokmark-stats` that simulate.

use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::workspace::{Workspace, cargo};

/// Builds the example `name` and runs it with trials, seed and whatever else it takes; returns
/// whether its bounds hold.
///
/// # Errors
/// When it can't be built or started.
pub(super) fn simulate(
    name: &str,
    trials: u32,
    seed: u64,
    more: &[f64],
    workspace: &Workspace,
) -> Result<bool> {
    // With the whole workspace selected, dependencies keep the features that they were
    // already built with.
    let built = Command::new(cargo())
        .args(["build", "--quiet", "--release", "--workspace", "--example", name])
        .current_dir(&workspace.root)
        .status()
        .context("cargo can't be run")?;
    ensure!(built.success(), "the example `{name}` of tokmark-stats can't be built");
    let program = workspace.target.join("release/examples").join(name);
    let status = Command::new(&program)
        .args([trials.to_string(), seed.to_string()])
        .args(more.iter().map(f64::to_string))
        .status()
        .with_context(|| format!("{} can't be run", program.display()))?;
    Ok(status.success())
}
