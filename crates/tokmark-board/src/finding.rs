use std::fmt;

use serde::{Deserialize, Serialize};

/// One fault in a file, with its place and what would be right.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Finding {
    /// The file, from the folder that was read: `runs/gemma.yaml`.
    pub file: String,
    /// Counted from 1.
    pub line: u64,
    /// In characters, counted from 1.
    pub column: u64,
    /// What is wrong. Text of the file in it is shortened, and its control characters are
    /// escaped.
    pub problem: String,
    /// What is allowed there, or what to do instead.
    pub allowed: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Finding { file, line, column, problem, allowed } = self;
        write!(f, "{file}:{line}:{column}: {problem}; {allowed}")
    }
}

/// Why YAML could not be read.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum BoardError {
    /// Faults in what was read, all that there are, by file and place. At least one.
    #[error("{}", lines(.0))]
    Findings(Vec<Finding>),
}

impl BoardError {
    /// The faults.
    pub fn findings(&self) -> &[Finding] {
        let BoardError::Findings(findings) = self;
        findings
    }
}

impl From<Vec<Finding>> for BoardError {
    fn from(mut findings: Vec<Finding>) -> Self {
        findings.sort();
        findings.dedup();
        BoardError::Findings(findings)
    }
}

impl From<Finding> for BoardError {
    fn from(finding: Finding) -> Self {
        BoardError::Findings(vec![finding])
    }
}

fn lines(findings: &[Finding]) -> String {
    findings.iter().map(Finding::to_string).collect::<Vec<_>>().join("\n")
}

/// Longest piece of a file's text that a message repeats, in characters.
const SHOWN: usize = 60;

/// Text of a file for a message: in backquotes, shortened, without control characters.
pub(crate) fn shown(text: &str) -> String {
    let mut out = String::from("`");
    for (n, c) in text.chars().enumerate() {
        if n == SHOWN {
            out.push('…');
            break;
        }
        match is_unseen(c) {
            true => out.extend(c.escape_default()),
            false => out.push(c),
        }
    }
    out.push('`');
    out
}

/// Characters that a terminal or a reader would not show as themselves: controls, and marks
/// that turn the direction of writing.
pub(crate) fn is_unseen(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
        || c == '\u{feff}'
}
