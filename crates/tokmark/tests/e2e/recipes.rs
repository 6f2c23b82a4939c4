//! Servers of recipes that do not come up, or not to the end.

use std::io::{BufRead, BufReader};
use std::os::unix::fs::symlink;

use tokmark_model::Status;

use crate::load::records;
use crate::support::{Home, signal};

/// A recipe whose server is the stub, run through a link of this name.
fn stub_recipe(home: &Home, name: &str) -> String {
    let link = home.path(name);
    symlink(env!("CARGO_BIN_EXE_tokmark"), &link).unwrap();
    format!(
        "- {{name: {name}, command: [{}, stub, --ttft, 5ms, --itl, 1ms, --port, \"{{port}}\"], ready: {{path: /health}}}}\n",
        link.display()
    )
}

#[test]
fn a_recipe_that_does_not_start_is_a_row_and_the_next_ones_are_measured() {
    let home = Home::new();
    let broken = |name: &str| {
        format!(
            "- {{name: {name}, command: [sh, -c, \"echo out of luck; exit 7\"], \
             ready: {{path: /health}}}}\n"
        )
    };
    let good = stub_recipe(&home, "good");
    let recipes = ["recipes:\n".to_owned(), broken("broken"), good, broken("other")].concat();
    home.write("three.yaml", recipes.as_bytes());
    let args = ["load", "--recipe", "three.yaml", "-c", "2", "-n", "4", "--calibrate", "off"];
    for more in [&["-o", "json"][..], &["-o", "json", "--interleave"]] {
        let ran = home.run(&[&args[..], more].concat());
        assert_eq!(ran.code, Some(3), "{ran:?}");
        let records = records(&ran.stdout);
        let mut statuses: Vec<Status> = records.iter().map(|record| record.status).collect();
        statuses.sort_by_key(|status| *status != Status::Crashed);
        assert_eq!(statuses, [Status::Crashed, Status::Crashed, Status::Ok]);
        let reason = records[0].status_reason.as_ref().unwrap();
        assert_eq!(reason.exit_code, Some(7));
        assert!(reason.message.contains("before it was ready"), "{reason:?}");
        assert!(!reason.message.contains('\n'), "{reason:?}");
        assert!(reason.log_tail.iter().any(|line| line == "out of luck"), "{reason:?}");
        assert_eq!(records[0].serving.as_ref().unwrap().recipe.as_deref(), Some("broken"));
        assert_eq!(records[0].label(), "chat x 2");
    }
    assert_eq!(home.records().len(), 6);
}

#[test]
fn a_recipe_that_can_not_be_filled_in_is_wrong_usage() {
    let home = Home::new();
    let recipe = "name: mine\ncommand: [sh, -c, \"{model}\"]\nready: {path: /health}\n";
    home.write("mine.yaml", recipe.as_bytes());
    let ran = home.run(&["load", "--recipe", "mine.yaml"]);
    assert_eq!(ran.code, Some(2), "{ran:?}");
    assert!(home.records().is_empty());
}

/// The process whose command line begins with this path.
fn process_of(path: &str) -> Option<u32> {
    let listed = std::process::Command::new("ps").args(["-eo", "pid,args"]).output().unwrap();
    let listed = String::from_utf8_lossy(&listed.stdout).into_owned();
    listed.lines().find_map(|line| {
        let (pid, args) = line.trim_start().split_once(' ')?;
        args.trim_start().starts_with(path).then(|| pid.parse().unwrap())
    })
}

/// Reads on to the line with this word.
fn read_until(said: &mut impl BufRead, word: &str) {
    let mut line = String::new();
    while !line.contains(word) {
        line.clear();
        assert!(said.read_line(&mut line).unwrap() > 0, "it ended before {word}");
    }
}

#[test]
fn a_server_that_dies_while_it_is_measured_has_crashed() {
    let home = Home::new();
    let recipes =
        ["recipes:\n".to_owned(), stub_recipe(&home, "mortal"), stub_recipe(&home, "good")];
    home.write("both.yaml", recipes.concat().as_bytes());
    let args = ["load", "--recipe", "both.yaml", "-c", "1,2", "--calibrate", "off", "-o", "json"];
    let mut child = home.start(&[&args[..], &["--duration", "1h"]].concat());
    let mut said = BufReader::new(child.stderr.take().unwrap());
    // Off a terminal a line comes every few seconds while requests are made.
    read_until(&mut said, "mortal chat x 1");
    let path = home.path("mortal").to_string_lossy().into_owned();
    signal(process_of(&path).expect("it serves"), "KILL");
    read_until(&mut said, "good chat x 1");
    signal(child.id(), "INT");
    let drain = std::thread::spawn(move || std::io::copy(&mut said, &mut std::io::sink()));
    let output = child.wait_with_output().unwrap();
    drain.join().unwrap().unwrap();
    assert_eq!(output.status.code(), Some(130));
    let records = records(&String::from_utf8(output.stdout).unwrap());
    let crashed = &records[0];
    assert_eq!(crashed.status, Status::Crashed, "{:?}", crashed.status_reason);
    let reason = crashed.status_reason.as_ref().unwrap();
    assert_eq!(reason.signal.as_deref(), Some("SIGKILL"));
    assert_eq!(records[1].status, Status::Skipped);
    assert_eq!(records[2].serving.as_ref().unwrap().recipe.as_deref(), Some("good"));
}
