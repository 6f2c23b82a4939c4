use super::*;

#[test]
fn the_help_is_complete() {
    insta::assert_snapshot!(usage("llama-bench", 2));
}

#[test]
fn every_spelling_is_in_the_help() {
    let text = usage("x", 8);
    for flag in FLAGS {
        assert!(text.contains(&format!("\n  {} ", flag.spellings.join(", "))), "{}", flag.long);
    }
}
