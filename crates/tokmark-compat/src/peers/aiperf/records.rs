use std::collections::HashMap;

use tokmark_model::{CountSource, Load, Nanos, Record, RequestError, RequestSample, TokenCount};

use super::TOOL;
use crate::peers::node::{Node, Place, Unit};
use crate::peers::point::{Point, Sent, Source, most_in_flight, on_one_line};
use crate::peers::{PeerError, failure, flags, kind, moment};

/// Reads `profile_export.jsonl`: one point of all its requests, those of the warm-up left out.
/// The file says nothing of server, model and load.
pub(crate) fn read(source: &Source<'_>) -> Result<Vec<Record>, PeerError> {
    let mut lines = Lines::default();
    for (n, line) in source.text.lines().enumerate() {
        if line.trim().is_empty() {
            continue;
        }
        let node: Node =
            serde_json::from_str(line).map_err(|error| kind::syntax(&error, source.file, n))?;
        lines.add(&Place::new(&node, &format!("line {}", n + 1), source.file))?;
    }
    if lines.requests.is_empty() {
        return Err(PeerError::Empty { file: source.file.to_owned(), tool: "AIPerf" });
    }
    Ok(vec![lines.into_point().into_record(source, 0)])
}

/// What the lines hold together.
#[derive(Debug, Default)]
struct Lines {
    requests: Vec<Sent>,
    sessions: HashMap<String, u32>,
    n_warmup: u32,
    has_unknown_errors: bool,
    has_queued: bool,
}

impl Lines {
    fn add(&mut self, line: &Place<'_>) -> Result<(), PeerError> {
        let metadata = line.at("metadata");
        let phase = metadata.any(&["phase_kind", "benchmark_phase"]).text()?;
        if phase == Some("warmup") {
            self.n_warmup += 1;
            return Ok(());
        }
        let mut request = times(&metadata)?;
        let metrics = line.at("metrics");
        read_metrics(&metrics, &mut request)?;
        let blocked = metrics.at("http_req_blocked.value").amount()?;
        self.has_queued |= blocked.is_some_and(|blocked| blocked > 0.0);
        request.sample.turn = metadata.at("turn_index").count()?.unwrap_or(0);
        let session = metadata.any(&["x_correlation_id", "conversation_id"]).text()?;
        let n_sessions = self.sessions.len() as u32;
        request.sample.session = match session {
            Some(id) => *self.sessions.entry(id.to_owned()).or_insert(n_sessions),
            None => self.requests.len() as u32,
        };
        let was_cancelled = metadata.at("was_cancelled").flag()? == Some(true);
        let error = line.at("error");
        if was_cancelled {
            request.fail(RequestError::Cut);
        } else if !error.is_null() {
            let kind = error_kind(&error)?;
            self.has_unknown_errors |= kind.is_none();
            request.fail(kind.unwrap_or(RequestError::BrokenStream));
        } else if request.sample.last_text_ns.is_none() {
            return Err(metrics.at("request_latency").wrong("the latency of an answered request"));
        }
        self.requests.push(request);
        Ok(())
    }

    fn into_point(self) -> Point {
        let starts = self.requests.iter().map(|request| request.sent);
        let began_at = starts.min().and_then(moment::since_1970);
        let streamed = self.requests.iter().any(|sent| sent.sample.first_text_ns.is_some());
        let (requests, events) = on_one_line(self.requests);
        let mut point = Point::new(TOOL, "", Load::Concurrency { n: most_in_flight(&requests) });
        let found = [
            (true, flags::LOAD_INFERRED),
            (true, flags::API_UNKNOWN),
            (self.has_queued, flags::TTFT_INCLUDES_CLIENT_QUEUE),
            (self.has_unknown_errors, flags::ERRORS_OF_UNKNOWN_KIND),
        ];
        point.flags.extend(found.iter().filter(|(is_so, _)| *is_so).map(|(_, flag)| *flag));
        point.name_model(None);
        point.began_at = began_at;
        point.workload.n_warmup = self.n_warmup;
        point.workload.stream = streamed || !requests.iter().any(RequestSample::is_ok);
        point.workload.turns =
            requests.iter().map(|request| request.turn.saturating_add(1)).max().unwrap_or(1);
        point.requests = requests;
        point.events = events;
        point
    }
}

