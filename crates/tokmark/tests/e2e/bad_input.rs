//! Bad input: one clear error, the right exit code, nothing lost, no panic.

use std::process::{Command, Stdio};

use tokmark_gguf::{TinyAbort, TinyLlama, tiny_llama, tiny_llama_that_aborts};
use tokmark_model::Status;

use crate::support::{Home, Ran, exists, ran};

/// The last line of standard error, with the home folder taken out.
fn error(home: &Home, ran: &Ran) -> String {
    let folder = home.path("").to_string_lossy().into_owned();
    let last = ran.stderr.lines().rfind(|line| !line.is_empty()).unwrap_or_default();
    last.replace(&folder, "")
}

fn model_error(bytes: Option<&[u8]>) -> String {
    let home = Home::new();
    if let Some(bytes) = bytes {
        home.write("model.gguf", bytes);
    }
    let ran = home.run(&["bench", "-m", "model.gguf", "-p", "8", "-n", "0"]);
    assert_eq!(ran.code, Some(2), "{ran:?}");
    assert_eq!(ran.stdout, "");
    error(&home, &ran)
}

#[test]
fn a_file_that_is_no_model_is_named_with_what_it_is() {
    let tiny = tiny_llama(&TinyLlama::default());
    let cut = &tiny[..tiny.len() - 100];
    insta::assert_snapshot!(model_error(None), @"error: no model file at `model.gguf`; check the path; a repository is written hf:owner/repo");
    insta::assert_snapshot!(model_error(Some(b"")), @"error: `model.gguf` is no model file: it is empty; give the path of a GGUF file");
    insta::assert_snapshot!(model_error(Some(b"<!DOCTYPE html><html>not found</html>")), @"error: model.gguf: not a GGUF file: it looks like an HTML page; check the address, it must lead to the file itself, and download it again");
    insta::assert_snapshot!(model_error(Some(&tiny[..40])), @"error: model.gguf: the GGUF header ends early, at byte 32 in metadata entry 0; download the file again");
    insta::assert_snapshot!(model_error(Some(cut)), @"error: model.gguf: the model file is truncated: its tensors need 370336 bytes, it has 370236; download it again");
}

#[test]
fn a_model_that_makes_the_engine_abort_is_a_row_and_the_others_are_measured() {
    for abort in [TinyAbort::Load, TinyAbort::Context, TinyAbort::Decode] {
        let home = Home::new();
        let tiny = home.tiny();
        let bad = home.write("bad.gguf", &tiny_llama_that_aborts(abort));
        let models = format!("{},{}", bad.display(), tiny.display());
        let ran = home.run(&["bench", "-m", &models, "-p", "8", "-n", "2", "-r", "2"]);
        assert_eq!(ran.code, Some(3), "{abort:?} {ran:?}");
        let records = home.records();
        let statuses: Vec<_> = records.iter().map(|record| record.status).collect();
        let expected = [Status::Crashed, Status::Crashed, Status::Ok, Status::Ok];
        assert_eq!(statuses, expected, "{abort:?}");
        let reason = records[0].status_reason.as_ref().unwrap();
        assert_eq!(reason.signal.as_deref(), Some("SIGABRT"), "{abort:?}");
        assert!(!reason.log_tail.is_empty(), "{abort:?}");
    }
}

#[test]
fn bits_flipped_in_a_model_never_end_the_parent() {
    let tiny = tiny_llama(&TinyLlama::default());
    for at in (0..2_000).step_by(97) {
        let home = Home::new();
        let mut bytes = tiny.clone();
        bytes[at] ^= 0x10;
        home.write("model.gguf", &bytes);
        let ran = home.run(&["bench", "-m", "model.gguf", "-p", "4", "-n", "1", "-r", "1"]);
        assert!(matches!(ran.code, Some(0 | 2 | 3)), "bit in byte {at}: {ran:?}");
        assert!(ran.code == Some(0) || !ran.stderr.is_empty(), "bit in byte {at}: {ran:?}");
    }
}

