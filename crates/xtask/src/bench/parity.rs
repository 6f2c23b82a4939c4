//! Our rates against llama-bench's, in fresh processes in turn, until they are known well.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use tokmark_model::{Interval, Nanos, Test};
use tokmark_run::Interleaving;
use tokmark_stats::{Comparison, PairRule};

use super::harness;
use super::llama_bench::{Flags, Program, Row};
use super::proc::busy_cores;
use crate::workspace::Workspace;

/// Issue 2: where each interval must lie.
const LOW: f64 = 0.97;
/// Issue 2: where each interval must lie.
const HIGH: f64 = 1.03;
/// Cores that others may use before the start.
const MAX_OTHER_CORES: f64 = 0.3;
/// Pairs between two lines of progress.
const PROGRESS_EVERY: u32 = 20;

/// Position of our program among the variants.
const OURS: usize = 0;

/// What is compared, and how well.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// A llama-bench built with the same flags
    #[arg(long, value_name = "FILE")]
    llama_bench: PathBuf,
    /// Model for both
    #[arg(long, value_name = "FILE")]
    model: PathBuf,
    /// Most pairs of processes
    #[arg(long, value_name = "N", default_value_t = 400,
          value_parser = clap::value_parser!(u32).range(1..))]
    pairs: u32,
    /// Half width of the 95 % interval to reach, as a share
    #[arg(long, value_name = "SHARE", default_value_t = 0.01)]
    half_width: f64,
    /// CPU threads [default: all that this process may use]
    #[arg(long, short, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    threads: Option<u32>,
    /// Repetitions of each test in one process; the median of all but the first counts
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
}

