//! Verdicts of `tokmark ab` on the real model: of two equal variants, and of one that delays
//! itself by a known share; beside them those of the naive way.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;
use tokmark_model::{Record, Verdict};
use tokmark_stats::median;

use super::harness;
use crate::workspace::Workspace;

/// Issue 4: verdicts other than the same or undecided, of 20 experiments with equal variants.
const MAX_FALSE: u32 = 1;
/// Experiments of 20 in which a planted delay of 10 % has to be found.
const MIN_FOUND: u32 = 18;

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
    /// Experiments in which any test said slower or faster.
    n_different: u32,
    n_slower: u32,
    n_faster: u32,
    n_same: u32,
    n_undecided: u32,
    /// What each experiment found, by test.
    by_test: Vec<(String, Vec<Found>)>,
    /// Shares of tries in which each claimed to find 3 %, by test.
    claimed: Vec<(String, Vec<f64>)>,
}

/// Of one test in one experiment.
#[derive(Debug)]
struct Found {
    verdict: Verdict,
    n_pairs: f64,
    ratio: f64,
    half_width: f64,
}

/// Prints what was said; returns whether equal variants were called different seldom enough,
/// and the larger planted delay was found often enough: a run that decides nothing passes
/// neither.
///
/// # Errors
/// When something could not be measured.
pub(crate) fn run(options: &Options, workspace: &Workspace) -> Result<bool> {
    let tokmark = harness::tokmark(options.tokmark.as_deref(), workspace)?;
    let folder = tempfile::tempdir()?;
    let naive_way = Naive::new(options, &tokmark, folder.path())?;
    let n = options.experiments;
    println!(
        "{n} experiments each, pp{} and tg{}, at most {} pairs, same within 2 %:",
        options.prompt, options.generate, options.pairs
    );
    // Round by round, so that every sort meets the same hour of the machine.
    let mut all: Vec<Said> = SHARES.iter().map(|_| Said::default()).collect();
    let mut n_naive = 0;
    for seed in 0..n {
        for (said, share) in all.iter_mut().zip(SHARES) {
            said.add(&experiment(options, &tokmark, folder.path(), share, seed)?)?;
        }
        n_naive += u32::from(naive_way.calls_different()?);
        eprintln!("after {} of {n} rounds:", seed + 1);
        for (said, share) in all.iter().zip(SHARES) {
            eprintln!("  {}: {}", sort(share), said.verdicts());
        }
        eprintln!("  the naive way: {n_naive} called different");
    }
    for (said, share) in all.iter().zip(SHARES) {
        said.print(&sort(share));
    }
    let naive = match &options.llama_bench {
        Some(program) => program.display().to_string(),
        None => "tokmark under that name".to_owned(),
    };
    println!(
        "the naive way, two runs of llama-bench -r 5 ({naive}): {n_naive} of {n} called different"
    );
    let [equal, small, large] = all.as_slice() else { bail!("three sorts") };
    print_power(equal, small);
    let is_passed = is_passed(equal, large, n);
    println!("\nChange points at this machine's noise:\n");
    let noise = super::changes::Options::at_noise_of(&options.model, options.tokmark.as_deref());
    Ok(super::changes::run(&noise, workspace)? && is_passed)
}

/// Planted delays of the second variant; none for equal variants.
const SHARES: [f64; 3] = [0.0, 0.03, 0.10];

fn sort(share: f64) -> String {
    match share {
        0.0 => "equal variants (A/A)".to_owned(),
        share => format!("B delays itself by {:.0} %", 100.0 * share),
    }
}

/// What equal variants' experiments claimed to find, beside what was found of what was planted.
fn print_power(equal: &Said, small: &Said) {
    for (label, claims) in &equal.claimed {
        let same = small.by_test.iter().find(|(own, _)| own == label);
        let found = same.map(|(_, all)| all.as_slice()).unwrap_or_default();
        let n_found = found.iter().filter(|found| found.verdict == Verdict::Slower).count();
        println!(
            "{label}, 3 %: the A/A experiments claim to find it in {:.0} % (median of {}); found in \
             {n_found} of {} ({:.0} %)",
            100.0 * median(claims).unwrap_or(f64::NAN),
            claims.len(),
            found.len(),
            100.0 * n_found as f64 / found.len().max(1) as f64
        );
    }
}

