//! The real model in the real engine.

use std::process::{Command, Stdio};

use tokmark_model::{GradeLetter, Record, Status, StopReason, TokenKind};

use crate::support::{Home, real_model};

#[test]
fn quick_in_a_fresh_home_says_what_the_model_is_good_for() {
    let home = Home::new();
    let model = real_model();
    let added = home.run(&["models", "add", &*model.to_string_lossy()]);
    assert_eq!(added.code, Some(0), "{added:?}");
    let ran = home.run(&["quick", "--budget", "3s"]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert!(ran.stderr.contains("2 tests: pp512, tg128; about "), "{ran:?}");
    for part in [
        "prompt pp512",
        "generation tg128",
        "tok/s",
        "per token",
        "load",
        "peak memory",
        "tok/s/GB",
        "grade",
        "for chat",
        "a context of up to 8192 tokens fits",
        "kept as ",
    ] {
        assert!(ran.stdout.contains(part), "{part} is missing: {ran:?}");
    }
    let records = home.records();
    assert_eq!(records.len(), 2);
    for record in &records {
        assert_eq!(record.status, Status::Ok);
        assert_eq!(record.model.quantization.as_deref(), Some("Q4_1"));
        assert_eq!(record.model.tensor_bytes.map(|bytes| bytes.get()), Some(96_576_768));
        assert_eq!(record.model.license.as_deref(), Some("apache-2.0"));
        assert_eq!(record.model.context_length, Some(8_192));
        assert_eq!(record.engine.backends, "CPU");
        assert!(record.samples.iter().all(|sample| sample.noise.is_some()));
    }
    let generation = &records[1];
    assert!(generation.samples.iter().all(|sample| sample.token_ns.len() == 128));
    for sample in &generation.samples {
        let sum: u64 = sample.token_ns.iter().map(|step| step.get()).sum();
        assert!(sum <= sample.duration_ns.get(), "steps lie inside the repetition");
    }
    let again = home.run(&["quick", "--budget", "3s", "-o", "json", "--offline"]);
    let printed: Vec<Record> = serde_json::from_str(&again.stdout).unwrap();
    assert_eq!(printed.len(), 2);
}

#[test]
fn every_kind_of_test_runs_on_the_real_model() {
    let home = Home::new();
    let model = real_model();
    let ran = home.run(&[
        "bench",
        "-m",
        &*model.to_string_lossy(),
        "-p",
        "16",
        "-n",
        "4",
        "-pg",
        "8,3",
        "-d",
        "0,32",
        "-np",
        "1,2",
        "-r",
        "2",
        "--tokens",
        "text",
        "-ctk",
        "f16,q8_0",
        "-fa",
        "on",
        "-o",
        "none",
    ]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let records = home.records();
    assert_eq!(records.len(), 3 * 2 * 2 * 2);
    for record in &records {
        assert_eq!(record.status, Status::Ok, "{:?}", record.status_reason);
        assert_eq!(record.tokens.as_ref().unwrap().kind, TokenKind::Text);
        for sample in &record.samples {
            assert_eq!(sample.token_ns.len(), record.test.n_gen as usize);
            assert_eq!(sample.prompt_ns.is_some(), record.test.label().contains('+'));
        }
    }
    let wide = records.iter().find(|record| record.test.label() == "tg4 @ d32 x 2").unwrap();
    assert!(wide.summary.as_ref().unwrap().rate_per_sequence.is_some());
}

#[test]
fn adaptive_repetitions_stop_at_the_budget_or_when_they_agree() {
    let home = Home::new();
    let tiny = home.tiny();
    let ran = home.run(&[
        "bench",
        "-m",
        &*tiny.to_string_lossy(),
        "-p",
        "8",
        "-n",
        "0",
        "--budget",
        "2s",
        "-o",
        "none",
    ]);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let records = home.records();
    let summary = records[0].summary.as_ref().unwrap();
    match summary.stop_reason {
        StopReason::Converged => assert!(summary.half_width.unwrap() <= 0.02 / 1.02),
        StopReason::Budget => assert_eq!(summary.converged, Some(false)),
        other => panic!("{other:?}"),
    }
}

/// Two endless loops beside the engine: attribution is asserted, no time is.
#[test]
fn busy_processes_are_named_by_the_grade() {
    let home = Home::new();
    let tiny = home.tiny();
    let busy = || {
        Command::new("sh").args(["-c", "while :; do :; done"]).stdin(Stdio::null()).spawn().unwrap()
    };
    let mut loops = [busy(), busy()];
    let ran = home.run(&[
        "bench",
        "-m",
        &*tiny.to_string_lossy(),
        "-p",
        "64",
        "-n",
        "0",
        "-r",
        "200",
        "-o",
        "none",
    ]);
    for busy in &mut loops {
        busy.kill().unwrap();
        busy.wait().unwrap();
    }
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let grade = home.records()[0].grade.clone().unwrap();
    let found = grade.reasons.iter().find(|reason| reason.code == "other_processes");
    let found = found.unwrap_or_else(|| panic!("{grade:?}"));
    assert!(found.text.starts_with("other processes used "), "{found:?}");
    assert!(grade.letter >= GradeLetter::E);
}

#[test]
fn too_little_memory_is_said_in_the_row_and_the_run_goes_on() {
    let home = Home::new();
    let model = real_model().to_string_lossy().into_owned();
    for limit in ["10MiB", "40MiB", "60MiB", "80MiB"] {
        let args = ["-p", "8", "-n", "0", "-r", "1", "--memory-limit", limit];
        let mut all = vec!["bench", "-m", &model];
        all.extend(args);
        let ran = home.run(&all);
        assert_eq!(ran.code, Some(3), "{limit}: {ran:?}");
        let record = home.records().pop().unwrap();
        assert!(matches!(record.status, Status::OutOfMemory | Status::Crashed), "{limit}");
        let message = record.status_reason.unwrap().message;
        assert!(message.contains("memory limit of"), "{limit}: {message}");
        assert!(!message.contains("backtrace"), "{limit}: {message}");
    }
}
