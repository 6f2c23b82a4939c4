//! Texts of requests that the server does not count, and the server's tokenizer.

use std::borrow::Cow;

use crate::support::{Keep, endpoint, source, stub, workload};
use tokmark_http::{Driven, Endpoint, ServerTokenizer, TargetOptions, Uncounted, drive};
use tokmark_model::{Api, Load, Message, Role, Workload};
use tokmark_run::{Extent, Schedule};
use tokmark_stub::Dialect;

/// Three requests to `endpoint`, one after the other.
fn driven(endpoint: &Endpoint, workload: &Workload) -> Driven {
    let extent = Extent { n_requests: Some(3), duration: None };
    let schedule = Schedule::new(&workload.arrival, 1, extent).unwrap();
    drive(endpoint, &source(1), workload, schedule, 0, &mut Keep::default()).unwrap()
}

/// The texts that were kept of three requests to a stub in this mode.
fn texts(mode: &str, workload: &Workload) -> Vec<Uncounted<'static>> {
    let stub = stub(Dialect::OpenAi, mode);
    let mut driven = driven(&endpoint(&stub.url(), TargetOptions::default()), workload);
    let mut kept = Vec::new();
    let own = |texts: &Uncounted<'_>| Uncounted {
        prompt: Cow::Owned(texts.prompt.to_vec()),
        tools: Cow::Owned(texts.tools.to_vec()),
        reasoning: Cow::Owned(texts.reasoning.to_string()),
        answer: Cow::Owned(texts.answer.to_string()),
        tool_calls: Cow::Owned(texts.tool_calls.to_vec()),
        first_event: Cow::Owned(texts.first_event.to_string()),
        max_tokens: texts.max_tokens,
    };
    driven.log.count(&mut |_, texts| kept.push(own(texts))).unwrap();
    kept
}

#[test]
fn without_usage_all_texts_of_answered_requests_are_kept() {
    let workload = workload(Load::Concurrency { n: 1 });
    let kept = texts("no-usage,reasoning=3", &workload);
    assert_eq!(kept.len(), 3);
    for texts in kept {
        assert!(!texts.prompt.is_empty() && texts.prompt[0].role == Role::User, "{texts:?}");
        assert_eq!(texts.reasoning.split_whitespace().count(), 3, "{texts:?}");
        assert!(!texts.answer.is_empty());
        assert!(texts.reasoning.starts_with(&*texts.first_event), "{texts:?}");
        assert_eq!(texts.first_event.split_whitespace().count(), 1, "{texts:?}");
    }
    let kept = texts("no-usage,tool-call", &workload);
    assert!(kept.iter().all(|texts| !texts.calls_text().is_empty()), "{kept:?}");
    for mode in ["no-usage,cut", "no-usage,status=500"] {
        assert_eq!(texts(mode, &workload), [], "{mode}");
    }
}

#[test]
fn with_usage_no_text_is_kept_but_what_it_does_not_count() {
    let workload = workload(Load::Concurrency { n: 1 });
    for texts in texts("plain", &workload) {
        let first_event = texts.first_event.clone();
        assert_eq!(texts, Uncounted { first_event, ..Uncounted::default() });
    }
    let whole = Workload { stream: false, ..workload };
    assert_eq!(texts("plain", &whole), []);
}

#[test]
fn the_servers_tokenizer_counts_texts_and_prompts() {
    let prompt = [Message::text(Role::System, "Be brief."), Message::text(Role::User, "How far?")];
    let prompt = Uncounted { prompt: (&prompt[..]).into(), ..Uncounted::default() };
    for dialect in [Dialect::LlamaCpp, Dialect::Vllm] {
        let stub = stub(dialect, "");
        let endpoint = endpoint(&stub.url(), TargetOptions::default());
        let mut tokenizer = ServerTokenizer::new(&endpoint).unwrap().unwrap();
        assert_eq!(tokenizer.count_text("one two three"), Some(3), "{dialect:?}");
        assert_eq!(tokenizer.count_prompt(&prompt, Api::Chat), Some(4), "{dialect:?}");
        assert_eq!(tokenizer.count_prompt(&prompt, Api::Completions), Some(4), "{dialect:?}");
        assert_eq!(endpoint.count_tokens("one two"), Some(2));
        drop(stub);
        assert_eq!(tokenizer.count_text("one two three"), None, "{dialect:?}");
    }
    let stub = stub(Dialect::OpenAi, "");
    let endpoint = endpoint(&stub.url(), TargetOptions::default());
    assert!(ServerTokenizer::new(&endpoint).unwrap().is_none());
}
