//! Bad content gets file, line, column, what is wrong and what is allowed.

use std::fs;
use std::path::Path;

use tokmark_board::{Content, read_run};

const GOOD: &str = "tokmark_run: 1
model: Gemma-4-E2B-it
hardware: GeForce RTX 3090
engine: llama.cpp
backend: CUDA
source: a page
date: 2026-04
rates_tps:
  chat: 80.5
";

fn faults(text: &str) -> String {
    match read_run("run.yaml", text) {
        Ok(records) => format!("no fault, {} records", records.len()),
        Err(error) => error.to_string(),
    }
}

/// The good run with one line in place of another.
fn with(line: &str, other: &str) -> String {
    assert!(GOOD.contains(line), "{line}");
    faults(&GOOD.replace(line, other))
}

#[test]
fn the_good_run_is_good() {
    assert_eq!(faults(GOOD), "no fault, 1 records");
}

#[test]
fn every_kind_of_bad_run_says_where_and_what() {
    let found = [
        ("unknown field", with("model:", "modle:")),
        (
            "unknown field, and a missing one beside others",
            faults("tokmark_run: 1\nmodel: x\nfoo: 1\n"),
        ),
        ("no number", with("80.5", "fast")),
        ("neither a rate nor a range", with("80.5", "[1, 2, 3]")),
        ("a range that goes down", with("80.5", "[9.5, 2]")),
        ("a rate of nothing", with("80.5", "0")),
        ("a negative rate", with("80.5", "[-1, 2]")),
        ("not a number", with("80.5", ".nan")),
        ("infinite", with("80.5", ".inf")),
        ("empty", with("\n  chat: 80.5", "")),
        ("no shapes", with("\n  chat: 80.5", " {}")),
        ("unknown field of a figure", with("80.5", "{rate: 1, p99: 5}")),
        ("half a range", with("80.5", "{low: 1}")),
        ("TTFT of a test", with("chat: 80.5", "tg128: {rate: 5, ttft_ms: 3}")),
        ("a number for a text", with("source: a page", "source: 12")),
        (
            "a version that looks like a number",
            with("backend: CUDA", "backend: CUDA\nengine_version: 1.10"),
        ),
        ("a whole number that is none", with("backend: CUDA", "backend: CUDA\nconcurrency: 1.5")),
        ("too small", with("backend: CUDA", "backend: CUDA\nconcurrency: 0")),
        ("not one of the words", with("backend: CUDA", "backend: CUDA\nkind: measured")),
        ("no date", with("date: 2026-04\n", "")),
        ("no date either", with("2026-04", "spring")),
        ("two dates", with("date: 2026-04", "date: 2026-04\nnot_before: 2026-03")),
        ("no address", with("date:", "url: javascript:alert(1)\ndate:")),
        ("an address with a password", with("date:", "url: https://me:secret@host/\ndate:")),
        ("a path for a machine", with("date:", "rig: ../../etc/passwd\ndate:")),
        ("no hash", with("date:", "model_sha256: 12AB\ndate:")),
        ("control characters", with("a page", "\"a \\u001b[31m page\"")),
        ("turned writing", with("a page", "\"a \\u202e page\"")),
        ("an empty text", with("a page", "\"\"")),
        ("a key twice", with("date: 2026-04", "date: 2026-04\nmodel: other")),
        ("an anchor", with("a page", "&here a page")),
        ("a merge", with("date:", "<<: {a: b}\ndate:")),
        ("a tag", with("a page", "!include /etc/passwd")),
        ("two documents", faults(&format!("{GOOD}---\n{GOOD}"))),
        ("no version", with("tokmark_run: 1\n", "")),
        ("a newer version", with("tokmark_run: 1", "tokmark_run: 2")),
        ("no version at all", with("tokmark_run: 1", "tokmark_run: first")),
        ("a list", faults("- 1\n- 2\n")),
        ("a word", faults("benchmark")),
        ("nothing", faults("")),
        ("broken", with("chat: 80.5", "chat: [80.5")),
        ("HTML is text", with("a page", "<script>alert(1)</script>")),
    ];
    let found: Vec<_> =
        found.into_iter().map(|(what, said)| format!("# {what}\n{said}\n")).collect();
    insta::assert_snapshot!(found.join("\n"));
}

