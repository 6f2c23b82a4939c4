//! A program that takes llama-bench's flags and writes its JSON lines, let go test by test.

use std::fmt;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};

use anyhow::{Context, Result, bail, ensure};
use serde::Deserialize;
use tokmark_model::{Nanos, Test};
use tokmark_stats::median;

use super::proc;

/// A program and how it is called.
pub(super) struct Program {
    /// What it is called here.
    pub(super) name: &'static str,
    /// Where it is.
    pub(super) path: PathBuf,
    /// What stands before and after the flags that all have in common.
    pub(super) before: &'static [&'static str],
    /// E.g. a database of its own.
    pub(super) after: Vec<String>,
}

/// A row of llama-bench's JSON, as far as it matters here.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub(super) struct Row {
    /// Commit as the program knows it.
    pub(super) build_commit: String,
    /// Back ends.
    pub(super) backends: String,
    /// Bytes of the tensors.
    pub(super) model_size: u64,
    /// Threads.
    pub(super) n_threads: u32,
    n_prompt: u32,
    n_gen: u32,
    n_depth: u32,
    samples_ns: Vec<u64>,
}

impl Row {
    /// What was measured.
    pub(super) fn test(&self) -> Test {
        Test { n_prompt: self.n_prompt, n_gen: self.n_gen, n_depth: self.n_depth, n_parallel: 1 }
    }

    /// Median of the repetitions but the first: the programs warm up differently, and what
    /// only the first repetition meets would shift the median of a few.
    pub(super) fn median(&self) -> Option<Nanos> {
        let samples: Vec<f64> = self.samples_ns.iter().skip(1).map(|&ns| ns as f64).collect();
        median(&samples).map(|ns| Nanos(ns.round() as u64)).filter(|ns| ns.get() > 0)
    }
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Row { n_threads, backends, build_commit, .. } = self;
        write!(f, "{n_threads} threads, back ends {backends}, commit {build_commit}")
    }
}

/// What all programs are told.
pub(super) struct Flags<'a> {
    /// `-m`
    pub(super) model: &'a Path,
    /// `-t`
    pub(super) n_threads: u32,
    /// `-r`
    pub(super) n_repetitions: u32,
    /// How often each test is named, so that it is run in a context of its own each time.
    pub(super) n_rounds: u32,
}

/// What one process is asked for. Each test is named once a round.
#[derive(Debug, Clone, Copy)]
pub(super) struct Suite {
    /// `-p`; 0 for none.
    pub(super) n_prompt: u32,
    /// `-n`
    pub(super) n_gen: u32,
    /// `-d`
    pub(super) n_depth: u32,
}

impl Suite {
    /// Whether it measures `test`.
    pub(super) fn has(self, test: &Test) -> bool {
        let n_prompt = [0, self.n_prompt].contains(&test.n_prompt);
        n_prompt && test.n_depth == self.n_depth
    }

    /// Rows that a process writes.
    pub(super) fn n_rows(self, flags: &Flags) -> u32 {
        flags.n_rounds * if self.n_prompt > 0 { 2 } else { 1 }
    }

    fn arguments(self, flags: &Flags) -> Vec<String> {
        let list = |value: u32| vec![value.to_string(); flags.n_rounds as usize].join(",");
        let prompt = if self.n_prompt > 0 { list(self.n_prompt) } else { "0".to_owned() };
        let values = [
            ("-p", prompt),
            ("-n", list(self.n_gen)),
            ("-d", self.n_depth.to_string()),
            ("-t", flags.n_threads.to_string()),
            ("-r", flags.n_repetitions.to_string()),
            ("-o", "jsonl".to_owned()),
        ];
        values.into_iter().flat_map(|(flag, value)| [flag.to_owned(), value]).collect()
    }
}

/// A process of a program. It stands still but for [`Running::step`], so that of several
/// processes only one works.
pub(super) struct Running<'a> {
    program: &'a Program,
    child: Child,
    rows: BufReader<ChildStdout>,
}

impl Program {
    /// Starts it and lets it run up to the end of its first test, whose row is returned.
    ///
    /// # Errors
    /// When it fails or writes something else.
    pub(super) fn start(&self, suite: Suite, flags: &Flags) -> Result<(Running<'_>, Row)> {
        let mut command = Command::new(&self.path);
        proc::end_with_us(&mut command);
        let mut child = command
            .args(self.before)
            .arg("-m")
            .arg(flags.model)
            .args(suite.arguments(flags))
            .args(&self.after)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .with_context(|| format!("{} can't run", self.path.display()))?;
        let rows = BufReader::new(child.stdout.take().context("its output is not captured")?);
        let mut running = Running { program: self, child, rows };
        let row = running.read()?;
        Ok((running, row))
    }
}

impl Running<'_> {
    /// Lets it run to the end of its next test.
    ///
    /// # Errors
    /// When it fails or has no further test.
    pub(super) fn step(&mut self) -> Result<Row> {
        proc::signal_all(self.child.id(), libc::SIGCONT);
        self.read()
    }

    /// The next row. The process then stands still: between a row and the clock of the next
    /// test lie a new context and the warm-up, so the stop is in no measured time.
    fn read(&mut self) -> Result<Row> {
        let mut line = String::new();
        let n_bytes = self.rows.read_line(&mut line)?;
        proc::signal_all(self.child.id(), libc::SIGSTOP);
        let name = self.program.name;
        if n_bytes == 0 {
            bail!("{name} ended early; run it alone to see why: {}", self.program.path.display());
        }
        let row: Row = serde_json::from_str(&line)
            .with_context(|| format!("{name} wrote no row of llama-bench's: {line}"))?;
        ensure!(row.median().is_some(), "{name} has no samples of {}", row.test().label());
        Ok(row)
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        proc::signal_all(self.child.id(), libc::SIGKILL);
        let _ = self.child.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_of_llama_bench_are_read() {
        let path = "../tokmark-compat/tests/fixtures/llama-bench-11434/out.json";
        let json = std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap();
        let rows: Vec<Row> = serde_json::from_slice(&json).unwrap();
        assert_eq!(rows[0].test(), Test::pp(32));
        assert_eq!(rows[0].median(), Some(Nanos(286_693_797)));
        assert_eq!((rows[0].backends.as_str(), rows[0].n_threads), ("CPU", 1));
    }
}