impl Contest {
    /// The issue asks for prompt processing, generation, and generation at depth; prompt
    /// processing at depth comes along in the same processes and decides nothing.
    fn is_asked(&self) -> bool {
        self.test.n_gen > 0 || self.test.n_depth == 0
    }
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
    let flags = Flags { model: &options.model, n_threads, n_repetitions: options.repetitions };
    check_quiet(options.noisy)?;
    let programs = [ours, theirs];
    let mut contests = warm_up(&programs, &flags)?;
    let rule = PairRule::until_half_width(options.half_width, options.pairs);
    measure(&programs, &flags, &rule, options.seed, &mut contests)?;
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

/// Runs each program once, so that the model lies in the page cache and its hash in ours,
/// and checks that both do the same work.
fn warm_up(programs: &[Program; 2], flags: &Flags) -> Result<Vec<Contest>> {
    let mut rows = Vec::new();
    for program in programs {
        let own = program.run(flags)?;
        let first = own.first().with_context(|| format!("{} measured nothing", program.name))?;
        println!(
            "{}: {} threads, back ends {}, commit {}",
            program.name, first.n_threads, first.backends, first.build_commit
        );
        rows.push(own);
    }
    let work = |rows: &[Row]| -> Vec<_> {
        rows.iter().map(|row| (row.test(), row.n_threads, row.model_size)).collect()
    };
    ensure!(
        work(&rows[0]) == work(&rows[1]),
        "the programs did not do the same: {:?} and {:?}",
        work(&rows[0]),
        work(&rows[1])
    );
    Ok(rows[0].iter().map(|row| Contest { test: row.test(), pairs: Vec::new() }).collect())
}

/// Adds pairs until every test that is asked for is done.
fn measure(
    programs: &[Program; 2],
    flags: &Flags,
    rule: &PairRule,
    seed: u64,
    contests: &mut [Contest],
) -> Result<()> {
    let clock = Instant::now();
    let mut order = Interleaving::new(programs.len(), seed);
    for n in 1..=rule.max_pairs {
        for variant in order.by_ref().take(programs.len()) {
            let rows = programs[variant].run(flags)?;
            for (position, contest) in contests.iter_mut().enumerate() {
                let row = rows.get(position).filter(|row| row.test() == contest.test);
                let time = row.and_then(Row::median).with_context(|| {
                    format!("{} left out {}", programs[variant].name, contest.test.label())
                })?;
                note(contest, n, variant, time);
            }
        }
        let is_look = rule.is_look(n);
        if n % PROGRESS_EVERY == 0 {
            println!("{}", progress(contests, rule, n, clock.elapsed()));
        }
        let is_done =
            |contest: &Contest| rule.look(&contest.pairs).is_some_and(|look| rule.is_done(&look));
        if is_look && contests.iter().filter(|contest| contest.is_asked()).all(is_done) {
            return Ok(());
        }
    }
    Ok(())
}

/// Puts `time` into the pair `n`, counted from 1.
fn note(contest: &mut Contest, n: u32, variant: usize, time: Nanos) {
    if contest.pairs.len() < n as usize {
        contest.pairs.push((Nanos(0), Nanos(0)));
    }
    if let Some(pair) = contest.pairs.last_mut() {
        *(if variant == OURS { &mut pair.1 } else { &mut pair.0 }) = time;
    }
}

fn progress(contests: &[Contest], rule: &PairRule, n: u32, elapsed: Duration) -> String {
    let mut line = format!("{n} pairs, {:.0} s:", elapsed.as_secs_f64());
    for contest in contests {
        if let Some(look) = rule.look(&contest.pairs) {
            line += &format!("  {} {:.3}", contest.test.label(), look.ratio);
        }
    }
    line
}

/// Prints a row for each test; returns whether those asked for lie within the bounds.
fn report(contests: &[Contest], rule: &PairRule) -> bool {
    println!("\n{:<12} {:>6} {:>7}   95 % interval    half width", "test", "pairs", "ratio");
    let mut all = true;
    for contest in contests {
        let Some(look) = rule.look(&contest.pairs) else {
            all = false;
            continue;
        };
        let within = look.interval.is_some_and(|interval| is_within(&interval));
        all &= within || !contest.is_asked();
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
    let verdict = match (within, contest.is_asked()) {
        (true, _) => "within",
        (false, true) => "NOT WITHIN",
        (false, false) => "not within; not asked for",
    };
    let label = contest.test.label();
    let (n, ratio) = (look.n_pairs, look.ratio);
    format!("{label:<12} {n:>6} {ratio:>7.4}   {interval:<16} {half_width:>10}   {verdict}")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `n` pairs in which we take `share` of their time.
    fn contest(test: Test, n: u32, share: f64) -> Contest {
        let mut contest = Contest { test, pairs: Vec::new() };
        for pair in 1..=n {
            let theirs = 1_000_000 + u64::from(pair * 7 % 11);
            let ours = Nanos((theirs as f64 * share) as u64);
            let order = [(OURS, ours), (1, Nanos(theirs))];
            for turn in 0..2 {
                let (variant, time) = order[(pair as usize + turn) % 2];
                note(&mut contest, pair, variant, time);
            }
        }
        contest
    }

    #[test]
    fn pairs_are_theirs_then_ours_in_either_order() {
        let contest = contest(Test::pp(64), 20, 0.5);
        assert_eq!(contest.pairs.len(), 20);
        assert!(contest.pairs.iter().all(|(theirs, ours)| theirs.get() > ours.get()));
        let rule = PairRule::until_half_width(0.01, 20);
        let ratio = rule.look(&contest.pairs).unwrap().ratio;
        assert!((ratio - 2.0).abs() < 1e-3, "{ratio}");
    }

    #[test]
    fn an_interval_outside_the_bounds_fails_where_it_is_asked_for() {
        let rule = PairRule::until_half_width(0.01, 50);
        let depth = |test: Test| test.at_depth(256);
        assert!(report(&[contest(Test::tg(16), 50, 1.0)], &rule));
        assert!(!report(&[contest(Test::tg(16), 50, 1.05)], &rule));
        assert!(!report(&[contest(depth(Test::tg(16)), 50, 1.05)], &rule));
        assert!(report(&[contest(depth(Test::pp(64)), 50, 1.05)], &rule));
        assert!(!report(&[contest(Test::tg(16), 3, 1.0)], &rule));
    }
}
