use proptest::prelude::*;

use super::*;

/// Reasoning and answer of a text given in pieces, corrections applied as
/// [`super::super::Assembled`] applies them.
fn split(expects_open_think: bool, pieces: &[&str]) -> (String, String) {
    let mut tags = ThinkTags::new(expects_open_think);
    let (mut reasoning, mut answer) = (String::new(), String::new());
    for piece in pieces {
        let parts = tags.split(Cow::Borrowed(piece));
        match parts.correction {
            Correction::None => {}
            Correction::AnswerVoid => answer.clear(),
            Correction::ReasoningTrim { trim_bytes } => {
                reasoning.truncate(reasoning.len() - trim_bytes);
            }
            Correction::AnswerWasReasoning { trim_bytes } => {
                answer.truncate(answer.len() - trim_bytes);
                reasoning.push_str(&std::mem::take(&mut answer));
            }
        }
        reasoning.push_str(&parts.reasoning);
        answer.push_str(&parts.answer);
    }
    (reasoning, answer)
}

fn both(reasoning: &str, answer: &str) -> (String, String) {
    (reasoning.to_owned(), answer.to_owned())
}

/// Every way to cut `text` into three pieces gives this.
fn always(expects_open_think: bool, text: &str, reasoning: &str, answer: &str) {
    for first in 0..=text.len() {
        for second in first..=text.len() {
            let pieces = [&text[..first], &text[first..second], &text[second..]];
            let found = split(expects_open_think, &pieces);
            assert_eq!(found, both(reasoning, answer), "{pieces:?}");
        }
    }
}

#[test]
fn tagged_reasoning_is_told_from_the_answer_wherever_it_is_cut() {
    always(false, "<think>why</think>\n\nso", "why", "so");
    always(false, "\n<think>\na < b</th></think> x</think>", "\na < b</th>", "x</think>");
    always(false, "<think></think>so", "", "so");
    always(false, "<think>why", "why", "");
}

#[test]
fn text_without_an_opening_tag_is_answer() {
    always(false, "so</think>x", "", "so</think>x");
    always(false, "<thin so", "", "<thin so");
    always(false, " a <think>b</think>", "", " a <think>b</think>");
    always(false, "\n<b>", "", "\n<b>");
}

#[test]
fn an_expected_closing_tag_makes_what_came_before_reasoning() {
    always(true, "why</think>\nso", "why", "so");
    always(true, "</think>so", "", "so");
    always(true, "<think>why</think>so", "why", "so");
    always(true, "a < b </thi", "", "a < b </thi");
}

#[test]
fn an_expected_closing_tag_that_never_comes_leaves_the_answer_alone() {
    assert_eq!(split(true, &["so ", "it is"]), both("", "so it is"));
}

#[test]
fn reasoning_in_a_field_of_its_own_is_followed_by_blanks_that_are_no_answer() {
    let mut tags = ThinkTags::new(false);
    tags.reasoned_apart();
    assert_eq!(tags.split("\n\n".into()).answer, "");
    assert_eq!(tags.split(" so \n".into()).answer, "so \n");
    assert_eq!(tags.split("\n".into()).answer, "\n");
}

#[test]
fn pieces_of_a_tag_are_handed_out_when_they_come_and_corrected_later() {
    let mut tags = ThinkTags::new(false);
    assert_eq!(tags.split("<th".into()).answer, "<th");
    let opened = tags.split("ink>why</".into());
    assert_eq!((opened.correction, &*opened.reasoning), (Correction::AnswerVoid, "why</"));
    let closed = tags.split("think> so".into());
    assert_eq!(closed.correction, Correction::ReasoningTrim { trim_bytes: 2 });
    assert_eq!((&*closed.reasoning, &*closed.answer), ("", "so"));
}

#[test]
fn text_of_the_event_is_not_copied() {
    let mut tags = ThinkTags::new(false);
    for text in ["<think>a", "b", "c</think> d", "e"] {
        let parts = tags.split(Cow::Borrowed(text));
        for part in [parts.reasoning, parts.answer] {
            assert!(part.is_empty() || matches!(part, Cow::Borrowed(_)), "{text}: {part}");
        }
    }
}

proptest! {
    #[test]
    fn any_split_gives_the_same_texts(
        text in "(<think>|</think>|<|/|think|>|[a-b]| |\n|ä){0,14}",
        expects_open_think in any::<bool>(),
    ) {
        let whole = split(expects_open_think, &[&text]);
        let characters: Vec<&str> = text.split("").collect();
        prop_assert_eq!(split(expects_open_think, &characters), whole.clone());
        let pairs: Vec<String> =
            characters.chunks(3).map(|three| three.concat()).collect();
        let pairs: Vec<&str> = pairs.iter().map(String::as_str).collect();
        prop_assert_eq!(split(expects_open_think, &pairs), whole);
    }
}
