//! Requests as a client gets them, from shapes and from traces.

use std::collections::HashSet;
use std::sync::Arc;

use tokmark_model::{CacheMode, Message, Nanos, Role, ToolCall};
use tokmark_workload::{
    BLOCK_TOKENS, Length, LengthBasis, PlannedRequest, PromptSource, Shape, SourceOptions, Trace,
    WorkloadError,
};

fn n_words(text: &str) -> usize {
    text.split_whitespace().count()
}

fn options(cache: CacheMode) -> SourceOptions {
    SourceOptions {
        seed: 5,
        nonce: 0,
        cache,
        tokenizer: Some(Arc::new(|text| Some(n_words(text)))),
    }
}

fn shape(name: &str, cache: CacheMode) -> PromptSource {
    PromptSource::from_shape(Shape::builtin(name).unwrap(), options(cache)).unwrap()
}

fn trace(text: &str, cache: CacheMode) -> PromptSource {
    let trace = Trace::read(text.as_bytes(), Some(&|text| Some(n_words(text)))).unwrap();
    PromptSource::from_trace(trace, options(cache)).unwrap()
}

/// Words of messages and tool definitions, as the source counts them.
fn total(request: &PlannedRequest) -> usize {
    let message = |m: &Message| {
        let calls = m.tool_calls.iter().map(|call| n_words(&call.name) + n_words(&call.arguments));
        n_words(&m.content) + calls.sum::<usize>()
    };
    let tools = request.tools.iter().map(|tool| {
        n_words(&serde_json::to_string(tool).expect("a tool definition is plain data"))
    });
    request.messages.iter().map(message).sum::<usize>() + tools.sum::<usize>()
}

fn roles(request: &PlannedRequest) -> Vec<Role> {
    request.messages.iter().map(|message| message.role).collect()
}

fn assistant(text: &str) -> Message {
    Message::text(Role::Assistant, text)
}

const MODES: [CacheMode; 3] = [CacheMode::Bust, CacheMode::Keep, CacheMode::Share { share: 0.5 }];

#[test]
fn every_shape_hits_its_length_in_every_mode() {
    for built_in in Shape::builtins() {
        for cache in MODES {
            let source = PromptSource::from_shape(built_in.clone(), options(cache)).unwrap();
            for index in 0..30 {
                let request = source.request(index);
                let wanted = built_in.prompt_tokens.mean() as usize;
                assert_eq!(request.n_prompt_target as usize, wanted);
                assert_eq!(request.basis, LengthBasis::Counted);
                let miss = total(&request).abs_diff(wanted);
                assert!(miss <= 2.max(wanted / 50), "{} {cache:?} {miss}", built_in.name);
                assert_eq!(request.max_tokens, built_in.output_tokens.mean());
                assert_eq!((request.session, request.turn, request.due), (index as u32, 0, None));
            }
        }
    }
}

#[test]
fn an_agent_has_tools_and_their_results_behind_it() {
    let request = shape("agent", CacheMode::Keep).request(3);
    use Role::{Assistant, System, Tool, User};
    assert_eq!(roles(&request), [System, User, Assistant, Tool, Assistant, Tool]);
    assert_eq!(request.tools.len(), 3);
    let (call, result) = (&request.messages[2].tool_calls[0], &request.messages[3]);
    assert_eq!(call.name, "search_files");
    assert_eq!(result.tool_call_id.as_ref(), Some(&call.id));
    let arguments: serde_json::Value = serde_json::from_str(&call.arguments).unwrap();
    assert!(arguments["text"].is_string() && arguments["limit"].is_u64(), "{arguments}");
    assert_ne!(request.messages[2].tool_calls[0].id, request.messages[4].tool_calls[0].id);
    assert!((50..=52).contains(&n_words(&request.messages[0].content)));
    assert!(n_words(&result.content).abs_diff(80) <= 2);
}

