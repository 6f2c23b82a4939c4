//! A load point of another tool on its way to a record.

use std::collections::BTreeSet;

use sha2::{Digest, Sha256};
use tokmark_model::{
    Arrivals, CacheMode, EventLog, Load, ModelFacts, Nanos, Record, RecordKind, RequestError,
    RequestSample, ServerFacts, Serving, ServingSummary, Speculation, Status, StatusReason, Test,
    Timestamp, Tool, Uuid, Workload,
};

use super::flags;

/// The file that records come from.
#[derive(Debug, Clone, Copy)]
pub(super) struct Source<'a> {
    /// Its text.
    pub(super) text: &'a str,
    /// Its name, for messages.
    pub(super) file: &'a str,
    /// When it was written, where it has no time itself.
    pub(super) written_at: Timestamp,
}

impl Source<'_> {
    /// One file is one run.
    pub(super) fn run_id(&self) -> Uuid {
        Uuid::new_v5(&Uuid::NAMESPACE_OID, Sha256::digest(self.text).as_slice())
    }
}

/// What a reader found of one load point.
#[derive(Debug)]
pub(super) struct Point {
    pub(super) tool: Tool,
    pub(super) began_at: Option<Timestamp>,
    pub(super) was_cancelled: bool,
    pub(super) server: ServerFacts,
    pub(super) workload: Workload,
    pub(super) requests: Vec<RequestSample>,
    pub(super) events: Option<EventLog>,
    pub(super) summary: Option<ServingSummary>,
    pub(super) speculation: Option<Speculation>,
    /// Mean prompt and output tokens of a request, where only those are known.
    pub(super) mean_tokens: Option<(u32, u32)>,
    pub(super) flags: BTreeSet<&'static str>,
}

impl Point {
    /// A point under `load` by the tool, about which nothing else is known.
    pub(super) fn new(tool: &str, version: &str, load: Load) -> Self {
        Point {
            tool: Tool { name: tool.to_owned(), version: version.to_owned() },
            began_at: None,
            was_cancelled: false,
            server: ServerFacts { dialect: "openai".to_owned(), ..Default::default() },
            workload: workload(load),
            requests: Vec::new(),
            events: None,
            summary: None,
            speculation: None,
            mean_tokens: None,
            flags: BTreeSet::new(),
        }
    }

    /// Notes `model` as the one that requests named.
    pub(super) fn name_model(&mut self, model: Option<&str>) {
        match model {
            Some(model) => self.server.model = model.to_owned(),
            None => {
                self.flags.insert(flags::MODEL_UNKNOWN);
            }
        }
    }

    /// The record, `position` being that of the point in its file.
    pub(super) fn into_record(mut self, source: &Source<'_>, position: usize) -> Record {
        if self.began_at.is_none() {
            self.flags.insert(flags::TIME_UNKNOWN);
        }
        let run_id = source.run_id();
        let (status, status_reason) = self.status();
        let test = self.test();
        let kind = match self.summary {
            None => RecordKind::Imported,
            Some(_) => RecordKind::ImportedSummary,
        };
        let created_at = self.began_at.unwrap_or(source.written_at);
        Record {
            id: Uuid::new_v5(&run_id, position.to_string().as_bytes()),
            status,
            status_reason,
            test,
            model: ModelFacts { name: self.server.model.clone(), ..Default::default() },
            flags: self.flags.into_iter().map(str::to_owned).collect(),
            speculation: self.speculation,
            serving: Some(Box::new(Serving {
                workload: self.workload,
                server: self.server,
                requests: self.requests,
                events: self.events,
                cold: None,
                summary: self.summary,
                found_rate: None,
                speed_ups: Vec::new(),
                client: Default::default(),
                timeline: Vec::new(),
                recipe: None,
            })),
            ..Record::new(run_id, kind, created_at, self.tool)
        }
    }

    fn status(&self) -> (Status, Option<StatusReason>) {
        let n_ok = match &self.summary {
            Some(summary) => summary.n_ok,
            None => self.requests.iter().filter(|request| request.is_ok()).count() as u64,
        };
        let reason = |message: &str| {
            Some(StatusReason { message: message.to_owned(), ..Default::default() })
        };
        if self.was_cancelled {
            (Status::Interrupted, reason("the run was cancelled"))
        } else if n_ok == 0 {
            (Status::Failed, reason("no request was answered"))
        } else {
            (Status::Ok, None)
        }
    }

