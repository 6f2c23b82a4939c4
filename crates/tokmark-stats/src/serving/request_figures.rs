//! The figures of one request.

use tokmark_model::{LatencyKind, Nanos, RequestSample, ServerTimes, TokensPerSecond};

/// Everything that one answered request gives. A figure whose parts are not known is absent.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct RequestFigures {
    /// First text event - sent; streamed answers only.
    pub ttft: Option<Nanos>,
    /// First text event - due; streamed answers only.
    pub ttft_from_due: Option<Nanos>,
    /// First answer event - sent; streamed answers only.
    pub ttfo: Option<Nanos>,
    /// (Last text event - first text event) / (streamed tokens - tokens of the first event), in
    /// nanoseconds.
    pub tpot_ns: Option<f64>,
    /// Last text event - sent.
    pub e2e: Option<Nanos>,
    /// Last text event - due.
    pub e2e_from_due: Option<Nanos>,
    /// End of the stream - sent.
    pub closed: Nanos,
    /// 1 / TPOT; absent where all text came at one instant.
    pub decode_rate: Option<TokensPerSecond>,
    /// Output tokens / end to end.
    pub request_rate: Option<TokensPerSecond>,
    /// Answer tokens / (last answer event - sent).
    pub answer_rate: Option<TokensPerSecond>,
    /// From the first attempt to the one that was answered.
    pub retried: Nanos,
    /// TTFT - the time that the server says the prompt took; 0 where the server says more.
    pub queue: Option<Nanos>,
    /// Output tokens without those of reasoning that was not streamed.
    pub streamed_tokens: Option<u32>,
}

impl RequestFigures {
    /// The time that a service level limits, in nanoseconds, refused attempts included. ITL is no
    /// figure of a single request's stamps: its median is known only with the event times.
    pub(super) fn limited_ns(&self, kind: LatencyKind) -> Option<f64> {
        let ns = |time: Option<Nanos>| time.map(|time| (time.0 + self.retried.0) as f64);
        match kind {
            LatencyKind::Ttft => ns(self.ttft),
            LatencyKind::Ttfo => ns(self.ttfo),
            LatencyKind::Tpot => self.tpot_ns,
            LatencyKind::E2e => ns(self.e2e),
            LatencyKind::Itl => None,
        }
    }
}

/// The figures of one request, as `docs/metrics.md` defines them; `stream` as its workload has
/// it; an answer in one piece is none that was streamed. `None` for a request without a whole
/// answer.
pub fn request_figures(request: &RequestSample, stream: bool) -> Option<RequestFigures> {
    if !request.is_ok() {
        return None;
    }
    let stream = stream && !request.in_one_piece;
    let since_sent = |time: Option<Nanos>| time.map(|time| since(time, request.sent_ns));
    let since_due = |time: Option<Nanos>| time.map(|time| since(time, request.due_ns));
    let streamed = |time: Option<Nanos>| time.filter(|_| stream);
    let ttft = since_sent(streamed(request.first_text_ns));
    let e2e = since_sent(request.last_text_ns);
    let tpot_ns = tpot_ns(request).filter(|_| stream);
    Some(RequestFigures {
        ttft,
        ttft_from_due: since_due(streamed(request.first_text_ns)),
        ttfo: since_sent(streamed(request.first_answer_ns)),
        tpot_ns,
        e2e,
        e2e_from_due: since_due(request.last_text_ns),
        closed: since(request.end_ns, request.sent_ns),
        decode_rate: tpot_ns.filter(|ns| *ns > 0.0).map(|ns| TokensPerSecond(1e9 / ns)),
        request_rate: rate(request.output_tokens.map(|count| count.n), e2e),
        answer_rate: rate(answer_tokens(request), since_sent(request.last_answer_ns)),
        retried: since(request.sent_ns, request.first_sent()),
        queue: queue(request, ttft),
        streamed_tokens: streamed_tokens(request),
    })
}

/// The time of one token by the server's own account, in nanoseconds: generation time /
/// (tokens generated - 1). The first token is part of the prompt's time, because the prompt's
/// last position gives it. `None` for answers of one token.
///
/// So it is in llama.cpp's `timings` (`server-context.cpp`: the generation begins when the first
/// token was sampled; since 2026 its own `predicted_per_token_ms` divides by one token less,
/// too) and in Ollama, which passes them on. Ollama's own runners, of earlier versions, began
/// their clock at the same point; that of MLX begins it a step earlier, which its answers do not
/// tell.
pub fn server_step_ns(times: &ServerTimes) -> Option<f64> {
    let n_steps = times.n_generated?.checked_sub(1).filter(|n| *n > 0)?;
    let span = times.generation_ns.filter(|span| span.0 > 0)?;
    Some(span.0 as f64 / f64::from(n_steps))
}

/// 0 where the clock seems to have gone back.
fn since(time: Nanos, start: Nanos) -> Nanos {
    Nanos(time.0.saturating_sub(start.0))
}

fn rate(n_tokens: Option<u32>, time: Option<Nanos>) -> Option<TokensPerSecond> {
    tokmark_model::Tokens(u64::from(n_tokens?)).per(time?)
}

/// `None` also where reasoning was hidden and nobody counted it.
fn streamed_tokens(request: &RequestSample) -> Option<u32> {
    let output = request.output_tokens?.n;
    let hidden = if request.hidden_reasoning { request.reasoning_tokens?.n } else { 0 };
    output.checked_sub(hidden)
}

/// Needs two text events and two streamed tokens, and more tokens than the first event had.
/// Where nobody counted those, one is assumed.
fn tpot_ns(request: &RequestSample) -> Option<f64> {
    let streamed = streamed_tokens(request)?;
    if request.n_text_events < 2 || streamed < 2 {
        return None;
    }
    let following = streamed.checked_sub(request.first_event_tokens.unwrap_or(1))?;
    let span = since(request.last_text_ns?, request.first_text_ns?);
    (following > 0).then(|| span.0 as f64 / f64::from(following))
}

/// Output without reasoning. `None` where there was reasoning that nobody counted, and where
/// there was no answer.
fn answer_tokens(request: &RequestSample) -> Option<u32> {
    let first_answer = request.first_answer_ns?;
    let reasoned = request.hidden_reasoning || request.first_text_ns != Some(first_answer);
    let reasoning = match request.reasoning_tokens {
        Some(count) => count.n,
        None if reasoned => return None,
        None => 0,
    };
    request.output_tokens?.n.checked_sub(reasoning)
}

/// Not where reasoning that was not streamed lies before the first token: it is no queue.
fn queue(request: &RequestSample, ttft: Option<Nanos>) -> Option<Nanos> {
    let prompt = request.server?.prompt_ns?;
    ttft.filter(|_| !request.hidden_reasoning).map(|ttft| since(ttft, prompt))
}
