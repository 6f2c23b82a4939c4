use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use tokmark_recipe::{Exit, GuardCommand, RecipeError, Running, StartOptions};

use crate::probes::{
    Folder, KEEPS_MOVING, SOON, example, is_alive, python, send, stays, until, until_gone,
    until_within,
};

/// A server that listens, with a child and an orphan, each in a session of its own. All of
/// them ignore polite signals; each writes its process to a file.
const STUBBORN: &str = r#"
name: stubborn
command:
  - sh
  - -c
  - |
    trap '' TERM INT HUP
    (setsid sh -c 'echo $$ > {dir}/orphan; while :; do sleep 1000; done' &)
    setsid sh -c 'echo $$ > {dir}/child; while :; do sleep 1000; done' &
    echo $$ > {dir}/server
    echo $PPID > {dir}/guard
    python3 -c 'import socket, time; s = socket.create_server(("127.0.0.1", {port})); time.sleep(1000)'
    wait
"#;

/// A server with an orphan in a session of its own. All end by themselves.
const WITH_AN_ORPHAN: &str = "(setsid sh -c 'echo $$ > {dir}/orphan; exec sleep 30' &); \
    echo $PPID > {dir}/guard; echo up; exec sleep 30";

fn spawn_example(mut command: Command, folder: &Folder, recipe: &str) -> Child {
    let file = folder.path().join("recipe.yaml");
    std::fs::write(&file, recipe).unwrap();
    command.arg(file).arg(folder.path()).stdin(Stdio::piped()).stdout(Stdio::piped());
    command.spawn().unwrap()
}

/// What a program that started a server prints first.
fn first_line(child: &mut Child) -> String {
    let mut line = String::new();
    BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
    line
}

fn pids_of(line: &str) -> Vec<u32> {
    let (_, list) = line.split_once('[').unwrap();
    list.trim_end().trim_end_matches(']').split(", ").map(|pid| pid.parse().unwrap()).collect()
}

#[test]
fn nothing_stays_when_the_parent_is_killed() {
    let folder = Folder::new();
    let mut parent = spawn_example(Command::new(example()), &folder, STUBBORN);
    let mut pids = pids_of(&first_line(&mut parent));
    let name = std::fs::read_to_string(format!("/proc/{}/comm", folder.pid("guard"))).unwrap();
    assert_eq!(name, "server-guard\n");
    for name in ["server", "child", "orphan"] {
        assert!(pids.contains(&folder.pid(name)), "{name} is not among {pids:?}");
    }
    pids.push(folder.pid("guard"));
    assert!(pids.iter().all(|&pid| is_alive(pid)));
    parent.kill().unwrap();
    parent.wait().unwrap();
    until_gone(&pids);
}

#[test]
fn nothing_stays_when_the_parent_is_killed_before_the_server_is_ready() {
    let folder = Folder::new();
    let recipe = STUBBORN.replace("python3 -c", ": python3 -c");
    let mut parent = spawn_example(Command::new(example()), &folder, &recipe);
    let pids = ["server", "child", "orphan", "guard"].map(|name| folder.pid(name));
    parent.kill().unwrap();
    parent.wait().unwrap();
    until_gone(&pids);
}

#[test]
fn polite_signals_do_not_end_the_guard() {
    let folder = Folder::new();
    let mut parent = spawn_example(Command::new(example()), &folder, STUBBORN);
    let pids = pids_of(&first_line(&mut parent));
    let guard = folder.pid("guard");
    for signal in [libc::SIGHUP, libc::SIGINT, libc::SIGTERM] {
        send(guard, signal);
    }
    parent.kill().unwrap();
    parent.wait().unwrap();
    until_gone(&pids);
    until_gone(&[guard]);
}

