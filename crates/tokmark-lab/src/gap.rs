//! One model embedded and through a server: where the difference goes.
//!
//! Every line is a difference of two medians that stand in records, or the median of a few
//! small questions to the server, with its interval. What a server does not tell has no line.

use std::time::Instant;

use serde::Serialize;
use tokmark_http::{Endpoint, ServerTokenizer};
use tokmark_model::{Distribution, Nanos, Record, ServingSummary};
use tokmark_stats::{Ends, difference, median_with_interval, server_step_ns};

/// Small questions whose median counts.
const N_QUESTIONS: usize = 15;

/// A time with its interval, which may reach below 0 where two medians differ by it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Span {
    /// ms.
    pub ms: f64,
    /// Its interval, 95 %, ms; absent where one of the medians has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub interval_ms: Option<Ends>,
}

impl Span {
    fn of(times: &[f64]) -> Option<Self> {
        let (ms, interval) = median_with_interval(times)?;
        Some(Span { ms, interval_ms: interval.map(Ends::from) })
    }

    fn times(self, factor: f64) -> Self {
        let scaled = |Ends { low, high }| Ends { low: low * factor, high: high * factor };
        Span { ms: self.ms * factor, interval_ms: self.interval_ms.map(scaled) }
    }

    /// The difference. Spans of the same requests rise and fall together: for them the interval
    /// is too wide, not too narrow.
    fn less(self, other: Self) -> Self {
        let both = self.interval_ms.zip(other.interval_ms);
        let interval_ms =
            both.map(|(own, others)| difference((self.ms, own), (other.ms, others)).1);
        Span { ms: self.ms - other.ms, interval_ms }
    }
}

/// A span of one request or token, and what it is made of.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct GapPart {
    /// What takes the time, for people.
    pub name: String,
    /// How it was found.
    pub how: String,
    /// Negative where the server was faster than the embedded engine.
    pub span: Option<Span>,
}

/// Where the time of a request goes. Each `parts` adds up to its `server_ms` as far as the
/// server tells.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Gap {
    /// Embedded engine, whole prompt.
    pub embedded_prompt: Option<Span>,
    /// Median time to first token through the server, one request at a time.
    pub server_ttft: Option<Span>,
    /// From the embedded prompt to the server's time to first token.
    pub first_token: Vec<GapPart>,
    /// Embedded engine, one token.
    pub embedded_token: Option<Span>,
    /// Median time per output token through the server.
    pub server_tpot: Option<Span>,
    /// From the embedded token to the server's.
    pub each_token: Vec<GapPart>,
    /// What a second request at once adds to both; empty without such a point.
    pub beside: Vec<GapPart>,
}

/// Round trips that do no work of the model's.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Overheads {
    /// A question that the server answers at once.
    pub round_trip: Option<Span>,
    /// Its tokenizer on a text as long as the prompt, round trip left out.
    pub tokenizing: Option<Span>,
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
            times.push(begun.elapsed().as_secs_f64() * 1e3);
        }
        Span::of(&times)
    };
    let text = "many words ".repeat(n_prompt.div_ceil(2) as usize);
    let round_trip = timed("a");
    let tokenizing = timed(&text);
    let tokenizing = less(tokenizing, round_trip);
    Overheads { round_trip, tokenizing }
}

/// `embedded`: a prompt test and a generation test. `served`: load points with one request at
/// once and with two.
pub fn gap_between(embedded: &[Record], served: &[Record], overheads: Overheads) -> Gap {
    let alone = summary(served.first());
    let (prompt, token) = (prompt_span(embedded), token_span(embedded));
    let ttft = alone.and_then(|summary| median_of(&summary.ttft_ms));
    let tpot = alone.and_then(|summary| median_of(&summary.tpot_ms));
    let theirs = server_times(served.first());
    let outside = less(ttft, theirs.prompt);
    let known = [overheads.round_trip, overheads.tokenizing];
    let rest = outside.map(|outside| known.into_iter().flatten().fold(outside, Span::less));
    Gap {
        embedded_prompt: prompt,
        server_ttft: ttft,
        first_token: vec![
            part(
                "prompt, beyond the embedded engine",
                "the server's own prompt time, first token included - embedded (its prompt also has \
                 the template's tokens)",
                less(theirs.prompt, prompt),
            ),
            part("tokenizing", "its tokenizer on a text of this length", overheads.tokenizing),
            part("HTTP round trip", "a question that needs no model", overheads.round_trip),
            part("template, queue and the rest", "what is left of TTFT", rest),
        ],
        embedded_token: token,
        server_tpot: tpot,
        each_token: vec![
            part(
                "sampling and the server's loop",
                "the server's own time of a token - embedded decode",
                less(theirs.token, token),
            ),
            part(
                "HTTP and streaming",
                "time per output token at the client - the server's own",
                less(tpot, theirs.token),
            ),
        ],
        beside: beside(served),
    }
}

fn part(name: &str, how: &str, span: Option<Span>) -> GapPart {
    GapPart { name: name.to_owned(), how: how.to_owned(), span }
}