#[test]
fn bad_records_say_where_and_what() {
    let good = tokmark_board::write_run(&read_run("x", GOOD).unwrap()[0]);
    let with = |from: &str, to: &str| {
        assert!(good.contains(from), "{from} in {good}");
        faults(&good.replacen(from, to, 1))
    };
    let found = [
        ("the record as written", faults(&good)),
        ("unknown kind", with("kind: published", "kind: guessed")),
        ("no id", with("  id: ", "  id: x")),
        ("no time", with("created_at: ", "created_at: a")),
        ("newer", with("record_version: 1", "record_version: 99")),
        ("a negative count", with("n_gen: 1", "n_gen: -1")),
        ("a count that is too large", with("n_gen: 1", "n_gen: 99999999999")),
        ("a deep one", with("rate_tps: 80.5", "rate_tps: fast")),
        ("a field beside the record", with("tokmark_run: 1", "tokmark_run: 1\nmodel: x")),
        ("no record", faults("tokmark_run: 1\nrecord: 5\n")),
        ("an empty one", faults("tokmark_run: 1\nrecord: {}\n")),
    ];
    let found: Vec<_> =
        found.into_iter().map(|(what, said)| format!("# {what}\n{said}\n")).collect();
    insta::assert_snapshot!(found.join("\n"));
}

/// A folder of content with one file.
fn folder(files: &[(&str, &[u8])]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("runs")).unwrap();
    for (name, bytes) in files {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }
    folder
}

fn check(folder: &Path) -> Vec<String> {
    let (_, findings) = Content::check(folder);
    findings.iter().map(ToString::to_string).collect()
}

#[test]
fn all_files_are_checked_and_good_ones_are_kept() {
    let other = GOOD.replace("chat", "rag");
    let folder = folder(&[
        ("runs/a.yaml", GOOD.replace("model", "modle").as_bytes()),
        ("runs/b.yaml", GOOD.as_bytes()),
        ("runs/c.yaml", GOOD.replace("80.5", "x").as_bytes()),
        ("runs/d.yaml", other.as_bytes()),
        ("runs/e.yaml", GOOD.as_bytes()),
        ("runs/f.yaml", GOOD.replace("date:", "rig: nowhere\ndate:").as_bytes()),
        ("runs/.hidden.swp", b"\x00"),
        (
            "families.yaml",
            b"tokmark_families: 1\nsource: {name: x}\nfamilies:\n- family: A\n  released: May\n",
        ),
        ("hardware/box.yaml", b"tokmark_hardware: 1\nname: Box\n"),
        (
            "planned.yaml",
            b"tokmark_planned: 1\nsource: {name: x}\nplanned:\n- {title: t, state: soon, why: w}\n",
        ),
    ]);
    let (content, _) = Content::check(folder.path());
    let kept: Vec<_> = content.runs.iter().map(|run| run.file.as_str()).collect();
    assert_eq!(kept, ["runs/b.yaml", "runs/d.yaml", "runs/e.yaml", "runs/f.yaml"]);
    insta::assert_snapshot!(check(folder.path()).join("\n"));
    assert!(Content::read(folder.path()).is_err());
}

#[test]
fn bombs_are_refused_before_they_grow() {
    let mut bomb = String::from("a: &a [x, x, x, x, x, x, x, x, x]\n");
    for (name, before) in ["b", "c", "d", "e", "f", "g", "h", "i"].iter().zip("abcdefgh".chars()) {
        let aliases = vec![format!("*{before}"); 9].join(", ");
        bomb += &format!("{name}: &{name} [{aliases}]\n");
    }
    let deep = "[".repeat(1_000_000);
    let many = format!("a: [{}]", "0, ".repeat(1_100_000));
    let folder = folder(&[
        ("runs/bomb.yaml", bomb.as_bytes()),
        ("runs/deep.yaml", deep.as_bytes()),
        ("runs/many.yaml", many.as_bytes()),
    ]);
    let found = check(folder.path());
    let expected = [
        "runs/bomb.yaml:1:7: an anchor (&) or alias (*); write the value out in each place",
        "runs/deep.yaml:1:49: nested too deeply; up to 48 levels",
        "runs/many.yaml:1:2999996: too many values; up to a million values in a file",
    ];
    assert_eq!(found, expected);
}

