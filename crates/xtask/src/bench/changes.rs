//! The simulation of change points, which is an example of `tokmark-stats`: at several noises,
//! or at this machine's.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use tokmark_model::Record;
use tokmark_stats::autocorrelation_lag1;

use super::example::simulate;
use super::harness;
use crate::workspace::Workspace;

const TRIALS: u32 = 400;
const SEED: u64 = 20_260_101;
/// Runs by which this machine's noise is known.
const RUNS: usize = 40;

/// How much is simulated.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Series drawn of each scenario
    #[arg(long, value_name = "N", default_value_t = TRIALS)]
    trials: u32,
    /// Seed of the simulation
    #[arg(long, value_name = "N", default_value_t = SEED)]
    seed: u64,
    /// Measure with this model how far runs of this machine spread, and draw such series
    #[arg(long, value_name = "FILE")]
    model: Option<PathBuf>,
    /// Runs that are measured for it
    #[arg(long, value_name = "N", default_value_t = RUNS)]
    runs: usize,
    /// The program [default: release/tokmark in the target folder]
    #[arg(long, value_name = "FILE")]
    tokmark: Option<PathBuf>,
}

impl Options {
    /// Series with the noise that runs of this model have here.
    pub(super) fn at_noise_of(model: &Path, tokmark: Option<&Path>) -> Self {
        Options {
            trials: TRIALS,
            seed: SEED,
            model: Some(model.to_owned()),
            runs: RUNS,
            tokmark: tokmark.map(Path::to_owned),
        }
    }
}

/// Runs it; returns whether its bounds hold.
///
/// # Errors
/// When it can't be built or started, or nothing could be measured.
pub(crate) fn run(options: &Options, workspace: &Workspace) -> Result<bool> {
    let Some(model) = &options.model else {
        return simulate("changes", options.trials, options.seed, &[], workspace);
    };
    let tokmark = harness::tokmark(options.tokmark.as_deref(), workspace)?;
    let folder = tempfile::tempdir()?;
    let mut series: Vec<(String, Vec<f64>)> = Vec::new();
    for _ in 0..options.runs {
        let output = Command::new(&tokmark)
            .args(["bench", "-p", "32", "-n", "8", "-r", "5", "-o", "tokmark-jsonl", "-m"])
            .arg(model)
            .env("TOKMARK_DATA", folder.path())
            .output()
            .context("cannot run tokmark bench")?;
        ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        for line in output.stdout.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()) {
            let record: Record = serde_json::from_slice(line).context("no record")?;
            let rate = record.summary.as_ref().context("no figure")?.rate.rate_tps.get();
            match series.iter_mut().find(|(label, _)| *label == record.label()) {
                Some((_, rates)) => rates.push(rate.ln()),
                None => series.push((record.label(), vec![rate.ln()])),
            }
        }
    }
    let mut all_met = true;
    for (label, logarithms) in &series {
        let (spread, lag1) = noise(logarithms).context("too few runs")?;
        println!(
            "{label}: {} runs, spread {:.1} %, lag 1 {lag1:.2}",
            logarithms.len(),
            100.0 * spread
        );
        // Nothing is lost by taking runs that repel each other for independent ones.
        let noise = [spread, lag1.max(0.0)];
        all_met &= simulate("changes", options.trials, options.seed, &noise, workspace)?;
        println!();
    }
    Ok(all_met)
}

/// Standard deviation and lag-1 autocorrelation; `None` for fewer than three values, and for
/// equal ones.
fn noise(values: &[f64]) -> Option<(f64, f64)> {
    let n = values.len() as f64;
    if n < 3.0 {
        return None;
    }
    let mean = values.iter().sum::<f64>() / n;
    let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    Some(((squares / (n - 1.0)).sqrt(), autocorrelation_lag1(values)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn noise_of_a_series_by_hand() {
        let (spread, lag1) = noise(&[1.0, -1.0, 1.0, -1.0]).unwrap();
        assert!((spread - (4.0f64 / 3.0).sqrt()).abs() < 1e-12);
        assert!((lag1 + 0.75).abs() < 1e-12);
        assert_eq!(noise(&[1.0, 2.0]), None);
        assert_eq!(noise(&[2.0, 2.0, 2.0]), None);
    }
}