fn less(a: Option<Span>, b: Option<Span>) -> Option<Span> {
    Some(a?.less(b?))
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
    let prompts = less(server_times(two).prompt, server_times(alone).prompt);
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

fn median_of(distribution: &Option<Distribution>) -> Option<Span> {
    let median = distribution.as_ref()?.quantile(0.5)?;
    Some(Span { ms: median.value, interval_ms: median.interval.map(Ends::from) })
}

/// Median duration of the prompt test.
fn prompt_span(embedded: &[Record]) -> Option<Span> {
    let record = embedded.iter().find(|record| record.test.n_gen == 0)?;
    Some(at_rate(record)?.times(record.test.n_tokens().0 as f64))
}

/// Median duration of the generation test / its tokens.
fn token_span(embedded: &[Record]) -> Option<Span> {
    at_rate(embedded.iter().find(|record| record.test.n_gen > 0)?)
}

/// One token at the record's rate.
fn at_rate(record: &Record) -> Option<Span> {
    let rate = record.summary.as_ref()?.rate;
    let interval_ms = rate.interval.map(|ends| Ends { low: 1e3 / ends.high, high: 1e3 / ends.low });
    Some(Span { ms: 1e3 / rate.rate_tps.0, interval_ms })
}

fn ms_of(time: Nanos) -> f64 {
    time.0 as f64 / 1e6
}

/// What the server says of its own work, medians over the requests.
#[derive(Default)]
struct ServerMedians {
    prompt: Option<Span>,
    token: Option<Span>,
}

fn server_times(record: Option<&Record>) -> ServerMedians {
    let Some(serving) = record.and_then(|record| record.serving.as_ref()) else {
        return ServerMedians::default();
    };
    let times = || serving.requests.iter().filter_map(|request| request.server);
    let prompts: Vec<f64> = times().filter_map(|t| t.prompt_ns).map(ms_of).collect();
    let tokens: Vec<f64> = times().filter_map(|t| Some(server_step_ns(&t)? / 1e6)).collect();
    ServerMedians { prompt: Span::of(&prompts), token: Span::of(&tokens) }
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

    fn span(ms: f64) -> Span {
        Span { ms, interval_ms: None }
    }

    #[test]
    fn a_difference_is_as_uncertain_as_both_together() {
        let known = |ms, low, high| Span { ms, interval_ms: Some(Ends { low, high }) };
        let found = known(50.0, 47.0, 53.0).less(known(20.0, 12.0, 24.0));
        // 3 below and 4 above make 5 below; 3 above and 8 below the root of 73 above.
        assert_eq!(found, known(30.0, 25.0, 30.0 + 73.0_f64.sqrt()));
        assert_eq!(found.less(span(1.0)), span(29.0));
        assert_eq!(known(8.0, 6.0, 10.0).times(0.5), known(4.0, 3.0, 5.0));
    }

    #[test]
    fn what_was_measured_often_enough_has_an_interval() {
        let found = gap_between(&[], &[served()], Overheads::default());
        let part = &found.first_token[0];
        assert_eq!((part.span, found.server_tpot.unwrap().ms), (None, 30.0));
        let Ends { low, high } = found.each_token[1].span.unwrap().interval_ms.unwrap();
        assert!(low.abs() < 1e-9 && high.abs() < 1e-9, "{low} {high}");
    }

    #[test]
    fn a_token_that_takes_the_server_as_long_as_the_client_has_no_gap() {
        let overheads = Overheads { round_trip: Some(span(1.0)), tokenizing: None };
        let gap = gap_between(&[], &[served()], overheads);
        let of = |parts: &[GapPart], name: &str| {
            parts
                .iter()
                .find(|part| part.name == name)
                .and_then(|part| part.span)
                .map(|span| span.ms)
        };
        assert_eq!(of(&gap.each_token, "HTTP and streaming"), Some(0.0));
        // The first token came with the prompt: of 202 ms, 200 were the prompt's, 1 the way.
        assert_eq!(of(&gap.first_token, "template, queue and the rest"), Some(1.0));
        assert!(gap.first_token.iter().all(|part| part.name != "first token"));
    }

    #[test]
    fn without_the_servers_own_times_only_what_is_known_has_a_figure() {
        let round_trip = Some(span(0.4));
        let gap = gap_between(&[], &[], Overheads { round_trip, tokenizing: None });
        let known: Vec<&str> = gap
            .first_token
            .iter()
            .filter(|part| part.span.is_some())
            .map(|part| part.name.as_str())
            .collect();
        assert_eq!(known, ["HTTP round trip"]);
        assert!(gap.each_token.iter().all(|part| part.span.is_none()) && gap.beside.is_empty());
    }

    #[test]
    fn waiting_is_told_from_sharing_where_the_server_tells_its_own_time() {
        let of = |parts: &[GapPart]| -> Vec<(String, f64)> {
            parts.iter().map(|part| (part.name.clone(), part.span.unwrap().ms)).collect()
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