#[test]
fn a_file_of_9_mb_is_refused_unread() {
    let large = format!("{GOOD}notes: [{}]\n", "x".repeat(9_000_000));
    let folder = folder(&[("runs/large.yaml", large.as_bytes())]);
    let expected =
        "runs/large.yaml:1:1: it is too large; up to 8 MB are read; split it, or leave samples out";
    assert_eq!(check(folder.path()), [expected]);
    assert!(faults(&large).starts_with("run.yaml:1:1: it is too large"));
}

#[test]
fn bytes_that_are_no_text_have_a_place() {
    let folder = folder(&[("runs/latin.yaml", b"tokmark_run: 1\nmodel: caf\xe9\n")]);
    let expected = "runs/latin.yaml:2:11: no text: a byte that is not UTF-8; write it in UTF-8";
    assert_eq!(check(folder.path()), [expected]);
}

#[cfg(unix)]
#[test]
fn nothing_outside_of_the_folder_is_read() {
    use std::os::unix::fs::symlink;

    let outside = tempfile::tempdir().unwrap();
    fs::write(outside.path().join("secret.yaml"), GOOD).unwrap();
    let folder = folder(&[("runs/good.yaml", GOOD.as_bytes())]);
    let at = |name: &str| folder.path().join(name);
    symlink(outside.path().join("secret.yaml"), at("runs/out.yaml")).unwrap();
    symlink("../../../../../../etc/passwd", at("runs/passwd.yaml")).unwrap();
    symlink("nothing", at("runs/dangling.yaml")).unwrap();
    symlink("good.yaml", at("runs/inside.yaml")).unwrap();
    symlink(outside.path(), at("hardware")).unwrap();
    symlink("/dev/zero", at("runs/zero.yaml")).unwrap();
    symlink("/dev/zero", at("families.yaml")).unwrap();
    fs::create_dir(at("runs/folder.yaml")).unwrap();
    fs::write(at("runs/name with space.yaml"), GOOD).unwrap();
    fs::write(at("runs/..;rm -rf.yaml"), GOOD).unwrap();
    fs::write(at("runs/other.json"), "{}").unwrap();
    fs::write(at("runs/bell\x07.yaml"), GOOD).unwrap();
    let status = std::process::Command::new("mkfifo").arg(at("runs/pipe.yaml")).status();
    let has_pipe = status.is_ok_and(|status| status.success());
    let found = check(folder.path());
    let found: Vec<_> = found
        .iter()
        .filter(|line| has_pipe || !line.contains("pipe"))
        .map(|line| line.replace(" (os error 2)", ""))
        .collect();
    insta::assert_snapshot!(found.join("\n"));
}

#[test]
fn a_folder_that_is_none_is_said() {
    let found = check(Path::new("/nowhere/at/all"));
    assert_eq!(found.len(), 1);
    assert!(found[0].starts_with("/nowhere/at/all:1:1: no folder: "), "{}", found[0]);
    let empty = tempfile::tempdir().unwrap();
    assert_eq!(check(empty.path()), Vec::<String>::new());
}

#[test]
fn figures_that_the_samples_do_not_give_are_found() {
    let mut record = read_run("x", GOOD).unwrap().remove(0);
    record.grade =
        Some(tokmark_model::Grade { letter: tokmark_model::GradeLetter::A, reasons: Vec::new() });
    let graded = tokmark_board::write_run(&record);
    let folder = folder(&[("runs/graded.yaml", graded.as_bytes())]);
    let found = check(folder.path());
    assert_eq!(found.len(), 1);
    assert!(found[0].ends_with("a record of this kind has no grade; leave it out"), "{}", found[0]);
    let line = graded.lines().position(|line| line.starts_with("  grade:")).unwrap();
    let place: Vec<&str> = found[0].split(':').collect();
    assert!(place[1] == (line + 1).to_string() || place[1] == (line + 2).to_string());
}
