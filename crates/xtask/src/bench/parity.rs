//! Our rates against llama-bench's, test by test in turn, until they are known well.
//!
//! Both programs are started and stand still but for one test at a time, so that what is
//! compared lies a fraction of a second apart; after some rounds fresh processes take over,
//! so that where one process happened to lie in memory decides nothing.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use tokmark_model::Comparison;
use tokmark_model::{Interval, Nanos, Test};
use tokmark_run::Interleaving;
use tokmark_stats::PairRule;

use super::harness;
use super::llama_bench::{Flags, Program, Row, Running, Suite};
use super::proc::busy_cores;
use crate::workspace::Workspace;

/// Issue 2: where each interval must lie.
const LOW: f64 = 0.97;
/// Issue 2: where each interval must lie.
const HIGH: f64 = 1.03;
/// Cores that others may use before the start.
const MAX_OTHER_CORES: f64 = 0.3;
/// Rounds of processes between two lines of progress.
const PROGRESS_EVERY: u32 = 4;
/// Measurements of each test in one pair of processes.
const ROUNDS: u32 = 20;
/// Prompt processing and generation, and generation at depth, by processes in turn.
const SUITES: [Suite; 2] =
    [Suite { n_prompt: 32, n_gen: 8, n_depth: 0 }, Suite { n_prompt: 0, n_gen: 8, n_depth: 64 }];

/// What is compared, and how well.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// A llama-bench built with the same flags
    #[arg(long, value_name = "FILE")]
    llama_bench: PathBuf,
    /// Model for both
    #[arg(long, value_name = "FILE")]
    model: PathBuf,
    /// Most pairs of measurements
    #[arg(long, value_name = "N", default_value_t = 640,
          value_parser = clap::value_parser!(u32).range(1..))]
    pairs: u32,
    /// Half width of the 95 % interval to reach, as a share
    #[arg(long, value_name = "SHARE", default_value_t = 0.01)]
    half_width: f64,
    /// CPU threads [default: all that this process may use]
    #[arg(long, short, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    threads: Option<u32>,
    /// Repetitions of each measurement; the median of all but the first counts
    #[arg(long, short, value_name = "N", default_value_t = 4,
          value_parser = clap::value_parser!(u32).range(2..))]
    repetitions: u32,
    /// Seed of the order
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// Start even if other processes are busy
    #[arg(long)]
    noisy: bool,
    /// Our program [default: release/tokmark in the target folder]
    #[arg(long, value_name = "FILE")]
    tokmark: Option<PathBuf>,
}

/// A test with its pairs (theirs, ours) in the order measured.
struct Contest {
    test: Test,
    pairs: Vec<(Nanos, Nanos)>,
    is_done: bool,
}

/// Prints ratio and interval of every test; returns whether all lie within the bounds.
///
/// # Errors
/// When the machine is busy, or a program fails.
pub(crate) fn run(options: &Options, workspace: &Workspace) -> Result<bool> {
    ensure!(options.half_width > 0.0, "--half-width must be above 0, e.g. 0.01");
    let folder = tempfile::tempdir().context("no temporary folder")?;
    let database = folder.path().join("tokmark.db").to_string_lossy().into_owned();
    let ours = Program {
        name: "tokmark",
        path: harness::tokmark(options.tokmark.as_deref(), workspace)?,
        before: &["bench", "--compat"],
        after: vec!["--db".to_owned(), database],
    };
    let theirs = Program {
        name: "llama-bench",
        path: options.llama_bench.clone(),
        before: &[],
        after: Vec::new(),
    };
    let n_cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let n_threads = options.threads.unwrap_or(u32::try_from(n_cores).unwrap_or(u32::MAX));
    let flags = Flags {
        model: &options.model,
        n_threads,
        n_repetitions: options.repetitions,
        n_rounds: ROUNDS,
    };
    check_quiet(options.noisy)?;
    let programs = [ours, theirs];
    let rule = PairRule::until_half_width(options.half_width, options.pairs);
    let contests = measure(&programs, &flags, &rule, options.seed)?;
    Ok(report(&contests, &rule))
}

