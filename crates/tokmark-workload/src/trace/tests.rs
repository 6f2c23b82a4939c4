use proptest::prelude::*;
use tokmark_model::Role;

use super::*;

fn words(text: &str) -> Option<usize> {
    Some(text.split_whitespace().count())
}

fn read(text: &str) -> Result<Trace, WorkloadError> {
    Trace::read(text.as_bytes(), Some(&words))
}

fn error(text: &str) -> String {
    read(text).expect_err(text).to_string()
}

fn dues(trace: &Trace) -> Vec<Option<u64>> {
    trace.sessions.iter().map(|s| s.turns[0].due.map(|due| due.0)).collect()
}

#[test]
fn our_lines_are_read_with_their_times() {
    let trace = read(concat!(
        "{\"offset_ms\": 0, \"prompt\": \"Hello\", \"output_tokens\": 5}\n",
        "\n",
        "{\"offset_s\": 1.5, \"prompt_tokens\": 100, \"output_tokens\": 7}\r\n",
        "{\"offset_ms\": 2000.25, \"messages\": [{\"role\": \"user\", \"content\": \"Hi\"}], ",
        "\"output_tokens\": 9}",
    ))
    .unwrap();
    assert_eq!(trace.format, TraceFormat::Lines);
    assert_eq!(dues(&trace), [Some(0), Some(1_500_000_000), Some(2_000_250_000)]);
    let prompts: Vec<_> = trace.sessions.iter().map(|s| s.turns[0].prompt.clone()).collect();
    let hi = TracePrompt::Messages(vec![Message::text(Role::User, "Hi")]);
    assert_eq!(prompts, [TracePrompt::Text("Hello".to_owned()), TracePrompt::Tokens(100), hi]);
    assert_eq!((trace.n_requests(), trace.mean_output_tokens()), (3, 7));
    assert_eq!(trace.mean_prompt_tokens(), Some(100));
    assert!(trace.has_times() && trace.notes.is_empty());
}

#[test]
fn lines_of_a_session_become_its_turns() {
    let trace = read(concat!(
        "{\"offset_s\": 0, \"prompt_tokens\": 10, \"output_tokens\": 1, \"session\": \"a\"}\n",
        "{\"offset_s\": 1, \"prompt_tokens\": 20, \"output_tokens\": 2, \"session\": 7}\n",
        "{\"offset_s\": 9, \"prompt_tokens\": 30, \"output_tokens\": 3, \"session\": \"a\"}\n",
        "{\"prompt_tokens\": 40, \"output_tokens\": 4, \"session\": 7}\n",
        "{\"offset_s\": 5, \"prompt_tokens\": 50, \"output_tokens\": 5, \"session\": \"a\"}\n",
    ))
    .unwrap();
    let outputs: Vec<Vec<u32>> = trace
        .sessions
        .iter()
        .map(|session| session.turns.iter().map(|turn| turn.n_output).collect())
        .collect();
    assert_eq!(outputs, [vec![1, 5, 3], vec![2, 4]]);
    assert_eq!(trace.notes.len(), 1);
    assert!(trace.notes[0].starts_with("1 turns were due before"), "{:?}", trace.notes);
}

#[test]
fn requests_out_of_order_are_sorted_and_said_to_be() {
    let line = |ms: u32| {
        format!("{{\"offset_ms\": {ms}, \"prompt_tokens\": 1, \"output_tokens\": {ms}}}\n")
    };
    let trace = read(&[line(30), line(10), line(20)].concat()).unwrap();
    assert_eq!(dues(&trace), [Some(0), Some(10_000_000), Some(20_000_000)]);
    assert_eq!(trace.sessions[0].turns[0].n_output, 10);
    let notes = [
        "times went back 1 times; requests are sorted by time",
        "the first request is at 10 ms; times count from it",
    ];
    assert_eq!(trace.notes, notes);
}

