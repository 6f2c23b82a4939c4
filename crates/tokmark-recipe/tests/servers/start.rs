use std::cell::Cell;
use std::net::TcpListener;

use tokmark_recipe::{Readiness, RecipeError, Running};

use crate::probes::{Folder, in_both_ways, recipe, shell, stays, until_gone};

#[test]
fn a_server_gets_its_port_folder_and_variables() {
    in_both_ways(|folder, is_guarded| {
        let script = "pwd; echo $ANSWER; echo $0; echo up; exec sleep 1000";
        let mut recipe = shell(script, "working_dir: \"{dir}\"\nenv: {ANSWER: \"at {port}\"}");
        recipe.command.push("{host}:{port}".to_owned());
        let server = folder.start(&recipe, is_guarded).unwrap();
        let port = server.address().port;
        let folder = folder.path().canonicalize().unwrap();
        let wanted =
            [folder.to_str().unwrap(), &format!("at {port}"), &format!("127.0.0.1:{port}"), "up"];
        assert_eq!(server.log_tail(4), wanted);
        assert_eq!(server.url(), format!("http://127.0.0.1:{port}"));
        assert!(server.started_at().elapsed().unwrap() >= server.ready_after());
        server.kill();
    });
}

#[test]
fn the_caller_is_asked_until_the_server_is_ready() {
    let folder = Folder::new();
    let asked = Cell::new(0);
    let mut ready = |address: &tokmark_recipe::Address| {
        assert_eq!(address.ready_url, format!("http://127.0.0.1:{}/up?", address.port));
        assert_eq!(address.ready_status, 204);
        asked.set(asked.get() + 1);
        if asked.get() == 4 { Readiness::Ready } else { Readiness::NotYet("503".to_owned()) }
    };
    let recipe = shell("exec sleep 1000", "ready: {path: \"/up?\", status: 204, timeout: 2m}");
    let server =
        Running::start(&recipe, &folder.values(), &folder.options(true), &mut ready, &|| false);
    server.unwrap().kill();
    assert_eq!(asked.get(), 4);
}

#[test]
fn an_early_end_is_an_error_with_the_end_of_the_log() {
    in_both_ways(|folder, is_guarded| {
        let recipe = shell("seq 1 30; echo 'cannot load' >&2; exit 3", "");
        let error = folder.start(&recipe, is_guarded).unwrap_err();
        let text = error.to_string();
        assert!(
            text.starts_with("recipe test: the server ended with exit code 3 before"),
            "{text}"
        );
        let RecipeError::Exited { exit, log, .. } = error else { panic!("{text}") };
        assert_eq!((exit.code, exit.signal), (Some(3), None));
        assert_eq!(log.lines.len(), 20);
        assert_eq!(log.lines[0], "12");
        assert_eq!(log.lines[19], "cannot load");
        assert!(text.ends_with("\n  30\n  cannot load"), "{text}");
    });
}

#[test]
fn death_by_a_signal_is_named() {
    in_both_ways(|folder, is_guarded| {
        let error = folder.start(&shell("kill -SEGV $$", ""), is_guarded).unwrap_err();
        assert!(error.to_string().contains("ended with SIGSEGV before"), "{error}");
    });
}

#[test]
fn what_an_ended_server_leaves_behind_is_killed() {
    in_both_ways(|folder, is_guarded| {
        let script = "sleep 1000 & echo $! > {dir}/child; exit 1";
        let error = folder.start(&shell(script, ""), is_guarded).unwrap_err();
        assert!(matches!(error, RecipeError::Exited { .. }), "{error}");
        until_gone(&[folder.pid("child")]);
    });
}

#[test]
fn a_server_that_is_never_ready_is_ended_at_its_limit() {
    in_both_ways(|folder, is_guarded| {
        let script = "echo loading; echo $$ > {dir}/pid; exec sleep 1000";
        let recipe = shell(script, "ready: {timeout: 100ms}");
        let mut ready = |_: &_| {
            folder.pid("pid");
            Readiness::NotYet("status 503".to_owned())
        };
        let options = folder.options(is_guarded);
        let error =
            Running::start(&recipe, &folder.values(), &options, &mut ready, &|| false).unwrap_err();
        let text = error.to_string();
        assert!(
            text.contains("not ready within 100ms (status 503); raise ready.timeout"),
            "{text}"
        );
        assert!(text.ends_with("\n  loading"), "{text}");
        until_gone(&[folder.pid("pid")]);
    });
}

#[test]
fn a_server_that_the_caller_refuses_is_ended() {
    let folder = Folder::new();
    let recipe = shell("echo $$ > {dir}/pid; exec sleep 1000", "");
    let mut ready = |_: &_| {
        folder.pid("pid");
        Readiness::Failed("it serves another model".to_owned())
    };
    let error =
        Running::start(&recipe, &folder.values(), &folder.options(false), &mut ready, &|| false)
            .unwrap_err();
    assert!(error.to_string().contains("cannot be used: it serves another model"), "{error}");
    until_gone(&[folder.pid("pid")]);
}