fn check_quiet(noisy: bool) -> Result<()> {
    let cores = busy_cores(Duration::from_secs(1))?;
    ensure!(
        noisy || cores <= MAX_OTHER_CORES,
        "other processes use {cores:.2} cores, more than {MAX_OTHER_CORES}; \
         stop them, or measure all the same with --noisy"
    );
    println!("other processes use {cores:.2} cores");
    Ok(())
}

/// Adds pairs until every test is done.
fn measure(
    programs: &[Program; 2],
    flags: &Flags,
    rule: &PairRule,
    seed: u64,
) -> Result<Vec<Contest>> {
    let clock = Instant::now();
    let mut order = Interleaving::new(programs.len(), seed);
    let mut contests: Vec<Contest> = Vec::new();
    for (round, suite) in (0u32..).zip(SUITES.into_iter().cycle()) {
        let is_wanted = |contest: &Contest| suite.has(&contest.test) && !contest.is_done;
        if round as usize >= SUITES.len() && !contests.iter().any(is_wanted) {
            continue;
        }
        // Loading, and the first measurement of each process, are in no pair.
        let (mut one, first) = programs[0].start(suite, flags)?;
        let (mut other, second) = programs[1].start(suite, flags)?;
        check_same(&first, &second)?;
        if round == 0 {
            for (program, row) in programs.iter().zip([&first, &second]) {
                println!("{}: {row}", program.name);
            }
        }
        let mut running = [&mut one, &mut other];
        for _ in 1..suite.n_rows(flags) {
            let (test, pair) = step(&mut running, &mut order)?;
            note(&mut contests, test, pair, rule);
        }
        if round % PROGRESS_EVERY == 0 {
            println!("{}", progress(&contests, rule, clock.elapsed()));
        }
        let all_begun = round as usize + 1 >= SUITES.len();
        if all_begun && contests.iter().all(|contest| contest.is_done) {
            return Ok(contests);
        }
    }
    bail!("the rounds came to an end")
}

/// One test by each program: the times of theirs and ours.
fn step(
    running: &mut [&mut Running; 2],
    order: &mut Interleaving,
) -> Result<(Test, (Nanos, Nanos))> {
    let mut rows: [Option<Row>; 2] = [None, None];
    for variant in order.by_ref().take(running.len()) {
        rows[variant] = Some(running[variant].step()?);
    }
    let [Some(ours), Some(theirs)] = rows else { bail!("a program was left out") };
    check_same(&ours, &theirs)?;
    let time = |row: &Row| row.median().context("a row has no samples");
    Ok((ours.test(), (time(&theirs)?, time(&ours)?)))
}

/// Both must do the same work.
fn check_same(ours: &Row, theirs: &Row) -> Result<()> {
    let work = |row: &Row| (row.test(), row.n_threads, row.model_size);
    ensure!(
        work(ours) == work(theirs),
        "the programs did not do the same: {:?} and {:?}",
        work(ours),
        work(theirs)
    );
    Ok(())
}

/// Adds a pair to its test's, unless the rule has said that they are enough.
fn note(contests: &mut Vec<Contest>, test: Test, pair: (Nanos, Nanos), rule: &PairRule) {
    let position = contests.iter().position(|contest| contest.test == test);
    let position = position.unwrap_or_else(|| {
        contests.push(Contest { test, pairs: Vec::new(), is_done: false });
        contests.len() - 1
    });
    let contest = &mut contests[position];
    if contest.is_done {
        return;
    }
    contest.pairs.push(pair);
    let n = u32::try_from(contest.pairs.len()).unwrap_or(u32::MAX);
    if rule.is_look(n) {
        let look = rule.look(&contest.pairs);
        contest.is_done = n == rule.max_pairs || look.is_some_and(|look| rule.is_done(&look));
    }
}