#[test]
fn recorded_messages_keep_their_tool_calls() {
    let trace = read(concat!(
        "{\"messages\": [{\"role\": \"developer\", \"content\": [{\"type\": \"text\", \"text\": \"Be brief\"}]},",
        "{\"role\": \"assistant\", \"content\": null, \"tool_calls\": [{\"id\": \"c1\", \"type\": ",
        "\"function\", \"function\": {\"name\": \"find\", \"arguments\": \"{}\"}}]},",
        "{\"role\": \"tool\", \"tool_call_id\": \"c1\", \"content\": \"none\"}], \"output_tokens\": 4}",
    ))
    .unwrap();
    let TracePrompt::Messages(messages) = &trace.sessions[0].turns[0].prompt else {
        panic!("messages expected")
    };
    assert_eq!(messages[0], Message::text(Role::System, "Be brief"));
    assert_eq!(messages[1].tool_calls[0].name, "find");
    assert_eq!(messages[2].tool_call_id.as_deref(), Some("c1"));
    assert_eq!(dues(&trace), [None]);
}

const MOONCAKE: &str = include_str!("../../tests/fixtures/mooncake.jsonl");

#[test]
fn mooncake_lines_keep_lengths_times_and_blocks() {
    let trace = read(MOONCAKE).unwrap();
    assert_eq!(trace.format, TraceFormat::Mooncake);
    assert_eq!(dues(&trace), [Some(0), Some(0), Some(3_052_000_000), Some(3_052_000_000)]);
    assert_eq!(trace.mean_prompt_tokens(), Some((1300 + 1536 + 700 + 90) / 4 + 1));
    let blocks = TracePrompt::Blocks { n_tokens: 1300, hash_ids: vec![0, 1, 2] };
    assert_eq!(trace.sessions[0].turns[0].prompt, blocks);
    assert_eq!(trace.sessions[3].turns[0].prompt, TracePrompt::Tokens(90));
    assert_eq!(trace.notes, Vec::<String>::new());
}

#[test]
fn mooncake_times_count_from_the_first() {
    let line =
        |ms: f64| format!("{{\"timestamp\": {ms}, \"input_length\": 5, \"output_length\": 0}}\n");
    let trace = read(&[line(1.7e12 + 250.0), line(1.7e12)].concat()).unwrap();
    assert_eq!(dues(&trace), [Some(0), Some(250_000_000)]);
    assert_eq!(trace.sessions[0].turns[0].n_output, 1);
    assert_eq!(trace.notes.len(), 3, "{:?}", trace.notes);
}

#[test]
fn blocks_that_do_not_fit_the_length_are_told() {
    let line = |n: u32, ids: &str| {
        format!(
            "{{\"timestamp\": 0, \"input_length\": {n}, \"output_length\": 1, \"hash_ids\": {ids}}}"
        )
    };
    let few = read(&line(2000, "[1, 2]")).unwrap();
    assert!(few.notes[0].starts_with("1 requests have fewer hash ids"), "{:?}", few.notes);
    let error = error(&line(100, "[1, 2, 3, 4, 5, 6, 7]"));
    assert!(error.starts_with("trace line 1: 7 hash ids for 100 tokens"), "{error}");
}

const SHAREGPT: &str = include_str!("../../tests/fixtures/sharegpt.json");

#[test]
fn sharegpt_conversations_become_sessions_with_turns() {
    let trace = read(SHAREGPT).unwrap();
    assert_eq!(trace.format, TraceFormat::ShareGpt);
    let turns = |session: usize| -> Vec<(TracePrompt, u32)> {
        let turns = &trace.sessions[session].turns;
        turns.iter().map(|turn| (turn.prompt.clone(), turn.n_output)).collect()
    };
    let text = |words: &str| TracePrompt::Text(words.to_owned());
    assert_eq!(trace.sessions.len(), 2);
    assert_eq!(
        turns(0),
        [(text("How do tides work?"), 9), (text("And in a lake?\n\nA small one."), 4)]
    );
    assert_eq!(turns(1), [(text("Name a river."), 1)]);
    assert_eq!(trace.sessions[1].system.as_deref(), Some("Answer in one word."));
    assert_eq!(dues(&trace), [None, None]);
    assert!(!trace.has_times());
    let starts = [
        "1 answers before",
        "1 conversations were left out: no answer",
        "1 conversations were left out: somebody",
        "1 questions at the end",
    ];
    assert_eq!(trace.notes.len(), 4, "{:?}", trace.notes);
    for start in starts {
        assert!(trace.notes.iter().any(|note| note.starts_with(start)), "{start}");
    }
}

