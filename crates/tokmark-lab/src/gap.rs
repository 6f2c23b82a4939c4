//! One model embedded and through a server: where the difference goes.
//!
//! Every line is a difference of two medians that stand in records, or the median of a few
//! small questions to the server. What a server does not tell has no line.

use std::time::{Duration, Instant};

use serde::Serialize;
use tokmark_http::{Endpoint, ServerTokenizer};
use tokmark_model::{Distribution, Nanos, Record, ServingSummary};
use tokmark_stats::{median, server_step_ns};

/// Small questions whose median counts.
const N_QUESTIONS: usize = 15;

/// A span of one request or token, and what it is made of.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct GapPart {
    /// What takes the time, for people.
    pub name: String,
    /// How it was found.
    pub how: String,
    /// The span in ms; negative where the server was faster than the embedded engine.
    pub ms: Option<f64>,
}

/// Where the time of a request goes. Each `parts` adds up to its `server_ms` as far as the
/// server tells.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Gap {
    /// Embedded engine, whole prompt.
    pub embedded_prompt_ms: Option<f64>,
    /// Median time to first token through the server, one request at a time.
    pub server_ttft_ms: Option<f64>,
    /// From the embedded prompt to the server's time to first token.
    pub first_token: Vec<GapPart>,
    /// Embedded engine, one token.
    pub embedded_token_ms: Option<f64>,
    /// Median time per output token through the server.
    pub server_tpot_ms: Option<f64>,
    /// From the embedded token to the server's.
    pub each_token: Vec<GapPart>,
    /// What a second request at once adds to both; empty without such a point.
    pub beside: Vec<GapPart>,
}

/// Round trips that do no work of the model's.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Overheads {
    /// A question that the server answers at once.
    pub round_trip: Option<Duration>,
    /// Its tokenizer on a text as long as the prompt, round trip left out.
    pub tokenizing: Option<Duration>,
}

/// Asks the server what costs nothing, and its tokenizer, each some times on one connection that
/// is open, as those of measured requests are.
pub fn server_overheads(endpoint: &Endpoint, n_prompt: u32) -> Overheads {
    let Ok(Some(mut tokenizer)) = ServerTokenizer::new(endpoint) else {
        return Overheads::default();
    };
    let mut timed = |text: &str| {
        // Opens the connection, and has both sides warm.
        tokenizer.count_text(text)?;
        let mut times = Vec::new();
        for _ in 0..N_QUESTIONS {
            let begun = Instant::now();
            tokenizer.count_text(text)?;
            times.push(begun.elapsed().as_secs_f64());
        }
        median(&times).map(Duration::from_secs_f64)
    };
    let text = "many words ".repeat(n_prompt.div_ceil(2) as usize);
    let round_trip = timed("a");
    let tokenizing = timed(&text);
    let tokenizing =
        tokenizing.zip(round_trip).map(|(all, round_trip)| all.saturating_sub(round_trip));
    Overheads { round_trip, tokenizing }
}

/// `embedded`: a prompt test and a generation test. `served`: load points with one request at
/// once and with two.
pub fn gap_between(embedded: &[Record], served: &[Record], overheads: Overheads) -> Gap {
    let alone = summary(served.first());
    let (prompt, token) = (prompt_ms(embedded), token_ms(embedded));
    let ttft = alone.and_then(|summary| median_of(&summary.ttft_ms));
    let tpot = alone.and_then(|summary| median_of(&summary.tpot_ms));
    let theirs = server_times(served.first());
    let ms = |time: Option<Duration>| time.map(|time| time.as_secs_f64() * 1e3);
    let outside = less(ttft, theirs.prompt_ms);
    let known = [ms(overheads.round_trip), ms(overheads.tokenizing)];
    let rest = outside.map(|outside| outside - known.iter().flatten().sum::<f64>());
    Gap {
        embedded_prompt_ms: prompt,
        server_ttft_ms: ttft,
        first_token: vec![
            part(
                "prompt, beyond the embedded engine",
                "the server's own prompt time, first token included - embedded (its prompt also has \
                 the template's tokens)",
                less(theirs.prompt_ms, prompt),
            ),
            part("tokenizing", "its tokenizer on a text of this length", ms(overheads.tokenizing)),
            part("HTTP round trip", "a question that needs no model", ms(overheads.round_trip)),
            part("template, queue and the rest", "what is left of TTFT", rest),
        ],
        embedded_token_ms: token,
        server_tpot_ms: tpot,
        each_token: vec![
            part(
                "sampling and the server's loop",
                "the server's own time of a token - embedded decode",
                less(theirs.token_ms, token),
            ),
            part(
                "HTTP and streaming",
                "time per output token at the client - the server's own",
                less(tpot, theirs.token_ms),
            ),
        ],
        beside: beside(served),
    }
}

