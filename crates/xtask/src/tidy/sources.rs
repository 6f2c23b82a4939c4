//! Rules for source files: their size, what may not stand in them, and their header.

use std::collections::BTreeSet;

use super::code::{Tested, is_word, without_literals, without_tests};
use super::{File, Finding};
use crate::workspace::Workspace;

/// Lines above which a file must be split.
const MAX_LINES: usize = 500;

/// Ends of names of source files.
const EXTENSIONS: [&str; 12] =
    ["c", "cc", "cpp", "css", "h", "hpp", "html", "js", "py", "rs", "sh", "ts"];

/// What no Rust file may hold, tests included.
const FORBIDDEN: [(&str, &str); 4] = [
    ("todo!", "todo! is unfinished work"),
    ("unimplemented!", "unimplemented! is unfinished work"),
    ("dbg!", "dbg! was left behind"),
    ("#[ignore", "an ignored test never fails"),
];

const UNWRAP: (&str, &str) =
    (".unwrap()", "unwrap outside tests; return an error, or state the invariant with expect");

/// Checks size and content of every source file.
pub(super) fn check(files: &[File]) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut for_tests = BTreeSet::new();
    let mut outside_tests = Vec::new();
    for file in files.iter().filter(|file| is_source(file)) {
        let n_lines = file.text.lines().count();
        if n_lines > MAX_LINES {
            let message = format!("{n_lines} lines, more than {MAX_LINES}; split the file");
            findings.push(Finding::new(&file.path, MAX_LINES + 1, message));
        }
        if !file.path.ends_with(".rs") {
            continue;
        }
        let code = without_literals(&file.text);
        for rule in FORBIDDEN {
            findings.extend(find(&file.path, &code, rule));
        }
        if is_in_src(&file.path) {
            let Tested { code, test_modules } = without_tests(&code);
            for_tests.extend(test_modules.iter().map(|name| module_stem(&file.path, name)));
            outside_tests.push((file.path.as_str(), code));
        }
    }
    for (path, code) in outside_tests.iter().filter(|(path, _)| !is_below(path, &for_tests)) {
        findings.extend(find(path, code, UNWRAP));
    }
    findings
}

/// Checks that every library and program opens with what it is for.
pub(super) fn check_headers(workspace: &Workspace, files: &[File]) -> Vec<Finding> {
    let is_public = |kind: &String| matches!(kind.as_str(), "lib" | "bin" | "proc-macro");
    workspace
        .packages
        .iter()
        .flat_map(|package| &package.targets)
        .filter(|target| target.kind.iter().any(is_public))
        .map(|target| workspace.relative(&target.src_path))
        .filter(|path| files.iter().any(|f| f.path == *path && !f.text.starts_with("//! ")))
        .map(|path| Finding::new(&path, 1, "a crate opens with `//!` and its purpose"))
        .collect()
}

fn is_source(file: &File) -> bool {
    let extension = file.path.rsplit_once('.').map(|(_, extension)| extension);
    let is_script = file.text.starts_with("#!/");
    let is_generated = file.text.lines().take(5).any(|line| line.contains("@generated"));
    (is_script || extension.is_some_and(|e| EXTENSIONS.contains(&e))) && !is_generated
}

/// Whether `path` is `crates/NAME/src/...`.
fn is_in_src(path: &str) -> bool {
    let mut folders = path.split('/');
    folders.next() == Some("crates") && folders.nth(1) == Some("src")
}

/// Where the file of module `name`, declared in `path`, stands, without `.rs` or `/mod.rs`.
fn module_stem(path: &str, name: &str) -> String {
    let stem = path.strip_suffix(".rs").unwrap_or(path);
    let (folder, file) = stem.rsplit_once('/').unwrap_or(("", stem));
    let folder = if matches!(file, "lib" | "main" | "mod") { folder } else { stem };
    format!("{folder}/{name}")
}

/// Whether `path` is one of the modules `stems`, or inside one.
fn is_below(path: &str, stems: &BTreeSet<String>) -> bool {
    stems.iter().any(|stem| {
        path.strip_prefix(stem.as_str()).is_some_and(|rest| rest == ".rs" || rest.starts_with('/'))
    })
}

fn find(path: &str, code: &str, (pattern, message): (&str, &str)) -> Vec<Finding> {
    let is_whole = |line: &str, at: usize| {
        !pattern.starts_with(char::is_alphabetic) || !line[..at].bytes().last().is_some_and(is_word)
    };
    code.lines()
        .enumerate()
        .filter(|(_, line)| line.match_indices(pattern).any(|(at, _)| is_whole(line, at)))
        .map(|(n, _)| Finding::new(path, n + 1, message))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn findings(files: &[(&str, &str)]) -> Vec<(String, usize)> {
        let files: Vec<_> = files
            .iter()
            .map(|(path, text)| File { path: (*path).to_owned(), text: (*text).to_owned() })
            .collect();
        check(&files).into_iter().map(|finding| (finding.file, finding.line)).collect()
    }

    #[test]
    fn an_unwrap_is_found_outside_tests_only() {
        let text = "/// `x.unwrap()`\nfn f() { x.unwrap(); }\n#[cfg(test)]\nmod tests { fn g() { y.unwrap(); } }\n";
        assert_eq!(findings(&[("crates/a/src/lib.rs", text)]), [("crates/a/src/lib.rs".into(), 2)]);
        assert!(findings(&[("crates/a/tests/all.rs", "fn f() { x.unwrap(); }")]).is_empty());
        assert!(findings(&[("crates/a/src/lib.rs", "x.unwrap_or(1)")]).is_empty());
    }

    #[test]
    fn test_modules_in_their_own_files_may_unwrap() {
        let unwrap = "fn f() { x.unwrap(); }";
        let found = findings(&[
            ("crates/a/src/lib.rs", "#[cfg(test)]\nmod fixture;\nmod deep;"),
            ("crates/a/src/fixture.rs", unwrap),
            ("crates/a/src/fixture/more.rs", unwrap),
            ("crates/a/src/deep.rs", "#[cfg(test)]\nmod tests;"),
            ("crates/a/src/deep/tests.rs", unwrap),
            ("crates/a/src/tests.rs", unwrap),
        ]);
        assert_eq!(found, [("crates/a/src/tests.rs".into(), 1)]);
    }

    #[test]
    fn unfinished_work_is_found_in_tests_too() {
        let text =
            "fn f() { todo!() }\nfn g() { my_todo!(); \"dbg!\"; dbg!(1); }\n#[ignore = \"slow\"]\n";
        let lines: Vec<_> =
            findings(&[("crates/a/tests/b.rs", text)]).into_iter().map(|(_, line)| line).collect();
        assert_eq!(lines, [1, 2, 3]);
    }

    #[test]
    fn long_sources_are_found_unless_generated() {
        let long = "a\n".repeat(501);
        assert_eq!(findings(&[("tool.py", &long)]), [("tool.py".into(), 501)]);
        assert_eq!(findings(&[("x", &format!("#!/bin/sh\n{long}"))]), [("x".into(), 501)]);
        assert!(findings(&[("a.md", &long)]).is_empty());
        assert!(findings(&[("a.rs", &format!("// @generated by b\n{long}"))]).is_empty());
        assert!(findings(&[("a.rs", &"a\n".repeat(500))]).is_empty());
    }
}