#[test]
fn without_a_tokenizer_answers_are_estimated_by_their_words() {
    let trace = Trace::read(SHAREGPT.as_bytes(), None).unwrap();
    // 9 words x 1.3
    assert_eq!(trace.sessions[0].turns[0].n_output, 12);
    assert!(trace.notes.iter().any(|note| note == "3 output lengths are estimated as words x 1.3"));
}

#[test]
fn sharegpt_lines_are_read_too() {
    let line = "{\"id\": \"x\", \"conversations\": [{\"from\": \"user\", \"value\": \"Hi\"}, \
                {\"from\": \"assistant\", \"value\": \"Hello there\"}]}\n";
    let trace = read(&line.repeat(3)).unwrap();
    assert_eq!((trace.format, trace.n_requests()), (TraceFormat::ShareGpt, 3));
    assert_eq!(trace.mean_output_tokens(), 2);
}

#[test]
fn faults_are_named_with_their_line() {
    let good = "{\"offset_s\": 0, \"prompt_tokens\": 1, \"output_tokens\": 1}\n";
    for (line, expected) in [
        (
            "{\"offset_s\": NaN, \"prompt_tokens\": 1, \"output_tokens\": 1}",
            "trace line 2: expected",
        ),
        (
            "{\"offset_s\": 1e999, \"prompt_tokens\": 1, \"output_tokens\": 1}",
            "number out of range",
        ),
        (
            "{\"offset_s\": -1, \"prompt_tokens\": 1, \"output_tokens\": 1}",
            "offset_s is negative: -1",
        ),
        ("{\"offset_s\": 1e12, \"prompt_tokens\": 1, \"output_tokens\": 1}", "more than ten years"),
        (
            "{\"offset_s\": 1, \"prompt_tokens\": 99999999, \"output_tokens\": 1}",
            "prompt_tokens is 99999999",
        ),
        ("{\"offset_s\": 1, \"prompt_tokens\": 1}", "missing field `output_tokens`"),
        ("{\"offset_s\": 1, \"output_tokens\": 1}", "prompt, messages or prompt_tokens is missing"),
        (
            "{\"offset_s\": 1, \"prompt\": \"a\", \"prompt_tokens\": 1, \"output_tokens\": 1}",
            "only one of",
        ),
        (
            "{\"offset_s\": 1, \"offset_ms\": 1, \"prompt_tokens\": 1, \"output_tokens\": 1}",
            "both there",
        ),
        (
            "{\"offset_s\": 1, \"prompt_tokens\": 1, \"ouput_tokens\": 1}",
            "unknown field `ouput_tokens`",
        ),
        ("{\"offset_s\": 1, \"messages\": [], \"output_tokens\": 1}", "messages is empty"),
        ("{\"prompt_tokens\": 1, \"output_tokens\": 1}", "some conversations begin with an offset"),
        ("{\"offset_s\": 1,", "at column 15"),
        ("hello", "trace line 2: expected value at column 1"),
    ] {
        let error = error(&format!("{good}{line}"));
        assert!(error.starts_with("trace line 2: ") && error.contains(expected), "{line}: {error}");
        assert!(!error.contains("at line"), "{error}");
    }
    let negative = "{\"timestamp\": -5, \"input_length\": 5, \"output_length\": 1}";
    assert_eq!(error(negative), "trace line 1: timestamp is negative: -5");
}

