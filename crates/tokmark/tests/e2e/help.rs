//! Help texts, by snapshot.

use crate::support::Home;

fn help(args: &[&str]) -> String {
    let ran = Home::new().run(args);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert_eq!(ran.stderr, "");
    ran.stdout
}

#[test]
fn every_command_has_a_help_text_with_two_examples() {
    for command in [
        "quick", "bench", "load", "gap", "compare", "ab", "diff", "watch", "stub", "history",
        "show", "note", "tag", "rm", "export", "import", "models",
    ] {
        let text = help(&[command, "--help"]);
        let examples = text.split("Examples:\n").nth(1).unwrap_or_default();
        let n = examples.lines().filter(|line| line.contains("tokmark")).count();
        assert_eq!(n, 2, "{command}");
        insta::with_settings!({ snapshot_suffix => command }, {
            // The default number of threads is the machine's.
            insta::assert_snapshot!("help", text);
        });
    }
    insta::assert_snapshot!("help_all", help(&["--help"]));
}

#[test]
fn a_command_that_is_none_is_wrong_usage() {
    let ran = Home::new().run(&["benhc"]);
    assert_eq!(ran.code, Some(2));
    assert!(ran.stderr.contains("bench"), "{ran:?}");
}