#[test]
fn one_bad_model_of_two_is_a_row() {
    let home = Home::new();
    let tiny = home.tiny();
    let models = format!("missing.gguf,{}", tiny.display());
    let ran = home.run(&["bench", "-m", &models, "-p", "8", "-n", "0", "-r", "1"]);
    assert_eq!(ran.code, Some(3), "{ran:?}");
    let statuses: Vec<_> = home.records().iter().map(|record| record.status).collect();
    assert_eq!(statuses, [Status::Failed, Status::Ok]);
    assert!(ran.stderr.contains("missing.gguf"), "{ran:?}");
}

fn flag_error(args: &[&str]) -> String {
    let home = Home::new();
    let ran = home.bench("null", args);
    assert_eq!(ran.code, Some(2), "{ran:?}");
    assert_eq!(home.records().len(), 0);
    error(&home, &ran)
}

#[test]
fn a_bad_flag_is_named_with_what_would_be_right() {
    insta::assert_snapshot!(flag_error(&["-b", "0"]), @"error: --batch-size is 0 in pp512: give at least 1");
    insta::assert_snapshot!(flag_error(&["-ctk", "q9_9"]), @"error: invalid value 'q9_9' for --cache-type-k: expected one of f16, bf16, q8_0, q4_0, q4_1, q5_0, q5_1, iq4_nl");
    insta::assert_snapshot!(flag_error(&["-p", "8-"]), @"error: invalid value '8-' for --n-prompt: expected a whole number from 0 to 2147483647 or a range as in 1-8, 16-64+16, 128-1024*2");
    insta::assert_snapshot!(flag_error(&["-p", "0", "-n", "0"]), @"error: nothing to measure: give -p, -n or -pg a number of tokens above 0");
    insta::assert_snapshot!(flag_error(&["-r", "0"]), @"error: --repetitions is 0; give at least 1");
    insta::assert_snapshot!(flag_error(&["-r", "-1"]), @"error: invalid value '-1' for --repetitions; give at least 1");
    insta::assert_snapshot!(flag_error(&["--delay", "x"]), @"error: invalid value 'x' for --delay; give whole seconds, 0 or more");
    insta::assert_snapshot!(flag_error(&["-mmp", "0"]), @"error: unknown flag '-mmp'; write -lm mmap for 1, -lm none for 0");
    insta::assert_snapshot!(flag_error(&["-o", "xml"]), @"error: 'xml' is no output format; give table, tokmark-json, tokmark-jsonl, csv, json, jsonl, md or sql");
    insta::assert_snapshot!(flag_error(&["--rpc", "host:1"]), @"error: --rpc needs the RPC back end, which this engine lacks: leave --rpc out, or build the engine with its RPC back end");
    insta::assert_snapshot!(flag_error(&["-fitt", "512"]), @"error: --fit-target needs fitting to device memory, which this engine lacks: leave --fit-target out, or use an engine that has it");
    insta::assert_snapshot!(flag_error(&["--prio", "9"]), @"error: there is no priority 9; give -1, 0, 1, 2 or 3");
}

#[test]
fn flags_are_read_before_a_model_is_looked_for() {
    let home = Home::new();
    let ran = home.run(&["bench", "-m", "missing.gguf", "--delay", "x"]);
    assert_eq!(ran.code, Some(2), "{ran:?}");
    assert!(ran.stderr.contains("--delay"), "{ran:?}");
}

#[test]
fn a_folder_is_called_a_folder() {
    let home = Home::new();
    std::fs::create_dir(home.path("bad")).unwrap();
    let model = home.run(&["bench", "-m", "bad"]);
    let store = home.run(&["history", "--db", "bad"]);
    assert_eq!((model.code, store.code), (Some(2), Some(2)), "{model:?} {store:?}");
    insta::assert_snapshot!(error(&home, &model), @"error: `bad` is no model file: it is a folder; give the path of a GGUF file");
    insta::assert_snapshot!(error(&home, &store), @"error: bad is a folder: name a file in it with --db, as in bad/tokmark.db");
}