#[test]
fn requests_do_not_depend_on_what_was_asked_before() {
    for cache in MODES {
        let used = shape("agent", cache);
        used.request(0);
        used.request(17);
        assert_eq!(used.request(9), shape("agent", cache).request(9));
    }
    let mut other = options(CacheMode::Bust);
    other.seed = 6;
    let other = PromptSource::from_shape(Shape::builtin("chat").unwrap(), other).unwrap();
    assert_ne!(other.request(0), shape("chat", CacheMode::Bust).request(0));
}

#[test]
fn nothing_at_the_beginning_of_a_busting_request_is_reusable() {
    let source = shape("agent", CacheMode::Bust);
    let start = |text: &str| text.chars().take(40).collect::<String>();
    let requests: Vec<_> = (0..200).map(|index| source.request(index)).collect();
    let systems: HashSet<_> = requests.iter().map(|r| start(&r.messages[0].content)).collect();
    let tools: HashSet<_> = requests.iter().map(|r| start(&r.tools[0].description)).collect();
    assert_eq!((systems.len(), tools.len()), (200, 200));
    assert!(requests.iter().all(|request| request.messages[0].role == Role::System));
}

#[test]
fn a_share_reaches_over_message_borders() {
    let mut shape = Shape::builtin("rag").unwrap();
    shape.system_tokens = Some(100);
    let share = CacheMode::Share { share: 0.5 };
    let source = PromptSource::from_shape(shape, options(share)).unwrap();
    let (a, b) = (source.request(1), source.request(2));
    assert_eq!(a.messages[0], b.messages[0]);
    let words = |request: &PlannedRequest| {
        request.messages[1].content.split_whitespace().map(str::to_owned).collect::<Vec<_>>()
    };
    let common = words(&a).iter().zip(&words(&b)).take_while(|(a, b)| a == b).count();
    assert!((100 + common).abs_diff(425) <= 8, "{common}");
    assert_ne!(words(&a)[common..], words(&b)[common..]);
}

#[test]
fn kept_requests_come_again_as_other_sessions() {
    let source = shape("chat", CacheMode::Keep);
    let (first, again) = (source.request(2), source.request(18));
    assert_eq!(first.messages, again.messages);
    assert_eq!((first.session, again.session), (2, 18));
}

#[test]
fn lengths_follow_their_distributions() {
    let mut shape = Shape::builtin("chat").unwrap();
    shape.prompt_tokens = Length::Normal { mean: 60.0, stddev: 8.0 };
    shape.output_tokens = Length::Range { min: 50, max: 150 };
    let source = PromptSource::from_shape(shape, options(CacheMode::Bust)).unwrap();
    let requests: Vec<_> = (0..3000).map(|index| source.request(index)).collect();
    let figures = |of: fn(&PlannedRequest) -> f64| {
        let mean = requests.iter().map(of).sum::<f64>() / 3000.0;
        let square = requests.iter().map(|r| (of(r) - mean).powi(2)).sum::<f64>() / 3000.0;
        (mean, square.sqrt())
    };
    let (mean, deviation) = figures(|r| f64::from(r.n_prompt_target));
    assert!((mean - 60.0).abs() < 0.5 && (deviation - 8.0).abs() < 0.4, "{mean} {deviation}");
    let (mean, deviation) = figures(|r| total(r) as f64);
    assert!((mean - 60.0).abs() < 0.5 && (deviation - 8.0).abs() < 0.4, "{mean} {deviation}");
    let (mean, deviation) = figures(|r| f64::from(r.max_tokens));
    // Uniform over 101 numbers: sqrt((101^2 - 1) / 12)
    assert!((mean - 100.0).abs() < 1.6 && (deviation - 29.15).abs() < 0.8, "{mean} {deviation}");
}

fn dialogue(cache: CacheMode) -> PromptSource {
    let mut shape = Shape::builtin("agent").unwrap();
    shape.turns = 3;
    shape.follow_up_tokens = Some(Length::Fixed(40));
    PromptSource::from_shape(shape, options(cache)).unwrap()
}

