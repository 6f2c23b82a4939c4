use std::time::Duration;

use crate::probes::{
    Folder, KEEPS_MOVING, in_both_ways, is_alive, python, send, shell, stays, until, until_gone,
};

#[test]
fn a_server_that_ends_when_asked_is_stopped_cleanly() {
    in_both_ways(|folder, is_guarded| {
        let server = folder.start(&stays(), is_guarded).unwrap();
        let pids = server.pids();
        assert_eq!(pids, [server.pid()]);
        let report = server.stop();
        assert!(report.is_clean(), "{report:?}");
        assert_eq!(report.exit.unwrap().signal, Some(libc::SIGTERM));
        assert!(!is_alive(pids[0]));
    });
}

#[test]
fn the_recipe_chooses_the_signal() {
    in_both_ways(|folder, is_guarded| {
        let script = "import signal, sys, time\n\
            signal.signal(signal.SIGTERM, signal.SIG_IGN)\n\
            signal.signal(signal.SIGINT, lambda *_: sys.exit(7))\n\
            print('up', flush=True)\n\
            while True: time.sleep(1000)";
        let recipe = python(script, "stop: {signal: int, grace: 2m}");
        let report = folder.start(&recipe, is_guarded).unwrap().stop();
        assert!(report.is_clean(), "{report:?}");
        assert_eq!(report.exit.unwrap().code, Some(7));
    });
}

#[test]
fn children_are_stopped_with_their_server() {
    in_both_ways(|folder, is_guarded| {
        let script = "sleep 1000 & sleep 1000 & (sleep 1000; :) & echo up; wait";
        let server = folder.start(&shell(script, ""), is_guarded).unwrap();
        let pids = until("all are there", || Some(server.pids()).filter(|pids| pids.len() == 5));
        assert_eq!(pids[0], server.pid());
        let report = server.stop();
        assert!(report.is_clean(), "{report:?}");
        assert!(!pids.iter().any(|&pid| is_alive(pid)));
    });
}

#[test]
fn a_server_that_ignores_the_signal_is_killed_after_its_grace() {
    in_both_ways(|folder, is_guarded| {
        let script = "import signal, time\n\
            signal.signal(signal.SIGTERM, signal.SIG_IGN)\n\
            print('up', flush=True)\n\
            while True: time.sleep(1000)";
        let recipe = python(script, "stop: {grace: 100ms}");
        let server = folder.start(&recipe, is_guarded).unwrap();
        let pid = server.pid();
        let report = server.stop();
        assert_eq!(report.killed, [pid]);
        assert_eq!(report.exit.unwrap().signal, Some(libc::SIGKILL));
        assert!(report.took >= Duration::from_millis(100) && !report.is_clean());
        assert!(report.left.is_empty() && !is_alive(pid));
    });
}

#[test]
fn a_child_in_a_session_of_its_own_is_killed() {
    in_both_ways(|folder, is_guarded| {
        let script = "setsid sh -c 'echo $$ > {dir}/child; exec sleep 1000' & echo up; wait";
        let server = folder.start(&shell(script, ""), is_guarded).unwrap();
        let child = folder.pid("child");
        assert!(server.pids().contains(&child));
        let report = server.stop();
        assert_eq!(report.killed, [child]);
        assert!(!is_alive(child));
    });
}

#[test]
fn an_orphan_in_a_session_of_its_own_is_killed() {
    in_both_ways(|folder, is_guarded| {
        // The shell between ends at once, so that nothing but its origin ties it to the server.
        let script = "(setsid sh -c 'echo $$ > {dir}/orphan; exec sleep 1000' &); \
            echo up; exec sleep 1000";
        let server = folder.start(&shell(script, ""), is_guarded).unwrap();
        let orphan = folder.pid("orphan");
        assert!(server.pids().contains(&orphan));
        let report = server.stop();
        assert_eq!(report.killed, [orphan]);
        assert!(!is_alive(orphan));
    });
}

#[test]
fn a_process_that_keeps_moving_to_a_new_one_is_killed() {
    in_both_ways(|folder, is_guarded| {
        let recipe = python(KEEPS_MOVING, "stop: {grace: 50ms}");
        let server = folder.start(&recipe, is_guarded).unwrap();
        assert!(!folder.is_unlocked());
        let report = server.stop();
        assert!(report.left.is_empty(), "{report:?}");
        assert!(folder.is_unlocked());
    });
}

#[test]
fn a_crash_is_seen_and_reported_by_the_stop() {
    in_both_ways(|folder, is_guarded| {
        let script = "sleep 1000 & echo $! > {dir}/child; echo up; wait";
        let mut server = folder.start(&shell(script, ""), is_guarded).unwrap();
        assert_eq!(server.exit(), None);
        let child = folder.pid("child");
        send(server.pid(), libc::SIGKILL);
        let exit = until("the crash is seen", || server.exit());
        assert_eq!(exit.signal, Some(libc::SIGKILL));
        let report = server.stop();
        assert!(report.had_ended);
        assert_eq!(report.killed, [child]);
        assert!(!is_alive(child));
    });
}

#[test]
fn dropping_kills_everything() {
    in_both_ways(|folder, is_guarded| {
        let script = "(setsid sh -c 'echo $$ > {dir}/orphan; trap \"\" TERM; sleep 1000' &); \
            trap '' TERM; echo up; while :; do sleep 1000; done";
        let server = folder.start(&shell(script, ""), is_guarded).unwrap();
        let orphan = folder.pid("orphan");
        let pids = server.pids();
        assert!(pids.contains(&orphan) && pids.contains(&server.pid()));
        drop(server);
        until_gone(&pids);
    });
}

#[test]
fn a_server_is_out_of_reach_of_the_terminal() {
    let folder = Folder::new();
    let server = folder.start(&stays(), false).unwrap();
    let pid = server.pid() as i32;
    // SAFETY: plain system calls.
    let (session, group) = unsafe { (libc::getsid(pid), libc::getpgid(pid)) };
    assert_eq!((session, group), (pid, pid));
    server.kill();
}

#[test]
fn servers_of_other_recipes_are_left_alone() {
    in_both_ways(|folder, is_guarded| {
        let (one, two) = (
            folder.start(&stays(), is_guarded).unwrap(),
            folder.start(&stays(), is_guarded).unwrap(),
        );
        assert!(!one.pids().contains(&two.pid()));
        one.stop();
        assert!(is_alive(two.pid()));
        assert!(two.stop().is_clean());
    });
}