    /// The nominal size: what was aimed at, else the mean of what came.
    fn test(&self) -> Test {
        let mean = |count: fn(&RequestSample) -> Option<u32>| {
            let counts: Vec<u64> = self.requests.iter().filter_map(count).map(u64::from).collect();
            let n = counts.len() as u64;
            let mean = (counts.iter().sum::<u64>() + n / 2).checked_div(n);
            mean.and_then(|mean| u32::try_from(mean).ok())
        };
        let summary = |figure: fn(&ServingSummary) -> Option<f64>| {
            self.summary.as_ref().and_then(figure).map(|mean| mean.round() as u32)
        };
        let n_prompt = self
            .workload
            .n_prompt
            .or_else(|| mean(|request| request.prompt_tokens.map(|tokens| tokens.n)))
            .or_else(|| summary(|summary| summary.prompt_tokens.as_ref().map(|d| d.mean)))
            .or(self.mean_tokens.map(|(n_prompt, _)| n_prompt));
        let n_gen = self
            .workload
            .n_output
            .or_else(|| mean(|request| request.output_tokens.map(|tokens| tokens.n)))
            .or_else(|| summary(|summary| summary.output_tokens.as_ref().map(|d| d.mean)))
            .or(self.mean_tokens.map(|(_, n_output)| n_output));
        let n_parallel = match self.workload.arrival {
            Load::Concurrency { n } => n,
            Load::Rate { .. } | Load::Replay { .. } => 1,
        };
        // A test without any token has no meaning, and no load point generates nothing.
        let n_gen = n_gen.filter(|n| *n > 0).unwrap_or(1);
        Test { n_prompt: n_prompt.unwrap_or(0), n_gen, n_depth: 0, n_parallel }
    }
}

fn workload(load: Load) -> Workload {
    Workload { cache: CacheMode::Keep, ..Workload::new("imported", load) }
}

/// Gaps of a gamma distribution of this shape, which AIPerf calls smoothness and vLLM
/// burstiness: their coefficient of variation is 1 / its root.
pub(super) fn gamma(shape: f64) -> Arrivals {
    if shape == 1.0 {
        Arrivals::Poisson
    } else if shape > 0.0 && shape.is_finite() {
        Arrivals::Gamma { cv: 1.0 / shape.sqrt() }
    } else {
        Arrivals::Constant
    }
}

/// One request as a reader found it: two instants of some clock, and a sample whose other
/// times are still spans since it was sent.
#[derive(Debug)]
pub(super) struct Sent {
    /// When it was due, in nanoseconds.
    pub(super) due: i128,
    /// When it was sent, by the same clock.
    pub(super) sent: i128,
    /// Everything else.
    pub(super) sample: RequestSample,
    /// Spans of all text events since it was sent, where the tool keeps them.
    pub(super) events: Option<Vec<Nanos>>,
}

impl Sent {
    /// A request that was due when it was sent.
    pub(super) fn at(sent: i128) -> Self {
        Sent { due: sent, sent, sample: RequestSample::default(), events: None }
    }

    /// A failed request has no times of text and no events.
    pub(super) fn fail(&mut self, error: RequestError) {
        let sample = &mut self.sample;
        sample.error = Some(error);
        sample.first_text_ns = None;
        sample.first_answer_ns = None;
        sample.last_text_ns = None;
        sample.last_answer_ns = None;
        sample.n_text_events = 0;
        self.events = Some(Vec::new());
    }
}

/// The requests in the order of their due times, all times since the first of those, and
/// the log of their events where every request has its own.
pub(super) fn on_one_line(mut requests: Vec<Sent>) -> (Vec<RequestSample>, Option<EventLog>) {
    requests.sort_by_key(|request| (request.due, request.sent));
    let start = requests.iter().map(|request| request.due.min(request.sent)).min().unwrap_or(0);
    let since = |instant: i128| Nanos(u64::try_from(instant - start).unwrap_or(u64::MAX));
    let all_events: Option<Vec<&[Nanos]>> =
        requests.iter().map(|request| request.events.as_deref()).collect();
    let has_text = requests.iter().any(|request| request.sample.n_text_events > 0);
    let events = all_events.filter(|_| has_text).map(EventLog::pack);
    let samples = requests
        .into_iter()
        .map(|request| {
            let sent_ns = since(request.sent);
            let later = |span: Nanos| Nanos(sent_ns.0.saturating_add(span.0));
            let sample = request.sample;
            RequestSample {
                due_ns: since(request.due),
                sent_ns,
                headers_ns: sample.headers_ns.map(later),
                first_text_ns: sample.first_text_ns.map(later),
                first_answer_ns: sample.first_answer_ns.map(later),
                last_text_ns: sample.last_text_ns.map(later),
                last_answer_ns: sample.last_answer_ns.map(later),
                end_ns: later(sample.end_ns),
                ..sample
            }
        })
        .collect();
    (samples, events)
}

/// Most requests under way at once.
pub(super) fn most_in_flight(requests: &[RequestSample]) -> u32 {
    let mut changes: Vec<(Nanos, i64)> =
        requests.iter().flat_map(|request| [(request.sent_ns, 1), (request.end_ns, -1)]).collect();
    // One that ends makes room for one that begins at the same instant.
    changes.sort_unstable();
    let mut in_flight = 0;
    let counts = changes.into_iter().map(|(_, change)| {
        in_flight += change;
        in_flight
    });
    counts.max().and_then(|most| u32::try_from(most).ok()).unwrap_or(0).max(1)
}
