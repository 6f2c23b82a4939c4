//! What a measuring command writes to standard error: its progress as JSON, and its log.

use std::fs::File;
use std::io::Read;

use serde::Deserialize;
use tokmark_model::JobProgress;

use crate::shown::shown;

/// Bytes of a line that are kept; the rest of it is dropped.
const LONGEST_LINE: usize = 16 * 1024;

/// A file that another process writes, read as far as it goes.
#[derive(Debug)]
pub(super) struct Heard {
    file: File,
    /// A line without its end.
    line: Vec<u8>,
    progress: JobProgress,
    /// The last line of the log, and the last that tells of an error.
    last: Option<String>,
    last_error: Option<String>,
}

/// One line of progress. A line that has no share is log.
#[derive(Deserialize)]
struct Line {
    share: f64,
    #[serde(default)]
    doing: String,
    #[serde(default)]
    remaining_s: Option<f64>,
}

impl Heard {
    /// Nothing yet of `file`.
    pub(super) fn of(file: File) -> Self {
        let progress = JobProgress { doing: "starting".to_owned(), ..JobProgress::default() };
        Heard { file, line: Vec::new(), progress, last: None, last_error: None }
    }

    /// Reads what is new. A file that can't be read says nothing.
    pub(super) fn listen(&mut self) {
        let mut new = Vec::new();
        let _ = self.file.read_to_end(&mut new);
        for &byte in &new {
            if byte == b'\n' {
                let line = std::mem::take(&mut self.line);
                self.take(&line);
            } else if self.line.len() < LONGEST_LINE {
                self.line.push(byte);
            }
        }
    }

    /// How far the command is, as it last said.
    pub(super) fn progress(&self) -> JobProgress {
        self.progress.clone()
    }

    /// Its last error, else the last line of its log, finished or not.
    pub(super) fn last_words(&self) -> Option<String> {
        let unfinished = shown(&String::from_utf8_lossy(&self.line));
        let unfinished = Some(unfinished).filter(|line| !line.is_empty());
        self.last_error.clone().or(unfinished).or_else(|| self.last.clone())
    }

    fn take(&mut self, line: &[u8]) {
        if let Ok(Line { share, doing, remaining_s }) = serde_json::from_slice(line) {
            self.progress = JobProgress {
                share: if share.is_nan() { 0.0 } else { share.clamp(0.0, 1.0) },
                doing: shown(&doing),
                remaining_s: remaining_s.filter(|seconds| seconds.is_finite() && *seconds >= 0.0),
            };
            return;
        }
        let line = shown(&String::from_utf8_lossy(line));
        if let Some(error) = line.strip_prefix("error: ") {
            self.last_error = Some(error.to_owned());
        }
        if !line.is_empty() {
            self.last = Some(line);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn heard(pieces: &[&str]) -> Heard {
        let file = tempfile::NamedTempFile::new().unwrap();
        let mut heard = Heard::of(file.reopen().unwrap());
        for piece in pieces {
            file.as_file().write_all(piece.as_bytes()).unwrap();
            heard.listen();
        }
        heard
    }

    #[test]
    fn progress_is_told_from_log_however_lines_are_cut() {
        let heard =
            heard(&["a log line\n{\"share\":0.4,\"doi", "ng\":\"tg128\"}\n{\"other\":1}\n"]);
        let expected = JobProgress { share: 0.4, doing: "tg128".to_owned(), remaining_s: None };
        assert_eq!(heard.progress(), expected);
        assert_eq!(heard.last_words().unwrap(), "{\"other\":1}");
    }

    #[test]
    fn odd_figures_are_made_sound() {
        let heard = heard(&["{\"share\":7,\"doing\":\"a\\u001b[2J\",\"remaining_s\":-1}\n"]);
        let expected =
            JobProgress { share: 1.0, doing: r"a\u{1b}[2J".to_owned(), remaining_s: None };
        assert_eq!(heard.progress(), expected);
    }

    #[test]
    fn an_error_counts_more_than_what_is_said_after_it() {
        let heard = heard(&["error: no such model\n", "bye\n", "unfinished"]);
        assert_eq!(heard.last_words().unwrap(), "no such model");
        let long = "x".repeat(10 * LONGEST_LINE);
        assert!(super::tests::heard(&[&long]).line.len() == LONGEST_LINE);
    }
}
