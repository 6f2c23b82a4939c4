//! Jobs done by real processes: shell scripts that behave as the program does, or worse.
#![cfg(unix)]

use std::fs;
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use tokmark_agent::{Ended, ProcessRunner, Runner, Running};
use tokmark_model::{Job, JobOutcome, JobProgress, JobSpec, JobState, Timestamp, Uuid};

use super::records::{record, records};

/// Names the folder in which [`role_of_an_agent_that_is_killed`] runs its job.
const ROLE: &str = "TOKMARK_TEST_AGENT_ROLE";

fn job() -> Job {
    Job {
        id: Uuid::from_u128(5),
        spec: JobSpec::Quick { model: "A".to_owned() },
        state: JobState::Running,
        machine: None,
        agent: None,
        n_attempts: 1,
        cancel: false,
        progress: JobProgress::default(),
        message: None,
        run_id: None,
        created_at: Timestamp::UNIX_EPOCH,
        updated_at: Timestamp::UNIX_EPOCH,
        leased_until: None,
    }
}

/// A program that is this script, in `folder`, where `N.json` is the array of the first N
/// records for it.
fn program(folder: &Path, script: &str) -> PathBuf {
    for n in 0..=3 {
        let text = serde_json::to_string_pretty(&records(n)).unwrap();
        fs::write(folder.join(format!("{n}.json")), text).unwrap();
    }
    let program = folder.join("program");
    let head = format!("#!/bin/sh\nhere='{}'\n", folder.display());
    fs::write(&program, head + script).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    program
}

fn start(folder: &Path, script: &str, command: &[&str]) -> Box<dyn Running> {
    let mut runner = ProcessRunner::new(program(folder, script), folder.join("jobs"));
    let command: Vec<String> = command.iter().map(|&word| word.to_owned()).collect();
    // Another thread may hold the new file open in a child that has not become its program yet.
    loop {
        match runner.start(&job(), &command) {
            Ok(running) => return running,
            Err(error) if error.to_string().contains("busy") => soon(),
            Err(error) => panic!("{error}"),
        }
    }
}

fn soon() {
    std::thread::sleep(Duration::from_millis(2));
}

fn until<T>(mut look: impl FnMut() -> Option<T>) -> T {
    loop {
        match look() {
            Some(found) => return found,
            None => soon(),
        }
    }
}

fn run(script: &str, command: &[&str]) -> Ended {
    let folder = tempfile::tempdir().unwrap();
    let mut running = start(folder.path(), script, command);
    let ended = until(|| running.poll());
    drop(running);
    let left: Vec<_> = fs::read_dir(folder.path().join("jobs")).unwrap().collect();
    assert!(left.is_empty(), "{left:?}");
    ended
}

#[test]
fn a_process_is_followed_interrupted_twice_and_what_it_measured_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let script = r#"
n=0
trap 'n=$((n+1)); echo "{\"share\":0.5,\"doing\":\"asked $n\"}" >&2; [ $n -lt 2 ] || { cat "$here/2.json"; exit 130; }' INT
[ "$TOKMARK_PROGRESS" = json ] || exit 9
echo "tokmark: a line of log" >&2
echo '{"share":0.25,"doing":"tg128","remaining_s":12.0}' >&2
while :; do sleep 0.05; done
"#;
    let mut running = start(folder.path(), script, &["quick", "a.gguf"]);
    let doing = |running: &mut Box<dyn Running>, expected: &str| {
        until(|| {
            assert_eq!(running.poll(), None);
            let progress = running.progress();
            (progress.doing == expected).then_some(progress)
        })
    };
    let progress = doing(&mut running, "tg128");
    assert_eq!((progress.share, progress.remaining_s), (0.25, Some(12.0)));
    running.cancel();
    doing(&mut running, "asked 1");
    running.cancel();
    let ended = until(|| running.poll());
    assert_eq!(ended.outcome, JobOutcome::Cancelled);
    assert_eq!(ended.records, records(2));
}

#[test]
fn the_third_cancel_kills_with_all_that_was_started() {
    let folder = tempfile::tempdir().unwrap();
    let script = r#"
trap '' INT TERM
( trap '' INT TERM; while :; do sleep 0.05; done ) &
echo $! > "$here/child"
printf '[\n' ; sed '1d;$d' "$here/2.json"; printf ',\n{"record_version": 1, "id'
echo '{"share":0.5,"doing":"deaf"}' >&2
while :; do sleep 0.05; done
"#;
    let mut running = start(folder.path(), script, &["bench", "-m", "a.gguf"]);
    until(|| (running.progress().doing == "deaf").then_some(()));
    let child: u32 =
        fs::read_to_string(folder.path().join("child")).unwrap().trim().parse().unwrap();
    running.cancel();
    running.cancel();
    assert_eq!(running.poll(), None);
    running.cancel();
    let ended = until(|| running.poll());
    assert_eq!(ended.outcome, JobOutcome::Cancelled);
    assert_eq!(ended.records, records(2), "the third was not whole");
    until(|| is_gone(child).then_some(()));
}