#[test]
fn the_history_grows_by_answer_and_new_message() {
    let source = dialogue(CacheMode::Keep);
    let first = source.first(4);
    let second = source.follow_up(4, 1, &first.messages, &assistant("It works.")).unwrap();
    let n = first.messages.len();
    assert_eq!(second.messages[..n], first.messages);
    assert_eq!(second.messages[n], assistant("It works."));
    assert_eq!(second.messages[n + 1].role, Role::User);
    assert_eq!(n_words(&second.messages[n + 1].content), 40);
    assert_eq!((second.session, second.turn, second.messages.len()), (4, 1, n + 2));
    assert_eq!(second.n_prompt_target as usize, total(&second));
    let third = source.follow_up(4, 2, &second.messages, &assistant("Yes.")).unwrap();
    assert_eq!(third.messages[..n + 2], second.messages);
    assert_ne!(third.messages[n + 3], second.messages[n + 1]);
    assert_eq!(source.follow_up(4, 3, &third.messages, &assistant("No.")), None);
    assert_eq!(source.follow_up(4, 0, &first.messages, &assistant("No.")), None);
}

#[test]
fn called_tools_are_answered_with_results() {
    let source = dialogue(CacheMode::Keep);
    let first = source.first(0);
    let call = |id: &str, arguments: &str| ToolCall {
        id: id.to_owned(),
        name: "read_file".to_owned(),
        arguments: arguments.to_owned(),
    };
    let answer = Message {
        tool_calls: vec![call("x1", "{\"path\": \"a.rs\"}"), call("", "{\"path\":")],
        ..assistant("")
    };
    let second = source.follow_up(0, 1, &first.messages, &answer).unwrap();
    let [.., said, one, two] = second.messages.as_slice() else { panic!("too short") };
    assert_eq!(
        (said.tool_calls[0].arguments.as_str(), one.role),
        ("{\"path\": \"a.rs\"}", Role::Tool)
    );
    assert_eq!(said.tool_calls[1].arguments, "{}");
    let ids = [one, two].map(|message| message.tool_call_id.clone().unwrap());
    assert_eq!(ids, [said.tool_calls[0].id.clone(), said.tool_calls[1].id.clone()]);
    assert_eq!(n_words(&one.content) + n_words(&two.content), 40);
    assert_ne!(one.content, two.content);
}

#[test]
fn a_busting_conversation_re_sends_its_history_as_it_was() {
    let source = dialogue(CacheMode::Bust);
    let first = source.first(0);
    let second = source.follow_up(0, 1, &first.messages, &assistant("Yes.")).unwrap();
    let third = source.follow_up(0, 2, &second.messages, &assistant("Yes.")).unwrap();
    assert_eq!(first.messages[..], second.messages[..first.messages.len()]);
    assert_eq!(second.messages[..], third.messages[..second.messages.len()]);
    assert_eq!((&first.tools, &second.tools), (&third.tools, &third.tools));
    let opening = |request: &PlannedRequest| {
        request.messages[0].content.split_once(':').unwrap().0.to_owned()
    };
    assert_ne!(opening(&source.first(1)), opening(&first));
}

#[test]
fn another_nonce_gives_every_unique_beginning_and_nothing_else_anew() {
    for cache in [CacheMode::Bust, CacheMode::Own] {
        for name in ["chat", "agent"] {
            let (source, again) = (shape(name, cache), shape(name, cache).with_nonce(7));
            for session in 0..50 {
                let (one, other) = (source.first(session), again.first(session));
                let (a, b) = (&one.messages[0].content, &other.messages[0].content);
                assert_ne!(a.split_once(':').unwrap().0, b.split_once(':').unwrap().0);
                assert_eq!(one.messages[1..], other.messages[1..]);
                let descriptions = one.tools.iter().zip(other.tools.iter()).take(1);
                for (a, b) in descriptions.map(|(a, b)| (&a.description, &b.description)) {
                    assert_ne!(a.split_once(':').unwrap().0, b.split_once(':').unwrap().0);
                }
                assert_eq!(again.first(session), other);
            }
            assert_eq!(source.with_nonce(7).first(3), again.first(3));
        }
    }
    let kept = shape("chat", CacheMode::Keep);
    assert_eq!(kept.first(3), kept.with_nonce(7).first(3));
}