#[test]
fn what_is_no_whole_model_does_not_get_into_the_cache() {
    let tiny = tiny_llama(&TinyLlama::default());
    let files = [
        (&b"<!DOCTYPE html><html>"[..], "an HTML page"),
        (b"", "is empty"),
        (&tiny[..40], "ends early"),
        (&tiny[..tiny.len() - 100], "truncated"),
    ];
    for (bytes, says) in files {
        let home = Home::new();
        home.write("model.gguf", bytes);
        let ran = home.run(&["models", "add", "model.gguf"]);
        assert_eq!(ran.code, Some(2), "{ran:?}");
        let said = error(&home, &ran);
        assert!(said.contains("model.gguf") && said.contains(says), "{said}");
        assert!(home.run(&["models"]).stderr.contains("no models"));
    }
    let home = Home::new();
    home.tiny();
    assert_eq!(home.run(&["models", "add", "tiny.gguf"]).code, Some(0));
}

#[test]
fn ten_thousand_tests_need_a_yes() {
    let home = Home::new();
    let ran = home.bench("null", &["-p", "1-100", "-n", "0", "-b", "1-100", "-r", "1"]);
    assert_eq!(ran.code, Some(2), "{ran:?}");
    let message = error(&home, &ran);
    assert!(message.contains("10000 tests") && message.contains("--yes"), "{message}");
    assert_eq!(home.records().len(), 0);
}

#[test]
fn more_threads_and_context_than_there_are_is_measured_and_flagged() {
    let home = Home::new();
    let ran = home.bench("null", &["-p", "8", "-n", "0", "-t", "100000", "-r", "1"]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert_eq!(home.records()[0].flags, ["threads_over_cores"]);
    let ran = home.bench("llama", &["-p", "8", "-n", "0", "-t", "1", "-r", "1", "-d", "4096"]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert_eq!(home.records()[1].flags, ["context_over_trained"]);
}

#[test]
fn a_store_that_cannot_be_written_is_said_before_anything_is_measured() {
    let home = Home::new();
    home.write("file", b"x");
    let ran = home.bench("null", &["--db", "file/below.db"]);
    assert_eq!(ran.code, Some(2), "{ran:?}");
    assert!(ran.stderr.contains("file/below.db"), "{ran:?}");
}

#[test]
fn a_corrupt_store_is_left_as_it_is() {
    let home = Home::new();
    let rubbish = [0x5a; 5_000];
    let path = home.write("rubbish.db", &rubbish);
    for args in [&["history", "--db", "rubbish.db"][..], &["export", "--db", "rubbish.db"]] {
        let ran = home.run(args);
        assert_eq!(ran.code, Some(2), "{ran:?}");
        assert!(ran.stderr.contains("rubbish.db"), "{ran:?}");
    }
    let ran = home.bench("null", &["--db", "rubbish.db"]);
    assert_eq!(ran.code, Some(2), "{ran:?}");
    assert_eq!(std::fs::read(path).unwrap(), rubbish);
}

/// Runs in a mount namespace of its own, on a disk of 1 MB.
#[test]
fn a_full_disk_loses_nothing_earlier() {
    let home = Home::new();
    let tiny = home.tiny();
    let disk = home.path("disk");
    std::fs::create_dir(&disk).unwrap();
    let script = format!(
        "mount -t tmpfs -o size=1m none {disk} && cd {home} && \
         {tokmark} bench -m {tiny} --engine null -p 1-400 -n 0 -r 40 --db disk/t.db -o none; \
         echo \"code $?\"; {tokmark} history --db disk/t.db -o csv | wc -l",
        disk = disk.display(),
        home = home.path("").display(),
        tokmark = env!("CARGO_BIN_EXE_tokmark"),
        tiny = tiny.display(),
    );
    let mut command = Command::new("unshare");
    home.dress(&mut command);
    // Root needs no namespace of users, which not every place allows.
    if !is_root() {
        command.args(["--map-root-user", "--user"]);
    }
    command.args(["--mount", "sh", "-c", &script]);
    let ran = ran(command.stdin(Stdio::null()).output().unwrap());
    assert!(ran.stderr.contains("no space left"), "{ran:?}");
    let mut lines = ran.stdout.lines();
    assert_eq!(lines.next(), Some("code 2"), "{ran:?}");
    let n_lines: usize = lines.next().unwrap().trim().parse().unwrap();
    assert!((2..400).contains(&n_lines), "{ran:?}");
    assert!(!exists(&disk.join("t.db")), "the disk was the namespace's own");
}

fn is_root() -> bool {
    let asked = Command::new("id").arg("-u").output().unwrap();
    String::from_utf8_lossy(&asked.stdout).trim() == "0"
}
