use std::collections::{BTreeSet, HashMap};

use tokmark_model::{CountSource, Nanos, RequestError, RequestSample, TokenCount};

use crate::peers::node::Place;
use crate::peers::point::Sent;
use crate::peers::{PeerError, failure, flags};

/// The requests of a benchmark.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// Those that were sent, in the order of the file.
    pub(super) requests: Vec<Sent>,
    /// The file keeps only some of the requests.
    pub(super) is_sample: bool,
    /// What has to be said of them.
    pub(super) flags: BTreeSet<&'static str>,
    sessions: HashMap<String, u32>,
}

/// Reads the lists `successful`, `errored` and `incomplete` of a benchmark.
pub(super) fn read(benchmark: &Place<'_>, is_open_loop: bool) -> Result<Found, PeerError> {
    let mut found = Found::default();
    let successful = found.list(benchmark, "successful", "successful_requests")?;
    for request in successful {
        let answered = answered(&request, is_open_loop)?;
        if !request.at("info.timings").has("first_output_token_iteration") {
            found.flags.insert(flags::TTFT_IGNORES_REASONING);
        }
        found.add(&request, answered)?;
    }
    for request in found.list(benchmark, "errored", "errored_requests")? {
        let mut errored = sent(&request, is_open_loop)?;
        let kind = request.at("info.error").text()?.and_then(failure::kind);
        found.flags.extend(kind.is_none().then_some(flags::ERRORS_OF_UNKNOWN_KIND));
        errored.fail(kind.unwrap_or(RequestError::BrokenStream));
        found.add(&request, errored)?;
    }
    for request in benchmark.at("requests.incomplete").list()?.unwrap_or_default() {
        // One that was never sent is no request.
        if request.any(&["info.timings.request_start", "info.timings.resolve_start"]).is_null() {
            continue;
        }
        let mut cut = sent(&request, is_open_loop)?;
        cut.fail(RequestError::Cut);
        found.add(&request, cut)?;
    }
    Ok(found)
}

impl Found {
    /// One of the lists; notes whether it is shorter than what the scheduler or the metrics
    /// counted.
    fn list<'a>(
        &mut self,
        benchmark: &Place<'a>,
        status: &str,
        counter: &str,
    ) -> Result<Vec<Place<'a>>, PeerError> {
        let list = benchmark.at("requests").at(status).list()?.unwrap_or_default();
        let counted = benchmark.at("scheduler_state").at(counter).whole()?.unwrap_or(0);
        let measured = benchmark.at("metrics.request_totals").at(status).whole()?.unwrap_or(0);
        self.is_sample |= (list.len() as u64) < counted.max(measured);
        Ok(list)
    }

    /// Takes out the requests of warm-up and cool-down, those that ended before the measured
    /// time or began after it. Returns how many of them were before.
    pub(super) fn leave_out_warmup(&mut self, benchmark: &Place<'_>) -> Result<u32, PeerError> {
        let window = benchmark.at("scheduler_metrics");
        let start = window.at("measure_start_time").instant()?;
        let end = window.at("measure_end_time").instant()?;
        let n_before = self.requests.len();
        if let Some(start) = start {
            self.requests.retain(|sent| sent.sent + i128::from(sent.sample.end_ns.0) >= start);
        }
        let n_warmup = n_before - self.requests.len();
        if let Some(end) = end {
            self.requests.retain(|sent| sent.sent <= end);
        }
        Ok(u32::try_from(n_warmup).unwrap_or(u32::MAX))
    }

    fn add(&mut self, request: &Place<'_>, mut sent: Sent) -> Result<(), PeerError> {
        sent.sample.turn = request.at("info.turn_index").count()?.unwrap_or(0);
        let n_sessions = self.sessions.len() as u32;
        sent.sample.session = match request.at("info.conversation_id").text()? {
            Some(id) => *self.sessions.entry(id.to_owned()).or_insert(n_sessions),
            None => self.requests.len() as u32,
        };
        self.requests.push(sent);
        Ok(())
    }
}

/// When the request was due, sent and over.
fn sent(request: &Place<'_>, is_open_loop: bool) -> Result<Sent, PeerError> {
    let timings = request.at("info.timings");
    let starts = ["request_start", "resolve_start", "scheduled_at", "dequeued", "queued"];
    let start = timings.any(&starts);
    let mut sent = Sent::at(start.need(start.instant()?, "when the request was sent")?);
    if is_open_loop {
        let due = timings.at("targeted_start").instant()?;
        sent.due = due.unwrap_or(sent.sent).min(sent.sent);
    }
    let end = span_to(&timings.any(&["request_end", "resolve_end"]), sent.sent)?;
    sent.sample.end_ns = end.unwrap_or_default();
    Ok(sent)
}

fn answered(request: &Place<'_>, is_open_loop: bool) -> Result<Sent, PeerError> {
    let mut sent = sent(request, is_open_loop)?;
    let timings = request.at("info.timings");
    let first = timings.any(&["first_token_iteration", "first_iteration"]);
    let last = timings.any(&["last_token_iteration", "last_iteration"]);
    let sample = &mut sent.sample;
    sample.first_text_ns = span_to(&first, sent.sent)?;
    sample.last_text_ns = span_to(&last, sent.sent)?;
    if sample.last_text_ns < sample.first_text_ns {
        return Err(last.wrong("a time after the first token"));
    }
    let answer = timings.at("first_output_token_iteration");
    sample.first_answer_ns = match timings.has("first_output_token_iteration") {
        true => span_to(&answer, sent.sent)?,
        false => sample.first_text_ns,
    };
    sample.last_answer_ns = sample.last_text_ns.filter(|_| sample.first_answer_ns.is_some());
    let events = timings.any(&["token_iterations", "iterations"]).count()?;
    sample.n_text_events = events.unwrap_or(0);
    if sample.first_text_ns.is_none() {
        // Not streamed: the text is there when the body is.
        sample.last_text_ns = Some(sample.end_ns);
        sample.n_text_events = 1;
    }
    sample.end_ns = sample.end_ns.max(sample.last_text_ns.unwrap_or_default());
    read_counts(request, sample)?;
    Ok(sent)
}

/// Without a count of the server GuideLLM takes iterations for tokens.
fn read_counts(request: &Place<'_>, sample: &mut RequestSample) -> Result<(), PeerError> {
    let count = |total: &str, computed: &str| {
        let source = match request.at(total).is_null() {
            true => CountSource::Estimated,
            false => CountSource::Usage,
        };
        let n = request.any(&[total, computed]).count()?;
        Ok::<_, PeerError>(n.map(|n| TokenCount { n, source }))
    };
    sample.prompt_tokens = count("input_metrics.total_tokens", "prompt_tokens")?;
    sample.output_tokens = count("output_metrics.total_tokens", "output_tokens")?;
    sample.cached_tokens =
        request.any(&["cached_tokens", "input_metrics.cached_tokens"]).count()?;
    Ok(())
}

fn span_to(place: &Place<'_>, sent: i128) -> Result<Option<Nanos>, PeerError> {
    let span = |at: i128| {
        let span = u64::try_from(at - sent).map(Nanos);
        span.map_err(|_| place.wrong("a time after the request was sent"))
    };
    place.instant()?.map(span).transpose()
}
