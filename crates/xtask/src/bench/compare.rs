//! Verdicts of `tokmark ab` on the real model: of two equal variants, and of one that delays
//! itself by a known share; beside them those of the naive way.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use tokmark_model::{Record, Verdict};
use tokmark_stats::median;

use super::harness;
use crate::workspace::Workspace;

/// Issue 4: verdicts other than the same or undecided, of 20 experiments with equal variants.
const MAX_FALSE: u32 = 1;
/// Planted delays of the second variant.
const DELAYS: [f64; 2] = [0.03, 0.10];

/// What is measured with.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// The model
    #[arg(long, value_name = "FILE")]
    model: PathBuf,
    /// The program [default: release/tokmark in the target folder]
    #[arg(long, value_name = "FILE")]
    tokmark: Option<PathBuf>,
    /// Another llama-bench for the naive way [default: the program under that name]
    #[arg(long, value_name = "FILE")]
    llama_bench: Option<PathBuf>,
    /// Experiments of each sort
    #[arg(long, value_name = "N", default_value_t = 20)]
    experiments: u32,
    /// Pairs of an experiment at most
    #[arg(long, value_name = "N", default_value_t = 28)]
    pairs: u32,
    /// Prompt tokens
    #[arg(long, value_name = "N", default_value_t = 32)]
    prompt: u32,
    /// Generated tokens
    #[arg(long, value_name = "N", default_value_t = 8)]
    generate: u32,
}

/// What the experiments of one sort said.
#[derive(Debug, Default)]
struct Said {
    n_slower: u32,
    n_faster: u32,
    n_same: u32,
    n_undecided: u32,
    /// What each experiment found, by test.
    by_test: Vec<(String, Vec<Found>)>,
}

/// Of one test in one experiment.
#[derive(Debug)]
struct Found {
    n_pairs: f64,
    ratio: f64,
    half_width: f64,
}

/// Prints what was said; returns whether equal variants were called different seldom enough.
///
/// # Errors
/// When something could not be measured.
pub(crate) fn run(options: &Options, workspace: &Workspace) -> Result<bool> {
    let tokmark = harness::tokmark(options.tokmark.as_deref(), workspace)?;
    let folder = tempfile::tempdir()?;
    let n = options.experiments;
    println!(
        "{n} experiments each, pp{} and tg{}, at most {} pairs, same within 2 %:",
        options.prompt, options.generate, options.pairs
    );
    let equal = said(options, &tokmark, folder.path(), 0.0)?;
    equal.print("equal variants (A/A)");
    for delay in DELAYS {
        let found = said(options, &tokmark, folder.path(), delay)?;
        found.print(&format!("B delays itself by {:.0} %", 100.0 * delay));
    }
    naive(options, &tokmark, folder.path())?;
    let n_false = equal.n_slower + equal.n_faster;
    let kept = n_false <= MAX_FALSE * n.div_ceil(20);
    let word = if kept { "ok" } else { "MISSED" };
    println!(
        "equal variants called different: {n_false} of {n}, at most {MAX_FALSE} of 20  {word}"
    );
    Ok(kept)
}

fn said(options: &Options, tokmark: &Path, folder: &Path, delay: f64) -> Result<Said> {
    let mut said = Said::default();
    for seed in 0..options.experiments {
        let record = experiment(options, tokmark, folder, delay, seed)?;
        said.add(&record)?;
        eprintln!(
            "  delay {delay}, seed {seed}: {} slower, {} faster, {} the same, {} undecided so far",
            said.n_slower, said.n_faster, said.n_same, said.n_undecided
        );
    }
    Ok(said)
}

