//! What comes out of a worker: messages, and a log of which the last lines are kept.

use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Read, Write};
use std::sync::Mutex;
use std::sync::mpsc::Sender;

use crate::Message;

/// Lines of the worker's log that are kept for a failure.
const LOG_TAIL: usize = 20;
/// Longest line accepted from the worker: a repetition of a million tokens fits.
const LONGEST_LINE: u64 = 64 << 20;

/// A line of the protocol pipe.
#[derive(Debug)]
pub(super) enum Line {
    Message(Box<Message>),
    Rubbish(String),
}

pub(super) fn read_messages(stdout: impl Read, sender: &Sender<Line>) {
    let mut reader = BufReader::new(stdout);
    loop {
        let mut line = Vec::new();
        match reader.by_ref().take(LONGEST_LINE).read_until(b'\n', &mut line) {
            Ok(0) | Err(_) => return,
            // Cut off by the worker's end, which says more than half a message.
            Ok(n) if !line.ends_with(b"\n") && (n as u64) < LONGEST_LINE => return,
            Ok(_) => {}
        }
        let parsed = match serde_json::from_slice(&line) {
            Ok(message) => Line::Message(Box::new(message)),
            Err(_) => Line::Rubbish(excerpt(&line)),
        };
        if sender.send(parsed).is_err() {
            return;
        }
    }
}

pub(super) fn read_log(stderr: impl Read, tail: &Mutex<VecDeque<String>>, verbose: bool) {
    let mut reader = BufReader::new(stderr);
    let mut line = Vec::new();
    loop {
        line.clear();
        match reader.by_ref().take(1 << 16).read_until(b'\n', &mut line) {
            Ok(0) | Err(_) => return,
            Ok(_) => {}
        }
        if verbose {
            let _ = std::io::stderr().write_all(&line);
        }
        let mut tail = tail.lock().expect("no panic under this lock");
        if tail.len() == LOG_TAIL {
            tail.pop_front();
        }
        tail.push_back(excerpt(&line));
    }
}

/// At most 500 characters of `line`, with what cannot be printed replaced.
fn excerpt(line: &[u8]) -> String {
    String::from_utf8_lossy(line)
        .trim_end()
        .chars()
        .take(500)
        .map(|c| if c.is_control() && c != '\t' { '\u{fffd}' } else { c })
        .collect()
}

/// The line of a dead engine's log that tells most: the last one about a failed check or an
/// error, else the last one; what a backtrace adds behind it tells nothing.
pub(super) fn last_words(log: &[String]) -> Option<&str> {
    const TELLING: [&str; 4] = ["assert", "error", "what():", "abort"];
    const BACKTRACE: [&str; 5] = ["backtrace", "#", "0x", "[new lwp", "[thread"];
    let starts = |line: &str, words: &[&str]| {
        let line = line.trim_start().to_lowercase();
        words.iter().any(|word| line.starts_with(word))
    };
    let said = || log.iter().rev().map(|line| line.trim()).filter(|line| !line.is_empty());
    let telling = |line: &&str| {
        let line = line.to_lowercase();
        TELLING.iter().any(|word| line.contains(word))
    };
    said()
        .find(telling)
        .or_else(|| said().find(|line| !starts(line, &BACKTRACE) && !line.contains("backtrace")))
        .or_else(|| said().next())
}

pub(super) fn mentions_memory(log: &[String]) -> bool {
    const WORDS: [&str; 8] = [
        "out of memory",
        "bad_alloc",
        "failed to allocate",
        "cannot allocate",
        "alloc_buffer",
        // GGML_ASSERT(ctx->mem_buffer != NULL): an allocation failed.
        "mem_buffer",
        "length_error",
        "mmap failed",
    ];
    log.iter().any(|line| {
        let line = line.to_lowercase();
        WORDS.iter().any(|word| line.contains(word))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log(lines: &[&str]) -> Vec<String> {
        lines.iter().map(|line| (*line).to_owned()).collect()
    }

    #[test]
    fn the_last_words_are_those_about_the_fault() {
        let died = log(&[
            "load_tensors: loading",
            "ggml.c:1590: GGML_ASSERT(ctx->mem_buffer != NULL) failed",
            "WARNING: GGML_BACKTRACE_LLDB may cause native MacOS Terminal.app to crash.",
            "See: https://github.com/ggml-org/llama.cpp/pull/17869",
            "warning: process 1 is already traced; skipping backtrace printing",
        ]);
        assert!(last_words(&died).unwrap().starts_with("ggml.c:1590"));
        assert!(mentions_memory(&died));
        let quiet = log(&["a line", "skipping backtrace printing", ""]);
        assert_eq!(last_words(&quiet), Some("a line"));
        assert_eq!(last_words(&[]), None);
    }
}
