use std::cell::Cell;

use tokmark_recipe::{RecipeError, Running};

use crate::probes::{Folder, in_both_ways, shell, until_gone};

const STAYS: &str = "cat {dir}/model; echo up; exec sleep 1000";

#[test]
fn a_pull_runs_before_the_server_and_with_its_variables() {
    in_both_ways(|folder, is_guarded| {
        let more = "env: {FROM: afar}\npull: {command: [sh, -c, 'echo $FROM > {dir}/model']}";
        let server = folder.start(&shell(STAYS, more), is_guarded).unwrap();
        assert_eq!(server.log_tail(2), ["afar", "up"]);
        assert!(server.pulled_in().is_some());
        server.kill();
    });
}

#[test]
fn nothing_is_pulled_where_it_exists() {
    let folder = Folder::new();
    std::fs::write(folder.path().join("model"), "here\n").unwrap();
    let pull = "command: [sh, -c, 'exit 9'], unless_exists: model";
    let more = format!("working_dir: \"{{dir}}\"\npull: {{{pull}}}");
    let server = folder.start(&shell(STAYS, &more), false).unwrap();
    assert_eq!(server.log_tail(2), ["here", "up"]);
    assert_eq!(server.pulled_in(), None);
    server.kill();
    std::fs::remove_file(folder.path().join("model")).unwrap();
    let error = folder.start(&shell(STAYS, &more), false).unwrap_err();
    assert!(matches!(error, RecipeError::PullFailed { .. }), "{error}");
}

#[test]
fn nothing_is_pulled_where_the_check_succeeds() {
    let folder = Folder::new();
    let more = "pull: {command: [sh, -c, 'echo new > {dir}/model'], \
        unless_succeeds: [test, -e, '{dir}/model']}";
    let server = folder.start(&shell(STAYS, more), false).unwrap();
    assert!(server.pulled_in().is_some());
    server.kill();
    let server = folder.start(&shell(STAYS, more), false).unwrap();
    assert_eq!(server.pulled_in(), None);
    server.kill();
}

#[test]
fn a_pull_that_needs_the_server_runs_once_it_is_ready() {
    in_both_ways(|folder, is_guarded| {
        let script = "echo $$ > {dir}/pid; echo up; exec sleep 1000";
        let pull = "command: [sh, -c, 'kill -0 $(cat {dir}/pid) && echo pulled']";
        let more = format!("pull: {{{pull}, needs_server: true}}");
        let server = folder.start(&shell(script, &more), is_guarded).unwrap();
        assert_eq!(server.log_tail(1), ["pulled"]);
        assert!(server.pulled_in().is_some());
        server.kill();
    });
}

#[test]
fn a_failed_pull_ends_the_server_that_it_needed() {
    in_both_ways(|folder, is_guarded| {
        let script = "echo $$ > {dir}/pid; echo up; exec sleep 1000";
        let more = "pull: {command: [sh, -c, 'echo no such model; exit 4'], needs_server: true}";
        let error = folder.start(&shell(script, more), is_guarded).unwrap_err();
        let text = error.to_string();
        assert!(text.starts_with("recipe test: the pull ended with exit code 4"), "{text}");
        assert!(text.ends_with("\n  no such model"), "{text}");
        until_gone(&[folder.pid("pid")]);
    });
}

#[test]
fn a_pull_that_takes_too_long_is_ended() {
    in_both_ways(|folder, is_guarded| {
        let more = "env: {WHERE: '{dir}'}\n\
            pull: {command: [sh, -c, 'echo half; exec sleep 1000'], timeout: 50ms}";
        let mut recipe = shell(STAYS, more);
        let error = folder.start(&recipe, is_guarded).unwrap_err();
        let text = error.to_string();
        assert!(text.contains("the pull took longer than 50ms; raise pull.timeout"), "{text}");
        assert_eq!(n_processes_with(folder), 0);
        recipe.pull = None;
        let server = folder.start(&recipe, is_guarded).unwrap();
        assert_eq!(n_processes_with(folder), 1);
        server.kill();
    });
}

/// Processes whose environment names the folder.
fn n_processes_with(folder: &Folder) -> usize {
    let wanted = format!("WHERE={}", folder.path().display());
    let has_it = |process: &std::fs::DirEntry| {
        std::fs::read(process.path().join("environ"))
            .is_ok_and(|variables| String::from_utf8_lossy(&variables).contains(&wanted))
    };
    std::fs::read_dir("/proc").unwrap().flatten().filter(has_it).count()
}

#[test]
fn an_interrupt_ends_a_pull() {
    in_both_ways(|folder, is_guarded| {
        let more = "pull: {command: [sh, -c, 'echo $$ > {dir}/pid; exec sleep 1000']}";
        let recipe = shell(STAYS, more);
        let asked = Cell::new(false);
        let interrupted = || {
            // Not before the pull runs.
            if !asked.replace(true) {
                folder.pid("pid");
            }
            true
        };
        let options = folder.options(is_guarded);
        let mut ready = |_: &_| panic!("there is nothing to be ready");
        let error = Running::start(&recipe, &folder.values(), &options, &mut ready, &interrupted)
            .unwrap_err();
        assert!(matches!(error, RecipeError::Interrupted { .. }), "{error}");
        until_gone(&[folder.pid("pid")]);
    });
}
