//! Whatever the worker does, there is a record of it and the suite goes on.

use std::process::Stdio;

use tokmark_model::{Record, Status};

use crate::support::{Home, Ran, is_alive, ran, signal, wait_for, worker_of};

/// Three tests of three repetitions each. The estimate before them runs the engine twice, so
/// run 6 is the second test's second repetition.
const SUITE: [&str; 7] = ["-p", "8", "-n", "4,5", "-r", "3", "--no-warmup"];

fn suite(engine: &str, more: &[&str]) -> (Home, Ran, Vec<Record>) {
    let home = Home::new();
    let args: Vec<&str> = SUITE.iter().chain(more).copied().collect();
    let ran = home.bench(engine, &args);
    let records = home.records();
    (home, ran, records)
}

fn statuses(records: &[Record]) -> Vec<Status> {
    records.iter().map(|record| record.status).collect()
}

#[test]
fn an_abort_is_a_record_and_the_suite_goes_on() {
    let (_home, ran, records) = suite("fake:abort@6", &[]);
    assert_eq!(ran.code, Some(3), "{ran:?}");
    assert_eq!(statuses(&records), [Status::Ok, Status::Crashed, Status::Ok]);
    let reason = records[1].status_reason.as_ref().unwrap();
    assert_eq!(reason.signal.as_deref(), Some("SIGABRT"));
    assert!(reason.log_tail.iter().any(|line| line == "the script says: abort"), "{reason:?}");
    assert_eq!(records[1].samples.len(), 1, "what was measured before is kept");
    assert!(ran.stderr.contains("SIGABRT"), "{ran:?}");
}

#[test]
fn an_exit_code_is_kept() {
    let (_home, _ran, records) = suite("fake:exit7@6", &[]);
    assert_eq!(statuses(&records), [Status::Ok, Status::Crashed, Status::Ok]);
    assert_eq!(records[1].status_reason.as_ref().unwrap().exit_code, Some(7));
}

#[test]
fn an_engine_that_says_no_fails_one_test() {
    let (_home, ran, records) = suite("fake:error@6", &[]);
    assert_eq!(ran.code, Some(3));
    assert_eq!(statuses(&records), [Status::Ok, Status::Failed, Status::Ok]);
    let reason = records[1].status_reason.as_ref().unwrap();
    assert_eq!(reason.message, "the script says: error");
}

#[test]
fn rubbish_on_the_pipe_fails_one_test() {
    let (_home, _ran, records) = suite("fake:rubbish@6", &[]);
    assert_eq!(statuses(&records), [Status::Ok, Status::Failed, Status::Ok]);
    let message = &records[1].status_reason.as_ref().unwrap().message;
    assert!(message.contains("no message"), "{message}");
}

#[test]
fn a_hang_ends_at_the_time_limit() {
    let (_home, _ran, records) = suite("fake:hang@6", &["--timeout", "1500ms"]);
    assert_eq!(statuses(&records), [Status::Ok, Status::TimedOut, Status::Ok]);
}

#[test]
fn memory_beyond_the_limit_ends_one_test() {
    let (_home, _ran, records) = suite("fake:hoard@6", &["--memory-limit", "256MiB"]);
    assert_eq!(statuses(&records), [Status::Ok, Status::OutOfMemory, Status::Ok]);
    let message = &records[1].status_reason.as_ref().unwrap().message;
    assert!(message.contains("256.00 MiB"), "{message}");
}

#[test]
fn a_killed_worker_is_a_record() {
    let home = Home::new();
    let args: Vec<&str> = SUITE.to_vec();
    let running = home.start(&home.bench_args("fake:hang@6", &args));
    wait_for(|| (home.records().len() == 1).then_some(()));
    signal(worker_of(running.id()), "KILL");
    let ran = ran(running.wait_with_output().unwrap());
    assert_eq!(ran.code, Some(3), "{ran:?}");
    let records = home.records();
    assert_eq!(statuses(&records), [Status::Ok, Status::Crashed, Status::Ok]);
    let reason = records[1].status_reason.as_ref().unwrap();
    assert_eq!(reason.signal.as_deref(), Some("SIGKILL"));
}