fn progress(contests: &[Contest], rule: &PairRule, elapsed: Duration) -> String {
    let mut line = format!("{:.0} s:", elapsed.as_secs_f64());
    for contest in contests {
        if let Some(look) = rule.look(&contest.pairs) {
            let half_width = look.half_width.map_or(f64::NAN, |share| share * 100.0);
            let label = contest.test.label();
            line += &format!("  {label} {:.3} ±{half_width:.1} % ({})", look.ratio, look.n_pairs);
        }
    }
    line
}

/// Prints a row for each test; returns whether all are known as well as asked and lie
/// within the bounds.
fn report(contests: &[Contest], rule: &PairRule) -> bool {
    println!("\n{:<12} {:>6} {:>7}   95 % interval    half width", "test", "pairs", "ratio");
    let mut all = true;
    for contest in contests {
        let Some(look) = rule.look(&contest.pairs) else {
            all = false;
            continue;
        };
        let within = look.interval.is_some_and(|interval| is_within(&interval));
        let within = within && rule.is_done(&look);
        all &= within;
        println!("{}", row(contest, &look, within));
    }
    let bounds = format!("{LOW} to {HIGH}");
    println!("\nratio: our speed over llama-bench's, median of the pairs");
    println!("{} {bounds}", if all { "every interval lies within" } else { "NOT WITHIN" });
    all
}

fn is_within(interval: &Interval) -> bool {
    interval.low >= LOW && interval.high <= HIGH
}

fn row(contest: &Contest, look: &Comparison, within: bool) -> String {
    let interval = look
        .interval
        .map_or_else(|| "none".to_owned(), |i| format!("{:.4} to {:.4}", i.low, i.high));
    let half_width = look.half_width.map_or_else(String::new, |h| format!("{:.2} %", h * 100.0));
    let verdict = if within { "within" } else { "NOT WITHIN" };
    let label = contest.test.label();
    let (n, ratio) = (look.n_pairs, look.ratio);
    format!("{label:<12} {n:>6} {ratio:>7.4}   {interval:<16} {half_width:>10}   {verdict}")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `n` pairs in which we take `share` of their time.
    fn contest(test: Test, n: u32, share: f64) -> Contest {
        let mut contests = Vec::new();
        let rule = PairRule::until_half_width(0.01, n);
        for pair in 1..=n {
            let theirs = 1_000_000 + u64::from(pair * 7 % 11);
            let ours = Nanos((theirs as f64 * share) as u64);
            note(&mut contests, test, (Nanos(theirs), ours), &rule);
        }
        contests.remove(0)
    }

    #[test]
    fn pairs_are_added_until_the_interval_is_narrow() {
        let contest = contest(Test::pp(64), 200, 0.5);
        assert!(contest.is_done);
        assert!(contest.pairs.len() < 100, "{}", contest.pairs.len());
        let rule = PairRule::until_half_width(0.01, 200);
        let ratio = rule.look(&contest.pairs).unwrap().ratio;
        assert!((ratio - 2.0).abs() < 1e-3, "{ratio}");
    }

    #[test]
    fn an_interval_outside_the_bounds_fails() {
        let rule = PairRule::until_half_width(0.01, 50);
        let depth = |test: Test| test.at_depth(256);
        assert!(report(&[contest(Test::tg(16), 50, 1.0)], &rule));
        assert!(!report(&[contest(Test::tg(16), 50, 1.05)], &rule));
        assert!(!report(&[contest(depth(Test::tg(16)), 50, 1.05)], &rule));
        assert!(!report(&[contest(Test::tg(16), 3, 1.0)], &rule));
    }

    #[test]
    fn an_interval_that_is_too_wide_fails_even_within_the_bounds() {
        let rule = PairRule::until_half_width(0.0001, 50);
        let mut contest = contest(Test::tg(16), 50, 1.0);
        for (n, (_, ours)) in contest.pairs.iter_mut().enumerate() {
            *ours = Nanos(ours.get() + if n % 2 == 0 { 10_000 } else { 0 });
        }
        assert!(!report(&[contest], &rule));
    }
}
