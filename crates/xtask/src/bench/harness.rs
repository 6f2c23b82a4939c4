//! What Tokmark's own machinery costs, measured in one run.

use std::fs::File;
use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use tokmark_model::Test;
use tokmark_run::{
    Engine, MonotonicClock, NullEngine, Recorder, TokenWork, Work, measure_repetition,
};
use tokmark_stats::{median, quantile};

use super::proc::{children, peak_memory};
use crate::workspace::Workspace;

/// Repetitions between two readings of the clock.
const REPETITIONS: u32 = 1_000;
/// Generated tokens of the repetition that prices a stamp.
const STAMPS: u32 = 100_000;
/// Rounds of either.
const ROUNDS: usize = 201;
/// Starts of each program.
const STARTS: usize = 50;

/// Issue 2: a repetition of the NullEngine.
const MAX_REPETITION_US: f64 = 20.0;
/// Issue 2: a token stamp.
const MAX_STAMP_US: f64 = 1.0;
/// Issue 2: `tokmark --help`.
const MAX_START_MS: f64 = 20.0;
/// Issue 2: the parent's resident memory while a model runs.
const MAX_PARENT_MB: f64 = 60.0;

/// What is measured with.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Model that runs while the parent's memory is read
    #[arg(long, value_name = "FILE")]
    model: PathBuf,
    /// The program [default: release/tokmark in the target folder]
    #[arg(long, value_name = "FILE")]
    tokmark: Option<PathBuf>,
}

/// The built program, given or found.
///
/// # Errors
/// When it isn't there.
pub(super) fn tokmark(given: Option<&Path>, workspace: &Workspace) -> Result<PathBuf> {
    let path = given.map_or_else(|| workspace.target.join("release/tokmark"), Path::to_owned);
    ensure!(
        path.is_file(),
        "{} is missing; run `cargo build --release --workspace`",
        path.display()
    );
    Ok(path)
}

/// Median and spread of one cost.
struct Cost {
    median: f64,
    low: f64,
    high: f64,
}

impl Cost {
    fn of(mut values: Vec<f64>) -> Option<Self> {
        values.sort_by(f64::total_cmp);
        Some(Cost {
            median: median(&values)?,
            low: quantile(&values, 0.05)?,
            high: quantile(&values, 0.95)?,
        })
    }

    /// Prints a row; returns whether the median is below `limit`.
    fn print(&self, name: &str, unit: &str, digits: usize, limit: f64) -> bool {
        let spread = format!("{:.digits$} to {:.digits$}", self.low, self.high);
        print_row(name, &format!("{:.digits$} {unit}", self.median), &spread, unit, limit);
        self.median < limit
    }
}

fn print_row(name: &str, value: &str, spread: &str, unit: &str, limit: f64) {
    println!("{name:<34} {value:>12}   {spread:>20}   {:>7}", format!("{limit} {unit}"));
}

/// Prints each cost with its limit; returns whether all are kept.
///
/// # Errors
/// When something could not be measured.
pub(crate) fn run(options: &Options, workspace: &Workspace) -> Result<bool> {
    let tokmark = tokmark(options.tokmark.as_deref(), workspace)?;
    println!("{:<34} {:>12}   {:>20}   {:>7}", "harness", "median", "5 % to 95 %", "limit");
    let mut kept = true;
    for test in [Test::pp(512), Test::tg(1)] {
        let cost = repetition_cost(test, REPETITIONS, 1)?;
        let name = format!("NullEngine repetition, {}", test.label());
        kept &= cost.print(&name, "us", 3, MAX_REPETITION_US);
    }
    let cost = repetition_cost(Test::tg(STAMPS), 1, STAMPS)?;
    kept &= cost.print(&format!("token stamp, tg{STAMPS}"), "us", 4, MAX_STAMP_US);
    kept &= start_time(&tokmark)?;
    kept &= parent_memory(&tokmark, &options.model)?;
    println!("{}", if kept { "all limits are kept" } else { "A LIMIT IS EXCEEDED" });
    Ok(kept)
}

