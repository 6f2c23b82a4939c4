//! Rules for every text file: line ends, trailing white space, nothing left behind.

use super::{File, Finding};

/// Recorded from other programs, to be kept byte by byte.
fn is_recorded(path: &str) -> bool {
    path.contains("/fixtures/") || path.ends_with(".snap")
}

/// Snapshots that nobody has looked at yet.
fn is_pending(path: &str) -> bool {
    path.ends_with(".snap.new") || path.ends_with(".pending-snap")
}

/// Checks every text file.
pub(super) fn check(files: &[File]) -> Vec<Finding> {
    files.iter().flat_map(check_file).collect()
}

fn check_file(File { path, text }: &File) -> Vec<Finding> {
    if is_pending(path) {
        let message = "a snapshot that waits for review; accept or remove it";
        return vec![Finding::new(path, 1, message)];
    }
    if is_recorded(path) {
        return Vec::new();
    }
    let lines = |is_bad: fn(&str) -> bool| -> Vec<usize> {
        let bad = text.split('\n').enumerate().filter(|(_, line)| is_bad(line));
        bad.map(|(n, _)| n + 1).collect()
    };
    let crlf = lines(|line| line.ends_with('\r'));
    let trailing = lines(|line| line.ends_with([' ', '\t']));
    [("CRLF; lines end with LF alone", crlf), ("trailing white space", trailing)]
        .iter()
        .filter_map(|(message, lines)| first_of(path, message, lines))
        .collect()
}

/// One finding for all `lines`: who mends the first mends the rest.
fn first_of(path: &str, message: &str, lines: &[usize]) -> Option<Finding> {
    let on_lines = match lines.len() {
        1 => String::new(),
        n => format!(", on {n} lines"),
    };
    lines.first().map(|&line| Finding::new(path, line, format!("{message}{on_lines}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn messages(path: &str, text: &str) -> Vec<String> {
        let file = File { path: path.to_owned(), text: text.to_owned() };
        check_file(&file).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn crlf_and_trailing_white_space_are_found() {
        let expected = ["a.md:1: CRLF; lines end with LF alone", "a.md:2: trailing white space"];
        assert_eq!(messages("a.md", "one\r\ntwo \nthree\n"), expected);
        let expected = ["a.md:1: trailing white space, on 2 lines"];
        assert_eq!(messages("a.md", "one \ntwo\nthree \n"), expected);
        assert_eq!(messages("a.md", "no line end\t"), ["a.md:1: trailing white space"]);
    }

    #[test]
    fn recorded_files_are_left_alone() {
        assert!(messages("crates/a/tests/fixtures/out.md", "one \n").is_empty());
        assert!(messages("crates/a/src/snapshots/b.snap", "one \n").is_empty());
    }

    #[test]
    fn snapshots_waiting_for_review_are_found() {
        assert_eq!(messages("crates/a/src/.b.rs.pending-snap", "{}").len(), 1);
    }
}