/// When the request was due, sent, acknowledged and over. Due is when AIPerf's scheduler gave
/// the credit for it.
fn times(metadata: &Place<'_>) -> Result<Sent, PeerError> {
    let instant = |key: &str| Ok::<_, PeerError>(metadata.at(key).whole()?.map(i128::from));
    let start = metadata.at("request_start_ns");
    let sent = start.need(instant("request_start_ns")?, "a time in nanoseconds")?;
    let since_sent = |key: &str| {
        let span = |at: i128| {
            let span = u64::try_from(at - sent).map(Nanos);
            span.map_err(|_| metadata.at(key).wrong("a time after request_start_ns"))
        };
        instant(key)?.map(span).transpose()
    };
    let mut request = Sent::at(sent);
    request.due = instant("credit_issued_ns")?.unwrap_or(sent).min(sent);
    request.sample.headers_ns = since_sent("request_ack_ns")?;
    request.sample.end_ns = since_sent("request_end_ns")?.unwrap_or_default();
    Ok(request)
}

fn read_metrics(metrics: &Place<'_>, request: &mut Sent) -> Result<(), PeerError> {
    let sample = &mut request.sample;
    let latency = span(&metrics.at("request_latency"))?;
    sample.first_text_ns = span(&metrics.at("time_to_first_token"))?;
    let answer = metrics.any(&["time_to_first_output_token", "time_to_first_output"]);
    sample.first_answer_ns = span(&answer)?;
    sample.last_text_ns = latency;
    // Where reasoning came first, the file doesn't tell which event was the answer's last.
    let is_all_answer = sample.first_answer_ns == sample.first_text_ns;
    sample.last_answer_ns = latency.filter(|_| is_all_answer && sample.first_text_ns.is_some());
    sample.end_ns = sample.end_ns.max(latency.unwrap_or_default());
    let gaps = metrics.at("inter_chunk_latency");
    request.events = match sample.first_text_ns {
        Some(first) if !gaps.is_null() => Some(events(first, &gaps)?),
        Some(first) if latency == Some(first) => Some(vec![first]),
        _ => None,
    };
    sample.n_text_events = match &request.events {
        Some(events) => events.len() as u32,
        None => u32::from(latency.is_some()),
    };
    read_counts(metrics, sample)
}

fn read_counts(metrics: &Place<'_>, sample: &mut RequestSample) -> Result<(), PeerError> {
    sample.prompt_tokens = count(metrics, "usage_prompt_tokens", "input_sequence_length")?;
    sample.output_tokens = count(metrics, "usage_completion_tokens", "output_sequence_length")?;
    sample.reasoning_tokens = count(metrics, "usage_reasoning_tokens", "reasoning_token_count")?;
    sample.cached_tokens = metrics.at("usage_prompt_cache_read_tokens.value").count()?;
    sample.connected = metrics.at("http_req_connection_reused.value").number()? == Some(0.0);
    Ok(())
}

/// The server's count, else that of AIPerf's own tokenizer.
fn count(metrics: &Place<'_>, usage: &str, local: &str) -> Result<Option<TokenCount>, PeerError> {
    let of = |tag: &str, source| {
        let n = metrics.at(tag).at("value").count()?;
        Ok::<_, PeerError>(n.map(|n| TokenCount { n, source }))
    };
    Ok(of(usage, CountSource::Usage)?.or(of(local, CountSource::Local)?))
}

/// A metric that is a span, in the unit that it names.
fn span(metric: &Place<'_>) -> Result<Option<Nanos>, PeerError> {
    match metric.is_null() {
        true => Ok(None),
        false => metric.at("value").span(unit(metric)?),
    }
}

fn unit(metric: &Place<'_>) -> Result<Unit, PeerError> {
    let unit = metric.at("unit");
    unit.need(unit.text()?.and_then(Unit::named), "a unit of time")
}

/// The first event and the gaps after it, as spans since the request was sent.
fn events(first: Nanos, gaps: &Place<'_>) -> Result<Vec<Nanos>, PeerError> {
    let unit = unit(gaps)?;
    let mut times = vec![first];
    let mut time = first;
    for gap in gaps.at("value").list()?.unwrap_or_default() {
        let gap = gap.need(gap.span(unit)?, "a span of time")?;
        time = Nanos(time.0.saturating_add(gap.0));
        times.push(time);
    }
    Ok(times)
}

/// `error` has a code, that of HTTP or AIPerf's own, the name of an exception and a message.
pub(super) fn error_kind(error: &Place<'_>) -> Result<Option<RequestError>, PeerError> {
    let told = [error.at("type").text()?, error.at("message").text()?];
    let told = failure::kind(&told.map(Option::unwrap_or_default).join(" "));
    let code = error.at("code").whole()?.and_then(|code| u16::try_from(code).ok());
    Ok(match (told, code) {
        (Some(RequestError::Cut), _) => Some(RequestError::Cut),
        (_, Some(code @ 400..=599)) => Some(RequestError::Status { code }),
        (told, _) => told,
    })
}
