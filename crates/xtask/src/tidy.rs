//! The rules of the house that no compiler checks.

mod code;
mod edges;
mod sources;
mod text;

use std::fmt;
use std::fs;
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::schema;
use crate::workspace::Workspace;

/// A breach of a rule.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Finding {
    /// From the root.
    file: String,
    /// From 1.
    line: usize,
    /// What is wrong, and what to do.
    message: String,
}

impl Finding {
    fn new(file: &str, line: usize, message: impl Into<String>) -> Self {
        Finding { file: file.to_owned(), line, message: message.into() }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.file, self.line, self.message)
    }
}

/// A text file of the repository.
#[derive(Debug)]
struct File {
    /// From the root, with `/`.
    path: String,
    /// Its content.
    text: String,
}

/// Prints every finding; returns whether there is none.
///
/// # Errors
/// When a file can't be read, or git can't list them.
pub(crate) fn run(workspace: &Workspace) -> Result<bool> {
    let files = read_files(workspace)?;
    let mut findings = edges::check(workspace);
    findings.extend(sources::check(&files));
    findings.extend(sources::check_headers(workspace, &files));
    findings.extend(text::check(&files));
    if schema::is_stale(&workspace.root)? {
        findings.push(Finding::new(schema::PATH, 1, "stale or missing; run `cargo xtask schema`"));
    }
    findings.sort();
    for finding in &findings {
        println!("{finding}");
    }
    let n_crates = workspace.packages.len();
    eprintln!("tidy: {} files, {n_crates} crates, {} findings", files.len(), findings.len());
    Ok(findings.is_empty())
}

/// The text files that git tracks, or would track after `git add .`.
fn read_files(workspace: &Workspace) -> Result<Vec<File>> {
    let output = Command::new("git")
        .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard", "--deduplicate"])
        .current_dir(&workspace.root)
        .output()
        .context("git can't be run; it lists the files to check")?;
    ensure!(
        output.status.success(),
        "git ls-files failed: {}",
        String::from_utf8_lossy(&output.stderr).trim()
    );
    let mut files = Vec::new();
    for path in output.stdout.split(|&byte| byte == 0).filter(|path| !path.is_empty()) {
        let path = String::from_utf8_lossy(path).into_owned();
        let full = workspace.root.join(&path);
        if !full.is_file() {
            continue; // removed, but not yet for git; or a submodule
        }
        let bytes = fs::read(&full).with_context(|| format!("{path} can't be read"))?;
        if bytes.contains(&0) {
            continue;
        }
        if let Ok(text) = String::from_utf8(bytes) {
            files.push(File { path, text });
        }
    }
    Ok(files)
}