#[test]
fn a_killed_parent_takes_its_worker_along_and_loses_nothing_earlier() {
    let home = Home::new();
    let mut running = home.start(&home.bench_args("fake:hang@6", &SUITE));
    wait_for(|| (home.records().len() == 1).then_some(()));
    let worker = worker_of(running.id());
    running.kill().unwrap();
    running.wait().unwrap();
    wait_for(|| (!is_alive(worker)).then_some(()));
    assert_eq!(statuses(&home.records()), [Status::Ok]);
    let again = home.bench("null", &SUITE);
    assert_eq!(again.code, Some(0), "{again:?}");
    assert_eq!(home.records().len(), 4);
}

#[test]
fn the_first_interrupt_keeps_what_is_done() {
    let home = Home::new();
    let args = home.bench_args("null", &["-p", "8", "-n", "4", "-r", "100000000"]);
    let running = home.start(&args);
    worker_of(running.id());
    signal(running.id(), "INT");
    let ran = ran(running.wait_with_output().unwrap());
    assert_eq!(ran.code, Some(130), "{ran:?}");
    let records = home.records();
    assert!(records.len() <= 1, "no further test begins");
    assert!(records.iter().all(|record| record.status == Status::Interrupted));
}

#[test]
fn the_second_interrupt_ends_at_once() {
    let home = Home::new();
    let running = home.start(&home.bench_args("fake:hang@6", &SUITE));
    wait_for(|| (home.records().len() == 1).then_some(()));
    signal(running.id(), "INT");
    // Two signals at the same moment may count as one.
    let pid = running.id();
    let again = std::thread::spawn(move || {
        while is_alive(pid) {
            std::thread::sleep(std::time::Duration::from_millis(50));
            let _ = std::process::Command::new("kill")
                .args(["-INT", &pid.to_string()])
                .stderr(Stdio::null())
                .status();
        }
    });
    let ran = ran(running.wait_with_output().unwrap());
    again.join().unwrap();
    assert_eq!(ran.code, Some(130), "{ran:?}");
    let records = home.records();
    assert_eq!(statuses(&records), [Status::Ok, Status::Interrupted]);
}

#[test]
fn two_runs_into_one_database_lose_nothing() {
    let home = Home::new();
    let args = home.bench_args("null", &["-p", "1-20", "-n", "0", "-r", "3"]);
    let both = [home.start(&args), home.start(&args)];
    for run in both {
        let ran = ran(run.wait_with_output().unwrap());
        assert_eq!(ran.code, Some(0), "{ran:?}");
    }
    let records = home.records();
    assert_eq!(records.len(), 40);
    let mut runs: Vec<_> = records.iter().map(|record| record.run_id).collect();
    runs.sort();
    runs.dedup();
    assert_eq!(runs.len(), 2);
}

#[test]
fn a_closed_pipe_is_quiet() {
    let home = Home::new();
    let args = home.bench_args("null", &["-p", "1-50", "-n", "0", "-r", "50", "-o", "json"]);
    let mut running = home.start(&args);
    drop(running.stdout.take());
    let ran = ran(running.wait_with_output().unwrap());
    assert!(!ran.stderr.contains("pipe"), "{ran:?}");
    assert_eq!(ran.code, Some(0), "{ran:?}");
}

#[test]
fn a_hang_before_the_first_test_is_that_tests_own() {
    let (_home, ran, records) = suite("fake:hang@0", &["--timeout", "1s"]);
    assert_eq!(ran.code, Some(3), "{ran:?}");
    assert!(statuses(&records).iter().all(|status| *status == Status::TimedOut), "{records:?}");
}

#[test]
fn a_closed_standard_error_ends_nothing() {
    let home = Home::new();
    let mut running = home.start(&home.bench_args("null", &["-p", "1-20", "-n", "0", "-r", "5"]));
    drop(running.stderr.take());
    let output = running.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(home.records().len(), 20);
}