fn part(name: &str, how: &str, ms: Option<f64>) -> GapPart {
    GapPart { name: name.to_owned(), how: how.to_owned(), ms }
}

fn less(a: Option<f64>, b: Option<f64>) -> Option<f64> {
    Some(a? - b?)
}

/// Waiting apart from sharing, where the server tells its own prompt times.
fn beside(served: &[Record]) -> Vec<GapPart> {
    let [alone, two] = [served.first(), served.get(1)];
    let Some(of_two) = summary(two) else { return Vec::new() };
    let of_one = summary(alone);
    let added = |of: fn(&ServingSummary) -> &Option<Distribution>| {
        less(median_of(of(of_two)), of_one.and_then(|one| median_of(of(one))))
    };
    let ttft = added(|summary| &summary.ttft_ms);
    let tpot = part(
        "tokens that share a step",
        "time per output token with two at once - alone",
        added(|summary| &summary.tpot_ms),
    );
    let prompts = less(server_times(two).prompt_ms, server_times(alone).prompt_ms);
    if prompts.is_none() {
        let how = "TTFT with two requests at once - TTFT of one";
        return vec![part("queueing and prompts that share", how, ttft), tpot];
    }
    vec![
        part(
            "queueing",
            "what two at once add to TTFT outside the server's own prompt time",
            less(ttft, prompts),
        ),
        part(
            "prompts that share a batch",
            "the server's own prompt time with two at once - alone",
            prompts,
        ),
        tpot,
    ]
}

fn summary(record: Option<&Record>) -> Option<&ServingSummary> {
    record?.serving.as_ref()?.summary.as_ref()
}

fn median_of(distribution: &Option<Distribution>) -> Option<f64> {
    distribution.as_ref().and_then(Distribution::median)
}

/// Median duration of the prompt test.
fn prompt_ms(embedded: &[Record]) -> Option<f64> {
    let record = embedded.iter().find(|record| record.test.n_gen == 0)?;
    let times: Vec<f64> = record.samples.iter().map(|one| ms_of(one.duration_ns)).collect();
    median(&times)
}

/// Median duration of the generation test / its tokens.
fn token_ms(embedded: &[Record]) -> Option<f64> {
    let record = embedded.iter().find(|record| record.test.n_gen > 0)?;
    let times: Vec<f64> = record.samples.iter().map(|one| ms_of(one.duration_ns)).collect();
    median(&times).map(|time| time / f64::from(record.test.n_gen))
}

fn ms_of(time: Nanos) -> f64 {
    time.0 as f64 / 1e6
}

/// What the server says of its own work, medians over the requests.
#[derive(Default)]
struct ServerMedians {
    prompt_ms: Option<f64>,
    token_ms: Option<f64>,
}

fn server_times(record: Option<&Record>) -> ServerMedians {
    let Some(serving) = record.and_then(|record| record.serving.as_ref()) else {
        return ServerMedians::default();
    };
    let times = || serving.requests.iter().filter_map(|request| request.server);
    let prompts: Vec<f64> = times().filter_map(|t| t.prompt_ns).map(ms_of).collect();
    let tokens: Vec<f64> = times().filter_map(|t| Some(server_step_ns(&t)? / 1e6)).collect();
    ServerMedians { prompt_ms: median(&prompts), token_ms: median(&tokens) }
}

#[cfg(test)]
mod tests {
    use tokmark_model::{
        ClientCheck, CountSource, Load, RecordKind, RequestSample, ServerFacts, ServerTimes,
        Serving, Timestamp, TokenCount, Uuid, Workload,
    };
    use tokmark_stats::{ServingInput, summarize_serving};

    use super::*;
    use crate::record::blank;