#[test]
fn impossible_sources_are_refused() {
    let chat = || Shape::builtin("chat").unwrap();
    for share in [-0.1, 1.1, f64::NAN] {
        let refused = PromptSource::from_shape(chat(), options(CacheMode::Share { share }));
        assert!(matches!(refused, Err(WorkloadError::Cache { .. })), "{share}");
    }
    let mut broken = chat();
    broken.concurrency.clear();
    let refused = PromptSource::from_shape(broken, SourceOptions::default());
    assert!(matches!(refused, Err(WorkloadError::Field { .. })));
    let one = Trace::read(b"{\"prompt\": \"x\", \"output_tokens\": 1}", None).unwrap();
    let share = options(CacheMode::Share { share: 0.5 });
    let refused = PromptSource::from_trace(one.clone(), share);
    assert!(matches!(refused, Err(WorkloadError::Cache { .. })));
    let mut hollow = one;
    hollow.sessions[0].turns.clear();
    let refused = PromptSource::from_trace(hollow, options(CacheMode::Keep));
    assert!(matches!(refused, Err(WorkloadError::EmptyTrace { .. })));
}

const MOONCAKE: &str = include_str!("fixtures/mooncake.jsonl");

/// The fixture's requests: ids 0 1 2 of 1,300 tokens, 0 1 3 of 1,536, 0 4 of 700, none of 90.
#[test]
fn requests_with_equal_hash_ids_share_their_text() {
    let source = trace(MOONCAKE, CacheMode::Keep);
    let texts: Vec<Vec<String>> = (0..4)
        .map(|index| {
            let request = source.request(index);
            assert_eq!((request.messages.len(), request.messages[0].role), (1, Role::User));
            request.messages[0].content.split_whitespace().map(str::to_owned).collect()
        })
        .collect();
    let lengths: Vec<usize> = texts.iter().map(Vec::len).collect();
    assert!(lengths.iter().zip([1300, 1536, 700, 90]).all(|(n, asked)| n.abs_diff(asked) <= 3));
    let common =
        |a: usize, b: usize| texts[a].iter().zip(&texts[b]).take_while(|(a, b)| a == b).count();
    let block = BLOCK_TOKENS as usize;
    assert!(common(0, 1).abs_diff(2 * block) <= 3, "{}", common(0, 1));
    assert!(common(0, 2).abs_diff(block) <= 3 && common(1, 2).abs_diff(block) <= 3);
    assert!(common(0, 3) <= 2);
    let dues: Vec<_> = (0..5).map(|index| source.request(index).due).collect();
    let late = Some(Nanos(3_052_000_000));
    assert_eq!(dues, [Some(Nanos(0)), Some(Nanos(0)), late, late, None]);
    assert_eq!(source.request(4).messages, source.request(0).messages);
    assert_eq!(source.n_sessions(), Some(4));
}

#[test]
fn a_trace_shares_nothing_where_the_cache_is_to_be_missed() {
    let source = trace(MOONCAKE, CacheMode::Bust);
    let starts: HashSet<String> = (0..12)
        .map(|index| source.request(index).messages[0].content.chars().take(40).collect())
        .collect();
    assert_eq!(starts.len(), 12);
    let request = source.request(0);
    assert!(n_words(&request.messages[0].content).abs_diff(1300) <= 26);
}