/// Microseconds for one of `n_parts` parts of a repetition of `test`.
fn repetition_cost(test: Test, n_repetitions: u32, n_parts: u32) -> Result<Cost> {
    let work = Work::Tokens(TokenWork::zeros(test));
    let mut engine = NullEngine;
    let mut recorder = Recorder::for_work(MonotonicClock::new(), &work);
    engine.prepare(&work)?;
    let mut costs = Vec::with_capacity(ROUNDS);
    for _ in 0..ROUNDS {
        let clock = Instant::now();
        for _ in 0..n_repetitions {
            black_box(measure_repetition(&mut engine, black_box(&work), &mut recorder)?);
        }
        let parts = f64::from(n_repetitions) * f64::from(n_parts);
        costs.push(clock.elapsed().as_secs_f64() * 1e6 / parts);
    }
    Cost::of(costs).context("no rounds")
}

/// Time from start to end of `tokmark --help`, beside `/bin/true` in turn.
fn start_time(tokmark: &Path) -> Result<bool> {
    let (mut ours, mut nothing) = (Vec::new(), Vec::new());
    for _ in 0..STARTS {
        ours.push(run_once(tokmark, &["--help"])?);
        nothing.push(run_once(Path::new("/bin/true"), &[])?);
    }
    let ours = Cost::of(ours).context("no starts")?;
    let nothing = Cost::of(nothing).context("no starts")?;
    let kept = ours.print("tokmark --help", "ms", 2, MAX_START_MS);
    println!(
        "{:<34} {:>12}   {:>20}",
        "  /bin/true, in turn with it",
        format!("{:.2} ms", nothing.median),
        format!("ratio {:.2}", ours.median / nothing.median),
    );
    Ok(kept)
}

/// Milliseconds of one run.
fn run_once(program: &Path, args: &[&str]) -> Result<f64> {
    let mut command = Command::new(program);
    command.args(args).stdin(Stdio::null()).stdout(Stdio::null());
    let clock = Instant::now();
    let status = command.status().with_context(|| format!("{} can't run", program.display()))?;
    let elapsed = clock.elapsed();
    ensure!(status.success(), "{} {} failed: {status}", program.display(), args.join(" "));
    Ok(elapsed.as_secs_f64() * 1e3)
}

/// Peak resident memory of `tokmark` while its worker runs the model.
fn parent_memory(tokmark: &Path, model: &Path) -> Result<bool> {
    let folder = tempfile::tempdir().context("no temporary folder")?;
    let log_path = folder.path().join("log");
    let log = File::create(&log_path).context("no temporary file")?;
    let mut child = Command::new(tokmark)
        .args(["bench", "-p", "0", "-n", "64", "-r", "20", "-o", "none", "-m"])
        .arg(model)
        .arg("--db")
        .arg(folder.path().join("tokmark.db"))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(log)
        .spawn()
        .with_context(|| format!("{} can't run", tokmark.display()))?;
    let (mut parent, mut worker) = (0, 0);
    let status = loop {
        if let Some(status) = child.try_wait().context("no news of tokmark")? {
            break status;
        }
        parent = parent.max(peak_memory(child.id()).unwrap_or(0));
        let workers = children(child.id());
        worker = workers.into_iter().filter_map(peak_memory).fold(worker, u64::max);
        thread::sleep(Duration::from_millis(10));
    };
    let said = || std::fs::read_to_string(&log_path).unwrap_or_default();
    ensure!(status.success(), "tokmark bench failed: {status}\n{}", said().trim());
    ensure!(parent > 0 && worker > 0, "no worker was seen, or its memory can't be read here");
    let mb = |bytes: u64| bytes as f64 / 1e6;
    let name = "parent's peak memory, model running";
    let beside = format!("worker {:.0} MB", mb(worker));
    print_row(name, &format!("{:.1} MB", mb(parent)), &beside, "MB", MAX_PARENT_MB);
    Ok(mb(parent) < MAX_PARENT_MB)
}