    /// One request at a time: the prompt takes 200 ms, each of the 15 tokens after the first
    /// 30 ms, and whatever arrives was sent 2 ms before.
    fn served() -> Record {
        point(202, 200, 30)
    }

    /// Ten requests of 16 tokens with these times in ms: to the first token, of it the server's
    /// own, and between tokens.
    fn point(ttft: u64, prompt: u64, step: u64) -> Record {
        let ms = |n: u64| Nanos(n * 1_000_000);
        let request = |number: u64| RequestSample {
            due_ns: ms(number * 1_000),
            sent_ns: ms(number * 1_000),
            first_text_ns: Some(ms(number * 1_000 + ttft)),
            last_text_ns: Some(ms(number * 1_000 + ttft + 15 * step)),
            end_ns: ms(number * 1_000 + 900),
            n_text_events: 16,
            output_tokens: Some(TokenCount { n: 16, source: CountSource::Usage }),
            server: Some(ServerTimes {
                prompt_ns: Some(ms(prompt)),
                n_generated: Some(16),
                generation_ns: Some(ms(15 * step)),
                ..ServerTimes::default()
            }),
            ..RequestSample::default()
        };
        let requests: Vec<RequestSample> = (0..10).map(request).collect();
        let workload = Workload::new("gap", Load::Concurrency { n: 1 });
        let input =
            ServingInput { workload: &workload, requests: &requests.as_slice(), cold: None };
        let summary = summarize_serving(&input);
        let mut record = blank(Uuid::nil(), RecordKind::Measured, Timestamp::UNIX_EPOCH);
        record.serving = Some(Box::new(Serving {
            workload,
            server: ServerFacts::default(),
            requests,
            events: None,
            cold: None,
            summary,
            found_rate: None,
            speed_ups: Vec::new(),
            client: ClientCheck::default(),
            timeline: Vec::new(),
            recipe: None,
        }));
        record
    }

    #[test]
    fn a_token_that_takes_the_server_as_long_as_the_client_has_no_gap() {
        let overheads = Overheads { round_trip: Some(Duration::from_millis(1)), tokenizing: None };
        let gap = gap_between(&[], &[served()], overheads);
        let of = |parts: &[GapPart], name: &str| {
            parts.iter().find(|part| part.name == name).and_then(|part| part.ms)
        };
        assert_eq!(of(&gap.each_token, "HTTP and streaming"), Some(0.0));
        // The first token came with the prompt: of 202 ms, 200 were the prompt's, 1 the way.
        assert_eq!(of(&gap.first_token, "template, queue and the rest"), Some(1.0));
        assert!(gap.first_token.iter().all(|part| part.name != "first token"));
    }

    #[test]
    fn without_the_servers_own_times_only_what_is_known_has_a_figure() {
        let round_trip = Some(Duration::from_micros(400));
        let gap = gap_between(&[], &[], Overheads { round_trip, tokenizing: None });
        let known: Vec<&str> = gap
            .first_token
            .iter()
            .filter(|part| part.ms.is_some())
            .map(|part| part.name.as_str())
            .collect();
        assert_eq!(known, ["HTTP round trip"]);
        assert!(gap.each_token.iter().all(|part| part.ms.is_none()) && gap.beside.is_empty());
    }

    #[test]
    fn waiting_is_told_from_sharing_where_the_server_tells_its_own_time() {
        let of = |parts: &[GapPart]| -> Vec<(String, f64)> {
            parts.iter().map(|part| (part.name.clone(), part.ms.unwrap())).collect()
        };
        // Of 50 ms more until the first token the server worked 20.
        let mut two = [served(), point(252, 220, 40)];
        let found = gap_between(&[], &two, Overheads::default());
        let queueing = ("queueing".to_owned(), 30.0);
        let prompts = ("prompts that share a batch".to_owned(), 20.0);
        let tokens = ("tokens that share a step".to_owned(), 10.0);
        assert_eq!(of(&found.beside), [queueing, prompts, tokens.clone()]);
        for request in &mut two[1].serving.as_mut().unwrap().requests {
            request.server = None;
        }
        let found = gap_between(&[], &two, Overheads::default());
        let both = ("queueing and prompts that share".to_owned(), 50.0);
        assert_eq!(of(&found.beside), [both, tokens]);
    }
}