#[test]
fn an_interrupt_ends_a_server_that_is_not_ready() {
    in_both_ways(|folder, is_guarded| {
        let interrupted = Cell::new(false);
        let recipe = shell("echo $$ > {dir}/pid; exec sleep 1000", "");
        let mut ready = |_: &_| {
            folder.pid("pid");
            interrupted.set(true);
            Readiness::NotYet("loading".to_owned())
        };
        let options = folder.options(is_guarded);
        let values = folder.values();
        let error = Running::start(&recipe, &values, &options, &mut ready, &|| interrupted.get())
            .unwrap_err();
        assert!(matches!(error, RecipeError::Interrupted { .. }), "{error}");
        until_gone(&[folder.pid("pid")]);
    });
}

#[test]
fn a_port_in_use_is_an_error_before_anything_is_started() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    let folder = Folder::new();
    let recipe = shell("echo up > {dir}/started", &format!("port: {port}"));
    let error = folder.start(&recipe, false).unwrap_err();
    // Not always this process: a child of another test may hold a copy until it becomes a
    // program of its own.
    let text = error.to_string();
    assert!(text.contains(&format!("port {port} of 127.0.0.1 is in use by ")), "{text}");
    assert!(text.ends_with("); stop that, or set `port: auto`"), "{text}");
    assert!(!folder.path().join("started").exists());
}

#[test]
fn a_program_that_is_missing_is_named() {
    in_both_ways(|folder, is_guarded| {
        let error = folder.start(&recipe("command: [no-such-program]"), is_guarded).unwrap_err();
        let text = error.to_string();
        assert!(
            text.starts_with("recipe test: no-such-program cannot be started: no such"),
            "{text}"
        );

        let needs = "needs: [{program: no-such-program, hint: pip install it}]";
        let error = folder.start(&shell("echo up", needs), is_guarded).unwrap_err();
        assert!(matches!(error, RecipeError::Missing { .. }), "{error}");
    });
}

#[test]
fn two_starts_of_a_recipe_have_ports_and_logs_of_their_own() {
    let folder = Folder::new();
    let (one, two) = (folder.start(&stays(), true).unwrap(), folder.start(&stays(), true).unwrap());
    assert_ne!(one.address().port, two.address().port);
    assert_ne!(one.log_path(), two.log_path());
    one.kill();
    assert!(!two.pids().is_empty());
    two.kill();
}

#[test]
fn a_log_of_its_own_lies_in_the_log_folder() {
    let folder = Folder::new();
    let recipe = shell("echo up; exec sleep 1000", "log: deep/{port}.txt");
    let mut ready = |_: &_| Readiness::Ready;
    let server =
        Running::start(&recipe, &folder.values(), &folder.options(false), &mut ready, &|| false)
            .unwrap();
    let name = format!("logs/deep/{}.txt", server.address().port);
    assert_eq!(server.log_path(), folder.path().join(name));
    server.kill();
}

#[test]
fn no_secret_is_shown_anywhere() {
    const SECRET: &str = "hidden-0123456789";
    in_both_ways(|folder, is_guarded| {
        let more = format!("env: {{MY_API_KEY: {SECRET}}}\nready: {{timeout: 2m}}");
        let mut recipe = shell("echo key $MY_API_KEY $0; echo up; exec sleep 1000", &more);
        recipe.command.push("{env:OTHER_TOKEN}".to_owned());
        let mut values = folder.values();
        values.env.insert("OTHER_TOKEN".to_owned(), format!("{SECRET}-other"));
        let options = folder.options(is_guarded);
        let mut ready = |_: &_| folder.has_printed_up();
        let server = Running::start(&recipe, &values, &options, &mut ready, &|| false).unwrap();
        assert_eq!(server.log_tail(2), ["key *** ***", "up"]);
        let mut shown = format!("{server:?} {recipe:?} {values:?} {}", server.command_line());
        let log = std::fs::read_to_string(server.log_path()).unwrap();
        shown.extend(log.lines().filter(|line| line.starts_with("tokmark:")));
        server.kill();

        recipe.command[2] = "echo key $MY_API_KEY $0; exit 1".to_owned();
        let mut ready = |_: &_| Readiness::NotYet(format!("refused {SECRET}"));
        let error = Running::start(&recipe, &values, &options, &mut ready, &|| false).unwrap_err();
        shown += &format!("{error} {error:?}");
        assert!(error.to_string().contains("key *** ***"), "{error}");

        recipe.ready.timeout = std::time::Duration::ZERO;
        recipe.command[2] = "exec sleep 1000".to_owned();
        let error = Running::start(&recipe, &values, &options, &mut ready, &|| false).unwrap_err();
        assert!(error.to_string().contains("(refused ***)"), "{error}");
        shown += &format!("{error} {error:?}");
        assert!(!shown.contains("hidden"), "{shown}");
    });
}
