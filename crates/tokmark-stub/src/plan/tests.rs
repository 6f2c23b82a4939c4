use tokmark_model::Api;

use super::*;
use crate::options::Dialect;

fn plan(words: &str, api: Api) -> Plan {
    let mut behaviour = Behaviour::default();
    behaviour.apply(words).unwrap();
    let voice = Voice { api, dialect: Dialect::OpenAi, model: "m".to_owned(), created: 0 };
    Plan::new(behaviour, voice, true)
}

fn texts(plan: &Plan, n_events: u32) -> Vec<String> {
    let n_tokens = n_events * plan.behaviour.tokens_per_event;
    let shape = Shape { n_events, n_tokens, is_limited: false };
    (0..n_events).map(|k| plan.text_of(k, &shape)).collect()
}

#[test]
fn a_planned_frame_is_what_would_be_made_for_the_answer() {
    for words in ["", "tokens-per-event=4", "think-tags=3", "reasoning=20 crlf", "until-close"] {
        for api in [Api::Chat, Api::Completions, Api::OllamaChat, Api::OllamaGenerate] {
            let plan = plan(words, api);
            let n_tokens = 50 * plan.behaviour.tokens_per_event;
            let shape = Shape { n_events: 50, n_tokens, is_limited: true };
            for k in 0..50 {
                let number = plan.frame_of(k, &shape).unwrap();
                let made = plan.framed(&plan.event_line(k, &shape));
                assert_eq!(plan.frame(number), made, "{words} {api:?} {k}");
            }
        }
    }
}

#[test]
fn the_last_event_holds_the_tokens_that_are_left() {
    let plan = plan("tokens-per-event=4", Api::Chat);
    let shape = Shape { n_events: 3, n_tokens: 10, is_limited: true };
    assert_eq!(plan.frame_of(2, &shape), None);
    let texts: String = (0..3).map(|k| plan.text_of(k, &shape)).collect();
    assert_eq!(texts, words(0, 10));
}

#[test]
fn think_tags_stand_around_the_reasoning() {
    let plan = plan("think-tags=2", Api::Chat);
    let expected = ["<think> river", " stone</think>", " cloud"];
    assert_eq!(texts(&plan, 3), expected);
    assert_eq!(plan.reasoning_field(), None);
}

#[test]
fn split_tags_are_whole_again_when_put_together() {
    for n in 1..8 {
        let plan = plan(&format!("split-think-tags={n}"), Api::Chat);
        let texts = texts(&plan, n + 2);
        let all = texts.concat();
        let inner = all.strip_prefix("<think>").unwrap();
        let (_, answer) = inner.split_once("</think>").unwrap();
        assert_eq!(answer.split_whitespace().count(), 2, "{all}");
        if n > 1 {
            assert!(!texts[0].contains("<think>"), "{texts:?}");
        }
        if n > 2 {
            assert!(texts.iter().all(|text| !text.contains("</think>")), "{texts:?}");
        }
    }
}

#[test]
fn completions_have_tags_instead_of_fields() {
    let plan = plan("reasoning-content=1", Api::Completions);
    assert_eq!(texts(&plan, 2), ["<think> river</think>", " stone"]);
}

#[test]
fn bytes_that_are_no_utf8_are_none() {
    let plan = plan("invalid-utf8", Api::Chat);
    let frame = plan.frame(plan.faulty_frame());
    assert!(std::str::from_utf8(frame).is_err());
    assert!(!frame.is_empty());
}