#[test]
fn the_server_dies_with_its_guard() {
    let folder = Folder::new();
    let script = "(setsid sh -c 'echo $$ > {dir}/orphan; exec sleep 1000' &); \
        echo $PPID > {dir}/guard; echo up; exec sleep 1000";
    let mut server = folder.start(&crate::probes::shell(script, ""), true).unwrap();
    let (pid, orphan) = (server.pid(), folder.pid("orphan"));
    send(folder.pid("guard"), libc::SIGKILL);
    let exit = until("the loss is seen", || server.exit());
    assert_eq!(exit, Exit { code: None, signal: None });
    until_gone(&[pid]);
    let report = server.stop();
    assert!(report.had_ended && report.left.is_empty(), "{report:?}");
    assert_eq!(report.killed, [orphan]);
    assert!(!is_alive(orphan));
}

#[test]
fn dropping_after_the_guard_was_killed_leaves_nothing() {
    let folder = Folder::new();
    let server = folder.start(&crate::probes::shell(WITH_AN_ORPHAN, ""), true).unwrap();
    let pids = [server.pid(), folder.pid("orphan"), folder.pid("guard")];
    send(pids[2], libc::SIGKILL);
    // From here on the guard is seen as dead, though threads of it may still be ending.
    until_gone(&pids[2..]);
    drop(server);
    until_within(SOON, "all are gone", || (!pids.iter().any(|&pid| is_alive(pid))).then_some(()));
}

#[test]
fn a_guard_that_is_killed_before_it_kills_leaves_nothing() {
    let folder = Folder::new();
    let server = folder.start(&python(KEEPS_MOVING, ""), true).unwrap();
    let guard = folder.pid("guard");
    assert!(!folder.is_unlocked());
    send(guard, libc::SIGSTOP);
    drop(server);
    send(guard, libc::SIGKILL);
    until_within(SOON, "all are gone", || folder.is_unlocked().then_some(()));
}

#[test]
fn a_guard_leaves_with_its_server() {
    let folder = Folder::new();
    let script = "echo $PPID > {dir}/guard; echo up; exec sleep 1000";
    let server = folder.start(&crate::probes::shell(script, ""), true).unwrap();
    let guard = folder.pid("guard");
    assert!(is_alive(guard) && !server.pids().contains(&guard));
    assert!(server.stop().is_clean());
    assert!(!is_alive(guard));
}

#[test]
fn signals_that_the_parent_ignores_still_end_the_server() {
    let folder = Folder::new();
    let recipe = "name: polite\nstop: {signal: int, grace: 2m}\ncommand: [python3, -c, \
        'import socket, time; s = socket.create_server((\"127.0.0.1\", {port})); time.sleep(1000)']";
    let mut shell = Command::new("sh");
    shell.args(["-c", "trap '' INT TERM; exec \"$0\" \"$@\""]).arg(example());
    let mut parent = spawn_example(shell, &folder, recipe);
    let pids = pids_of(&first_line(&mut parent));
    drop(parent.stdin.take());
    let mut rest = String::new();
    parent.stdout.as_mut().unwrap().read_to_string(&mut rest).unwrap();
    assert!(parent.wait().unwrap().success());
    assert!(rest.starts_with("clean: true"), "{rest}");
    assert!(!pids.iter().any(|&pid| is_alive(pid)));
}

#[test]
fn a_program_that_is_no_guard_is_an_error() {
    let folder = Folder::new();
    let cases: [(&str, &[&str]); 4] =
        [("true", &[]), ("echo", &["hello"]), ("cat", &["-", "/dev/null"]), ("no-such-guard", &[])];
    for (program, args) in cases {
        let args = args.iter().map(Into::into).collect();
        let guard = GuardCommand { program: Path::new(program).to_owned(), args };
        let options = StartOptions { guard: Some(guard), ..folder.options(false) };
        let mut ready = |_: &_| panic!("nothing was started");
        let error = Running::start(&stays(), &folder.values(), &options, &mut ready, &|| false)
            .unwrap_err();
        assert!(matches!(error, RecipeError::Guard { .. }), "{program}: {error}");
    }
}

#[test]
fn a_guard_without_orders_leaves() {
    let mut guard = Command::new(example());
    guard.arg(tokmark_recipe::GUARD).stdin(Stdio::null()).stdout(Stdio::null());
    assert!(guard.status().unwrap().success());
}