#[test]
fn other_texts_are_no_traces() {
    for (text, expected) in [
        ("", "the trace has no request: it is empty"),
        (" \n\n", "the trace has no request: it is empty"),
        ("[]", "the trace has no request: the list of conversations is empty"),
        ("time,tokens\n1,2", "unknown trace format: line 1 begins with neither { nor ["),
        ("{\"a\": 1, \"b\": [2]}", "unknown trace format: line 1 has the fields a, b"),
        ("{\"a\": }", "trace line 1: no JSON object"),
        ("[\n{\"prompt\": \"x\"}]", "trace line 2: missing field `conversations`"),
    ] {
        let error = error(text);
        assert!(error.starts_with(expected), "{text}: {error}");
    }
    assert!(Trace::read(b"\xef\xbb\xbf{\"prompt\": \"x\", \"output_tokens\": 1}", None).is_ok());
    let broken = Trace::read(b"{\"prompt\": \"\xff\", \"output_tokens\": 1}", None);
    assert_eq!(broken.unwrap_err().to_string(), "trace line 1: no UTF-8 at byte 13");
}

#[test]
fn a_line_above_64_megabytes_is_refused() {
    let mut text = b"{\"prompt\": \"x\", \"output_tokens\": 1}\n{\"prompt\": \"".to_vec();
    text.resize(MAX_LINE_BYTES + 100, b'x');
    let error = Trace::read(&text, None).unwrap_err().to_string();
    assert!(error.starts_with("trace line 2: 64000064 bytes, more than 64000000"), "{error}");
}

#[test]
fn the_hash_is_that_of_the_text() {
    let trace = read("{\"prompt\": \"x\", \"output_tokens\": 1}").unwrap();
    assert_eq!(trace.sha256.len(), 64);
    assert_ne!(trace.sha256, read("{\"prompt\": \"y\", \"output_tokens\": 1}").unwrap().sha256);
}

proptest! {
    #[test]
    fn any_bytes_are_a_trace_or_an_error(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = Trace::read(&bytes, None);
    }

    #[test]
    fn damaged_traces_are_traces_or_errors(
        which in 0..3usize, cut in 0..2000usize, at in 0..2000usize, byte: u8,
    ) {
        let mut bytes = [MOONCAKE, SHAREGPT, OURS][which].as_bytes().to_vec();
        if let Some(place) = bytes.get_mut(at) {
            *place = byte;
        }
        bytes.truncate(bytes.len().min(bytes.len().saturating_sub(cut / 4)));
        if let Ok(trace) = Trace::read(&bytes, Some(&words)) {
            prop_assert!(trace.sessions.iter().all(|session| !session.turns.is_empty()));
            prop_assert!(dues(&trace).windows(2).all(|pair| pair[0] <= pair[1]));
        }
    }

    #[test]
    fn numbers_of_any_size_are_read_or_refused(time: f64, n: u64, output: u64, id: u64) {
        let line = format!(
            "{{\"timestamp\": {time:e}, \"input_length\": {n}, \"output_length\": {output}, \
             \"hash_ids\": [{id}]}}"
        );
        if let Ok(trace) = read(&line) {
            prop_assert!((1..=MAX_TOKENS).contains(&trace.sessions[0].turns[0].n_output));
        }
    }
}

const OURS: &str = concat!(
    "{\"offset_ms\": 0, \"prompt\": \"Hello\", \"output_tokens\": 5}\n",
    "{\"offset_s\": 1.5, \"prompt_tokens\": 100, \"output_tokens\": 7, \"session\": \"a\"}\n",
    "{\"offset_ms\": 2000, \"messages\": [{\"role\": \"user\", \"content\": \"Hi\"}], \"output_tokens\": 9}",
);

#[test]
fn times_count_from_the_first_request_also_those_of_later_turns() {
    let lines = [
        r#"{"offset_ms": 6000, "session": "b", "prompt": "B.", "output_tokens": 1}"#,
        r#"{"offset_ms": 5000, "session": "a", "prompt": "A.", "output_tokens": 1}"#,
        r#"{"offset_ms": 7500, "session": "a", "prompt": "More.", "output_tokens": 1}"#,
    ];
    let trace = Trace::read(lines.join("\n").as_bytes(), None).unwrap();
    let due: Vec<Vec<u64>> = trace
        .sessions
        .iter()
        .map(|session| session.turns.iter().map(|turn| turn.due.unwrap().0 / 1_000_000).collect())
        .collect();
    assert_eq!(due, [vec![0, 2500], vec![1000]]);
    assert!(trace.notes.iter().any(|note| note.contains("5000 ms")), "{:?}", trace.notes);
}
