//! Streams of servers that were not run, made by hand after documentation and source. The
//! README beside them names page and version of each. They show that what is documented is
//! read as documented, not that a live server does so.

mod recording;

use recording::{Story, handmade};
use tokmark_model::{Api, Nanos};
use tokmark_wire::{Decoder, Framing, TokenizerRoute};

/// Reads a stream, and checks that byte by byte it says the same.
fn read(name: &str, api: Api) -> Story {
    let body = handmade(name);
    let decoder = || Decoder::new(api, false);
    let story = Story::read(decoder(), Framing::of(api), [body.as_slice()]).unwrap();
    let by_byte = Story::read(decoder(), Framing::of(api), body.chunks(1)).unwrap();
    assert_eq!(by_byte, story, "{name}");
    assert_eq!(story.n_cut, 0, "{name}");
    story
}

fn texts(story: &Story) -> (&str, &str) {
    (&story.answer.reasoning, &story.answer.answer)
}

/// Output, prompt, reasoning and cached tokens.
fn counts(story: &Story) -> [Option<u32>; 4] {
    let usage = story.usage.unwrap();
    [usage.completion_tokens, usage.prompt_tokens, usage.reasoning_tokens, usage.cached_tokens]
}

#[test]
fn ollama_streams_thinking_answer_counts_and_durations() {
    let story = read("ollama-chat.ndjson", Api::OllamaChat);
    assert_eq!(texts(&story), ("Rivers first.", "Danube, Rhine"));
    assert_eq!((story.n_text_events, story.n_answer_events, story.n_events), (4, 2, 5));
    assert_eq!(counts(&story), [Some(7), Some(26), None, None]);
    assert_eq!(story.finish.as_deref(), Some("stop"));
    let times = story.times.unwrap();
    assert_eq!(times.load_ns, Some(Nanos(41_295_167)));
    assert_eq!(times.total_ns, Some(Nanos(182_242_375)));
    assert_eq!(times.prompt_ns, Some(Nanos(24_573_166)));
    assert_eq!((times.generation_ns, times.n_generated), (Some(Nanos(115_959_084)), Some(7)));
    assert_eq!(times.n_prompt, None, "its count holds cached tokens too");
}

#[test]
fn ollama_hands_out_whole_tool_calls() {
    let story = read("ollama-chat-tools.ndjson", Api::OllamaChat);
    let calls = story.answer.tool_calls();
    let names: Vec<_> =
        calls.iter().map(|call| (&*call.id, &*call.name, &*call.arguments)).collect();
    let expected =
        [("call_9f2c", "get_weather", r#"{"city":"Paris"}"#), ("call_77ab", "get_time", "{}")];
    assert_eq!(names, expected);
    assert_eq!((story.n_text_events, story.n_answer_events), (2, 2));
}

#[test]
fn ollama_answers_in_one_piece_or_from_a_plain_prompt() {
    let story = read("ollama-chat.json", Api::OllamaChat);
    assert_eq!(texts(&story), ("One river.", "Danube."));
    assert_eq!(counts(&story)[0], Some(9));
    let story = read("ollama-generate.ndjson", Api::OllamaGenerate);
    assert_eq!(texts(&story), ("", " into the sea"));
    assert_eq!((story.finish.as_deref(), counts(&story)[0]), (Some("length"), Some(3)));
}

#[test]
fn ollama_behind_openais_api_has_reasoning() {
    let story = read("ollama-openai-chat.sse", Api::Chat);
    assert_eq!(texts(&story), ("One", "Danube"));
    assert_eq!(counts(&story), [Some(4), Some(18), None, None]);
    assert_eq!((story.n_text_events, story.n_done), (2, 1));
}

#[test]
fn sglang_streams_reasoning_apart_and_counts_it() {
    let story = read("sglang-chat.sse", Api::Chat);
    assert_eq!(texts(&story), ("Rivers", "Danube"));
    assert_eq!((story.n_text_events, story.n_answer_events), (3, 1), "blanks are text, no answer");
    assert_eq!(counts(&story), [Some(6), Some(14), Some(3), Some(8)]);
    let n_tokens = TokenizerRoute::Sglang.count(&handmade("sglang-tokenize.json"));
    assert_eq!(n_tokens, Ok(2));
}

#[test]
fn lm_studio_streams_reasoning_and_counts_drafts() {
    let story = read("lmstudio-chat.sse", Api::Chat);
    assert_eq!(texts(&story), ("One", "Danube"));
    assert_eq!(counts(&story), [Some(5), Some(70), Some(2), None]);
    let times = story.times.unwrap();
    assert_eq!((times.n_drafted, times.n_accepted), (Some(20), Some(11)));
}

#[test]
fn lm_studio_streams_tool_calls_in_pieces() {
    let story = read("lmstudio-tools.sse", Api::Chat);
    let calls = story.answer.tool_calls();
    assert_eq!(calls.len(), 1);
    assert_eq!((&*calls[0].id, &*calls[0].name), ("814890118", "get_weather"));
    assert_eq!(calls[0].arguments, r#"{"city":"Paris"}"#);
    assert_eq!((story.finish.as_deref(), story.n_text_events), (Some("tool_calls"), 3));
}

#[test]
fn lemonade_hands_on_llama_cpp_with_heartbeats_between() {
    let story = read("lemonade-chat.sse", Api::Chat);
    assert_eq!(texts(&story), ("One", "Danube"));
    assert_eq!(counts(&story), [Some(4), Some(12), None, Some(2)]);
    let times = story.times.unwrap();
    assert_eq!((times.n_prompt, times.generation_ns), (Some(10), Some(Nanos(80_250_000))));
    assert_eq!((times.n_drafted, times.n_accepted), (Some(6), Some(2)));
}

#[test]
fn openrouter_streams_comments_reasoning_and_a_late_count() {
    let story = read("openrouter-chat.sse", Api::Chat);
    assert_eq!(texts(&story), ("One", "Danube"));
    assert_eq!((story.n_text_events, story.n_events), (2, 5));
    assert_eq!(counts(&story), [Some(40), Some(14), Some(33), Some(0)]);
    assert_eq!(story.finish.as_deref(), Some("stop"));
}

#[test]
fn errors_inside_a_stream_are_told_with_the_text_before_them() {
    let streams = [
        (
            "ollama-error.ndjson",
            Api::OllamaGenerate,
            "an error was encountered while running the model",
            " Yes",
        ),
        ("sglang-error.sse", Api::Chat, "the scheduler stopped", "Dan"),
        ("lemonade-error.sse", Api::Chat, "backend returned HTTP 500", "Dan"),
        ("openrouter-error.sse", Api::Chat, "Provider disconnected unexpectedly", "Dan"),
    ];
    for (name, api, message, text) in streams {
        let story = read(name, api);
        assert_eq!(story.error.as_deref(), Some(message), "{name}");
        assert_eq!(texts(&story), ("", text), "{name}");
    }
}
