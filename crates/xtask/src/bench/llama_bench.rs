//! One run of a program that takes llama-bench's flags and writes its JSON.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail, ensure};
use serde::Deserialize;
use tokmark_model::{Nanos, Test};
use tokmark_stats::median;

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

/// What all programs are told.
pub(super) struct Flags<'a> {
    /// `-m`
    pub(super) model: &'a Path,
    /// `-t`
    pub(super) n_threads: u32,
    /// `-r`
    pub(super) n_repetitions: u32,
}

impl Program {
    /// Runs it once in a process of its own; its rows in the order written.
    ///
    /// # Errors
    /// When it fails or writes something else, with what it said.
    pub(super) fn run(&self, flags: &Flags) -> Result<Vec<Row>> {
        let output = Command::new(&self.path)
            .args(self.before)
            .arg("-m")
            .arg(flags.model)
            .args(["-p", "32", "-n", "8", "-d", "0,64", "-o", "json"])
            .args(["-t", &flags.n_threads.to_string(), "-r", &flags.n_repetitions.to_string()])
            .args(&self.after)
            .stdin(Stdio::null())
            .output()
            .with_context(|| format!("{} can't run", self.path.display()))?;
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr);
            let tail: Vec<_> = said.lines().rev().take(20).collect();
            let tail: Vec<_> = tail.into_iter().rev().collect();
            bail!("{} failed: {}\n{}", self.name, output.status, tail.join("\n"));
        }
        let rows = read_rows(&output.stdout)
            .with_context(|| format!("{} wrote no JSON of llama-bench's", self.name))?;
        for row in &rows {
            let test = row.test().label();
            ensure!(row.median().is_some(), "{} has no samples of {test}", self.name);
        }
        Ok(rows)
    }
}

fn read_rows(json: &[u8]) -> Result<Vec<Row>> {
    Ok(serde_json::from_slice(json)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_of_llama_bench_are_read() {
        let path = "../tokmark-compat/tests/fixtures/llama-bench-11434/out.json";
        let json = std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap();
        let rows = read_rows(&json).unwrap();
        assert_eq!(rows[0].test(), Test::pp(32));
        assert_eq!(rows[0].median(), Some(Nanos(286_693_797)));
        assert_eq!((rows[0].backends.as_str(), rows[0].n_threads), ("CPU", 1));
    }
}