fn experiment(
    options: &Options,
    tokmark: &Path,
    folder: &Path,
    delay: f64,
    seed: u32,
) -> Result<Record> {
    let output = Command::new(tokmark)
        .arg("ab")
        .arg("-m")
        .arg(&options.model)
        .args(["-p", &options.prompt.to_string(), "-n", &options.generate.to_string()])
        .args(["--pairs", &options.pairs.to_string(), "--seed", &seed.to_string()])
        .args(["--plant", &(100.0 * delay).to_string(), "--no-power", "-o", "json"])
        .arg("--db")
        .arg(folder.join("records.db"))
        .output()
        .context("cannot run tokmark ab")?;
    let code = output.status.code();
    ensure!(
        matches!(code, Some(0 | 1)),
        "tokmark ab ended with {code:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(serde_json::from_slice(&output.stdout)?)
}

impl Said {
    fn add(&mut self, record: &Record) -> Result<()> {
        let experiment = record.experiment.as_deref().context("no experiment")?;
        match experiment.overall.context("no verdict")? {
            Verdict::Slower => self.n_slower += 1,
            Verdict::Faster => self.n_faster += 1,
            Verdict::Same => self.n_same += 1,
            Verdict::Undecided => self.n_undecided += 1,
        }
        for contest in &experiment.contests {
            let comparison = &contest.pairings.first().context("no pairs")?.comparison;
            let label = contest.test.label();
            let found = Found {
                n_pairs: f64::from(comparison.n_pairs),
                ratio: comparison.ratio,
                half_width: comparison.half_width.unwrap_or(f64::NAN),
            };
            match self.by_test.iter_mut().find(|(name, _)| *name == label) {
                Some((_, all)) => all.push(found),
                None => self.by_test.push((label, vec![found])),
            }
        }
        Ok(())
    }

    fn print(&self, what: &str) {
        println!(
            "{what}: {} slower, {} faster, {} the same, {} undecided",
            self.n_slower, self.n_faster, self.n_same, self.n_undecided
        );
        for (label, all) in &self.by_test {
            let of = |part: fn(&Found) -> f64| -> f64 {
                let values: Vec<f64> = all.iter().map(part).filter(|v| v.is_finite()).collect();
                median(&values).unwrap_or(f64::NAN)
            };
            println!(
                "  {label:<6} medians: {:.0} pairs, ratio {:.4}, half width {:.1} %",
                of(|found| found.n_pairs),
                of(|found| found.ratio),
                100.0 * of(|found| found.half_width)
            );
        }
    }
}

/// Two runs of llama-bench, five repetitions each; different where mean ± deviation part.
fn naive(options: &Options, tokmark: &Path, folder: &Path) -> Result<()> {
    let own = folder.join("llama-bench");
    let program = match &options.llama_bench {
        Some(program) => program.clone(),
        None => {
            std::fs::copy(tokmark, &own).context("cannot copy the program")?;
            own
        }
    };
    let mut n_false = 0;
    for _ in 0..options.experiments {
        let (first, second) =
            (ranges(options, &program, folder)?, ranges(options, &program, folder)?);
        let apart = |(a, b): (&(f64, f64), &(f64, f64))| a.1 < b.0 || b.1 < a.0;
        n_false += u32::from(first.iter().zip(&second).any(apart));
    }
    println!(
        "the naive way, two runs of llama-bench -r 5: {n_false} of {} called different",
        options.experiments
    );
    Ok(())
}

/// Mean ± deviation of each test.
fn ranges(options: &Options, program: &Path, folder: &Path) -> Result<Vec<(f64, f64)>> {
    let output = Command::new(program)
        .arg("-m")
        .arg(&options.model)
        .args(["-p", &options.prompt.to_string(), "-n", &options.generate.to_string()])
        .args(["-r", "5", "-o", "json"])
        .env("TOKMARK_DATA", folder)
        .output()
        .context("cannot run llama-bench")?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let rows: Vec<Value> = serde_json::from_slice(&output.stdout)?;
    rows.iter()
        .map(|row| {
            let number = |name: &str| row[name].as_f64().with_context(|| format!("no {name}"));
            let (mean, deviation) = (number("avg_ts")?, number("stddev_ts")?);
            Ok((mean - deviation, mean + deviation))
        })
        .collect()
}