/// The two rules, each with its line.
fn is_passed(equal: &Said, large: &Said, n: u32) -> bool {
    let n_false = equal.n_different;
    let seldom = n_false <= MAX_FALSE * n.div_ceil(20);
    let often = 20 * large.n_slower >= MIN_FOUND * n && large.n_slower > 0;
    let word = |kept: bool| if kept { "ok" } else { "MISSED" };
    println!(
        "equal variants called different: {n_false} of {n}, at most {MAX_FALSE} of 20  {}",
        word(seldom)
    );
    println!(
        "planted 10 % found: {} of {n}, at least {MIN_FOUND} of 20  {}",
        large.n_slower,
        word(often)
    );
    seldom && often
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
        .args(["--budget", "1h"])
        .args(["--plant", &(100.0 * delay).to_string(), "-o", "json"])
        // Only equal variants are asked what they would find: it is to be held against what was
        // found of what was planted.
        .args((delay > 0.0).then_some("--no-power"))
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
        let is_different = |verdict| matches!(verdict, Verdict::Slower | Verdict::Faster);
        let pairings = experiment.contests.iter().flat_map(|contest| &contest.pairings);
        let mut verdicts = pairings.map(|pairing| pairing.comparison.verdict);
        self.n_different += u32::from(verdicts.any(is_different));
        for contest in &experiment.contests {
            let comparison = &contest.pairings.first().context("no pairs")?.comparison;
            let label = contest.test.label();
            let found = Found {
                verdict: comparison.verdict,
                n_pairs: f64::from(comparison.n_pairs),
                ratio: comparison.ratio,
                half_width: comparison.half_width.unwrap_or(f64::NAN),
            };
            if let Some(power) = contest.power {
                let claim = f64::from(power.n_found) / f64::from(power.n_tries.max(1));
                match self.claimed.iter_mut().find(|(name, _)| *name == label) {
                    Some((_, all)) => all.push(claim),
                    None => self.claimed.push((label.clone(), vec![claim])),
                }
            }
            match self.by_test.iter_mut().find(|(name, _)| *name == label) {
                Some((_, all)) => all.push(found),
                None => self.by_test.push((label, vec![found])),
            }
        }
        Ok(())
    }

    fn verdicts(&self) -> String {
        format!(
            "{} slower, {} faster, {} the same, {} undecided",
            self.n_slower, self.n_faster, self.n_same, self.n_undecided
        )
    }

    fn print(&self, what: &str) {
        println!("{what}: {}", self.verdicts());
        for (label, all) in &self.by_test {
            let slower: Vec<&Found> =
                all.iter().filter(|found| found.verdict == Verdict::Slower).collect();
            println!("  {label:<6} slower in {} of {}", slower.len(), all.len());
            print_medians("of all", &all.iter().collect::<Vec<_>>());
            print_medians("of the slower", &slower);
        }
    }
}

fn print_medians(of_which: &str, found: &[&Found]) {
    if found.is_empty() {
        return;
    }
    let of = |part: fn(&Found) -> f64| -> f64 {
        let values = found.iter().map(|found| part(found)).filter(|value| value.is_finite());
        median(&values.collect::<Vec<_>>()).unwrap_or(f64::NAN)
    };
    println!(
        "    medians {of_which}: {:.0} pairs, ratio {:.4}, half width {:.1} %",
        of(|found| found.n_pairs),
        of(|found| found.ratio),
        100.0 * of(|found| found.half_width)
    );
}

/// Two runs of llama-bench, five repetitions each; different where mean ± deviation part.
struct Naive<'a> {
    options: &'a Options,
    program: PathBuf,
    folder: &'a Path,
}

impl<'a> Naive<'a> {
    fn new(options: &'a Options, tokmark: &Path, folder: &'a Path) -> Result<Self> {
        let own = folder.join("llama-bench");
        let program = match &options.llama_bench {
            Some(program) => program.clone(),
            None => {
                std::fs::copy(tokmark, &own).context("cannot copy the program")?;
                own
            }
        };
        Ok(Naive { options, program, folder })
    }

    fn calls_different(&self) -> Result<bool> {
        let ranges = || ranges(self.options, &self.program, self.folder);
        let (first, second) = (ranges()?, ranges()?);
        let apart = |(a, b): (&(f64, f64), &(f64, f64))| a.1 < b.0 || b.1 < a.0;
        Ok(first.iter().zip(&second).any(apart))
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_that_decides_nothing_does_not_pass() {
        let undecided = Said { n_undecided: 20, ..Said::default() };
        let found = |n_slower| Said { n_slower, n_undecided: 20 - n_slower, ..Said::default() };
        assert!(!is_passed(&undecided, &undecided, 20));
        assert!(!is_passed(&undecided, &found(17), 20));
        assert!(is_passed(&undecided, &found(18), 20));
        let wrong = |n_different| Said { n_different, n_undecided: 20, ..Said::default() };
        assert!(is_passed(&wrong(1), &found(20), 20));
        assert!(!is_passed(&wrong(2), &found(20), 20));
        assert!(!is_passed(&Said::default(), &Said::default(), 0));
    }
}