#[test]
fn a_trace_of_its_own_keeps_its_shares_and_shares_nothing_with_other_points_and_rounds() {
    let source = trace(MOONCAKE, CacheMode::Own);
    let words = |source: &PromptSource, session: u32| -> Vec<String> {
        let request = source.first(session);
        request.messages[0].content.split_whitespace().map(str::to_owned).collect()
    };
    let common = |a: &[String], b: &[String]| a.iter().zip(b).take_while(|(a, b)| a == b).count();
    let [one, other] = [0, 1].map(|session| words(&source, session));
    assert!(common(&one, &other) >= 2 * BLOCK_TOKENS as usize - 3);
    assert_eq!(one.iter().filter(|word| **word == one[3]).count(), 1, "one opening");
    // The fixture has four conversations; the fifth is the first again.
    let [round, point] = [words(&source, 4), words(&source.with_nonce(1), 0)];
    for fresh in [&round, &point] {
        assert_eq!(fresh[4..], one[4..]);
        assert!(common(fresh, &one) < 4);
    }
    // Ids 0 1 2 of 1,300 tokens, 0 1 3 of 1,536, 0 4 of 700, none of 90.
    let share = (1024.0 + 512.0) / (1300.0 + 1536.0 + 700.0 + 90.0);
    assert!((source.repeated_share().unwrap() - share).abs() < 1e-9);
    assert_eq!(trace(MOONCAKE, CacheMode::Bust).repeated_share(), None);
    assert_eq!((source.n_requests(), shape("chat", CacheMode::Own).n_requests()), (Some(4), None));
}

#[test]
fn recorded_conversations_are_led_with_the_answers_of_this_model() {
    let source = trace(include_str!("fixtures/sharegpt.json"), CacheMode::Keep);
    let first = source.first(0);
    assert_eq!(first.messages, [Message::text(Role::User, "How do tides work?")]);
    assert_eq!((first.max_tokens, first.n_prompt_target, first.due), (9, 4, None));
    let second = source.follow_up(0, 1, &first.messages, &assistant("By magic.")).unwrap();
    let expected = [
        Message::text(Role::User, "How do tides work?"),
        assistant("By magic."),
        Message::text(Role::User, "And in a lake?\n\nA small one."),
    ];
    assert_eq!(second.messages, expected);
    assert_eq!((second.max_tokens, second.n_prompt_target, second.turn), (4, 13, 1));
    assert_eq!(source.follow_up(0, 2, &second.messages, &assistant("")), None);
    let other = source.first(1);
    assert_eq!(other.messages[0], Message::text(Role::System, "Answer in one word."));
    assert_eq!((source.n_turns(0), source.n_turns(1), source.n_turns(2)), (2, 1, 2));
}

#[test]
fn recorded_text_gets_an_opening_where_the_cache_is_to_be_missed() {
    let source = trace(include_str!("fixtures/sharegpt.json"), CacheMode::Bust);
    let first = source.first(1);
    assert!(first.messages[0].content.ends_with(": Answer in one word."));
    assert_eq!(first.messages[1].content, "Name a river.");
    let later = source.first(3);
    assert_ne!(first.messages[0], later.messages[0]);
}

#[test]
fn recorded_messages_stand_for_the_whole_request() {
    let line = |said: &str| {
        format!(
            "{{\"session\": 1, \"output_tokens\": 3, \"messages\": \
             [{{\"role\": \"user\", \"content\": \"{said}\"}}]}}\n"
        )
    };
    let source = trace(&[line("One"), line("Two")].concat(), CacheMode::Keep);
    let first = source.first(0);
    let second = source.follow_up(0, 1, &first.messages, &assistant("Hm.")).unwrap();
    assert_eq!(second.messages, [Message::text(Role::User, "Two")]);
}

#[test]
fn turns_of_a_trace_keep_their_times() {
    let line = |s: u32, n: u32| {
        format!(
            "{{\"session\": 1, \"offset_s\": {s}, \"prompt_tokens\": {n}, \"output_tokens\": 3}}\n"
        )
    };
    let source = trace(&[line(0, 50), line(8, 30)].concat(), CacheMode::Keep);
    let first = source.first(0);
    let second = source.follow_up(0, 1, &first.messages, &assistant("Hm.")).unwrap();
    assert_eq!(second.due, Some(Nanos(8_000_000_000)));
    assert_eq!(n_words(&second.messages[2].content), 30);
    assert_eq!(source.mean_prompt_tokens(), Some(50));
}