#[test]
fn records_come_from_the_store_too_and_each_once() {
    let script = r#"
for last; do :; done
case "$1" in
  export) [ "$2 $3" = "--visits --db" ] || exit 9; cat "$4"; exit 0 ;;
esac
[ "$*" = "compare a b -o json --db $last" ] || exit 9
cp "$here/3.json" "$last"
cat "$here/2.json"
exit 1
"#;
    let ended = run(script, &["compare", "a", "b"]);
    assert_eq!(ended.outcome, JobOutcome::Done, "{:?}", ended.message);
    assert_eq!(ended.records, records(3));
}

#[test]
fn what_was_measured_before_a_crash_is_kept() {
    let script = r#"
for last; do :; done
case "$1" in export) cat "$4"; exit 0 ;; esac
cp "$here/1.json" "$last"
kill -SEGV $$
"#;
    let ended = run(script, &["quick", "a"]);
    let message = Some("it died of signal 11".to_owned());
    let expected = Ended { outcome: JobOutcome::Failed, message, records: vec![record(0)] };
    assert_eq!(ended, expected);
}

#[test]
fn an_exit_code_means_what_it_means_on_the_command_line() {
    let cases = [
        ("cat $here/1.json", JobOutcome::Done, None),
        ("exit 0", JobOutcome::Failed, Some("it gave no record that can be read")),
        ("echo 'error: no such model' >&2; exit 2", JobOutcome::Failed, Some("no such model")),
        ("echo 'last words' >&2; exit 101", JobOutcome::Failed, Some("last words")),
        ("cat $here/1.json; exit 3", JobOutcome::Done, None),
        ("exit 3", JobOutcome::Failed, Some("it left with exit code 3")),
        ("exit 130", JobOutcome::Cancelled, None),
        ("kill -KILL $$", JobOutcome::Cancelled, Some("it was killed")),
    ];
    for (script, outcome, message) in cases {
        let ended = run(script, &["quick", "a"]);
        assert_eq!((ended.outcome, ended.message.as_deref()), (outcome, message), "{script}");
    }
    let bench =
        run(r#"case "$*" in *"-o tokmark-json --db"*) cat "$here/1.json";; esac"#, &["bench"]);
    assert_eq!(bench.outcome, JobOutcome::Done);
}

#[test]
fn a_program_that_is_not_there_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let mut runner = ProcessRunner::new(folder.path().join("nothing"), folder.path());
    let error = runner.start(&job(), &[]).err().unwrap().to_string();
    assert!(error.starts_with("cannot start") && error.contains("nothing"), "{error}");
}

#[test]
fn a_dropped_job_is_killed() {
    let folder = tempfile::tempdir().unwrap();
    let script =
        "trap '' INT TERM\necho $$ > $here/pid.part; mv $here/pid.part $here/pid\nexec sleep 1000";
    let running = start(folder.path(), script, &["quick", "a"]);
    let pid = until(|| fs::read_to_string(folder.path().join("pid")).ok());
    drop(running);
    assert!(is_gone(pid.trim().parse().unwrap()));
}

/// Plays both parts: started again by itself, with the variable, it is the agent that is killed.
#[cfg(target_os = "linux")]
#[test]
fn what_measures_dies_with_its_agent() {
    if let Some(folder) = std::env::var_os(ROLE).map(PathBuf::from) {
        let script = "echo $$ > $here/pid.part; mv $here/pid.part $here/pid\nexec sleep 1000";
        let _running = start(&folder, script, &["quick", "a"]);
        // Until the pipe is closed, should its parent die first.
        let _ = std::io::stdin().read(&mut [0]);
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let mut agent = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "process::what_measures_dies_with_its_agent"])
        .env(ROLE, folder.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let pid = until(|| fs::read_to_string(folder.path().join("pid")).ok());
    agent.kill().unwrap();
    agent.wait().unwrap();
    until(|| is_gone(pid.trim().parse().unwrap()).then_some(()));
}

/// Whether a process has ended; nobody may have taken its exit code yet.
fn is_gone(pid: u32) -> bool {
    let shown = Command::new("ps").args(["-o", "stat=", "-p", &pid.to_string()]).output().unwrap();
    let state = String::from_utf8_lossy(&shown.stdout).trim().to_owned();
    state.is_empty() || state.starts_with('Z')
}
