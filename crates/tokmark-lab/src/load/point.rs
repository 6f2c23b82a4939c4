//! One load point, from its warm-up to its record.

use std::sync::Arc;
use std::time::Duration;

use tokmark_http::{Endpoint, FinishedLog, HttpError, RequestLog, drive};
use tokmark_model::{ClientCheck, Load, Nanos, Record, RequestSample, Timestamp, Workload};
use tokmark_run::{Extent, Schedule};
use tokmark_workload::PromptSource;

use super::count::count_tokens;
use super::live::{Live, Recent};
use super::record::{PointFacts, record};
use super::requests::PointRequests;
use super::timeline::{Readings, Timeline};
use super::unclosed::settle;
use super::watcher::{Patient, PointWatcher};
use super::{LoadExtent, LoadObserver, LoadOptions};

/// Conversations of warm-ups begin here, far from those of the measured points.
const WARM_UP_SESSIONS: u64 = 1 << 30;
/// Openings of requests before the measured ones are other ones, so that they bring nothing into
/// the server's cache that a trace or a shape has, too.
const OTHER_OPENINGS: u32 = 1 << 31;
/// That of the first request of a fresh server.
const FIRST_SESSION: u64 = WARM_UP_SESSIONS - 1;

/// Makes the requests of `workload` and their record. Requests that fail are samples; a point
/// of which none succeeded is a failed record.
///
/// # Errors
/// When a thread or the log of requests can't be made.
pub fn measure_point(
    endpoint: &Endpoint,
    source: &Arc<PromptSource>,
    workload: &Workload,
    first_session: u64,
    options: &LoadOptions,
    observer: &mut dyn LoadObserver,
) -> Result<Record, HttpError> {
    let created_at = Timestamp::now();
    let _attention = options.interrupt.attend();
    if workload.n_warmup > 0 || options.is_fresh_server {
        observer.warming_up(workload);
    }
    let cold = first_request(endpoint, source, workload, options, observer)?;
    let is_warm = warm_up(endpoint, source, workload, options, observer)?;
    if options.interrupt.is_raised() {
        return interrupted(endpoint, workload, created_at, cold, options);
    }
    let schedule = schedule(source, workload, options)?;
    let timeline = Timeline::start(endpoint, &options.server_pids);
    let mut watcher = PointWatcher::new(workload, options, observer);
    let driven = drive(endpoint, source, workload, schedule, first_session, &mut watcher);
    watcher.check_errors();
    let aborted = watcher.aborted.take();
    let readings = timeline.map(Timeline::finish).unwrap_or_default();
    let mut driven = driven?;
    let (local, api) = (options.tokenizer.as_ref(), workload.api);
    count_tokens(&mut driven.log, endpoint, local, api, &options.interrupt, observer)?;
    settle(&mut driven.log, endpoint, workload).map_err(cannot_read)?;
    // Only a loaded model has memory and a share of the GPU, and only now it surely is.
    let endpoint = &endpoint.look_again();
    let requests = PointRequests::take(driven.log, options).map_err(cannot_read)?;
    let facts = PointFacts { created_at, aborted, client: driven.client, readings, cold };
    let mut record = record(endpoint, workload, requests, facts, options).map_err(cannot_read)?;
    if !is_warm {
        record.flags.push("warm_up_cut".to_owned());
    }
    Ok(record)
}

/// The record of a point that ended before its first measured request.
fn interrupted(
    endpoint: &Endpoint,
    workload: &Workload,
    created_at: Timestamp,
    cold: Option<RequestSample>,
    options: &LoadOptions,
) -> Result<Record, HttpError> {
    let log = RequestLog::new().and_then(RequestLog::finish).map_err(cannot_read)?;
    let requests = PointRequests::take(log, options).map_err(cannot_read)?;
    let (client, readings) = (ClientCheck::default(), Readings::default());
    let facts = PointFacts { created_at, aborted: None, client, readings, cold };
    record(endpoint, workload, requests, facts, options).map_err(cannot_read)
}

fn cannot_read(source: std::io::Error) -> HttpError {
    HttpError::System { what: "cannot read the log of requests", source }
}

/// The very first request of a fresh server, alone: it may load the model.
fn first_request(
    endpoint: &Endpoint,
    source: &Arc<PromptSource>,
    workload: &Workload,
    options: &LoadOptions,
    observer: &mut dyn LoadObserver,
) -> Result<Option<RequestSample>, HttpError> {
    if !options.is_fresh_server || options.interrupt.is_raised() {
        return Ok(None);
    }
    let limit = options.first_load.map(Nanos::from);
    let workload = Workload { timeout_ns: workload.timeout_ns.max(limit), ..workload.clone() };
    // Its own time limit ends it: to load a model takes as long as it takes.
    let limit = workload.timeout_ns.map_or(Duration::MAX, Duration::from);
    let untimed = Untimed { first_session: FIRST_SESSION, n: 1, limit };
    let driven = untimed.make(endpoint, source, &workload, options, observer)?;
    let mut first = None;
    driven.log.visit(&mut |sample, _| first = Some(sample)).map_err(cannot_read)?;
    Ok(first)
}

/// Untimed requests, as many at once as the point will have; whether they came to their end.
fn warm_up(
    endpoint: &Endpoint,
    source: &Arc<PromptSource>,
    workload: &Workload,
    options: &LoadOptions,
    observer: &mut dyn LoadObserver,
) -> Result<bool, HttpError> {
    if workload.n_warmup == 0 || options.interrupt.is_raised() {
        return Ok(true);
    }
    let limit = options.warm_up_limit;
    let untimed = Untimed { first_session: WARM_UP_SESSIONS, n: workload.n_warmup, limit };
    let made = untimed.make(endpoint, source, workload, options, observer)?;
    if let Some(n_over) = made.cut_at {
        observer.warm_up_cut(limit, n_over);
    }
    Ok(made.cut_at.is_none())
}

/// `n` requests in a closed loop, as many at once as the point will have.
struct Untimed {
    first_session: u64,
    n: u32,
    /// Time after which they are cut.
    limit: Duration,
}

/// What came of them.
struct Made {
    log: FinishedLog,
    /// The limit was reached with so many of them over.
    cut_at: Option<u64>,
}

impl Untimed {
    fn make(
        &self,
        endpoint: &Endpoint,
        source: &Arc<PromptSource>,
        workload: &Workload,
        options: &LoadOptions,
        observer: &mut dyn LoadObserver,
    ) -> Result<Made, HttpError> {
        let n = self.n;
        let at_once = match workload.arrival {
            Load::Concurrency { n } => n,
            Load::Rate { .. } | Load::Replay { .. } => 1,
        };
        let arrival = Load::Concurrency { n: at_once.min(n) };
        let extent = Extent { n_requests: Some(u64::from(n)), duration: None };
        let schedule = Schedule::new(&arrival, workload.seed, extent).map_err(schedule_error)?;
        let workload = Workload { arrival, ..workload.clone() };
        let live = Live { is_warm_up: true, n_asked: Some(u64::from(n)), ..Live::default() };
        let mut watcher = Patient {
            interrupt: &options.interrupt,
            observer,
            limit: self.limit,
            recent: Recent::default(),
            live,
            cut_at: None,
        };
        let nonce = workload.nonce.unwrap_or_default() ^ OTHER_OPENINGS;
        let source = &Arc::new(source.with_nonce(nonce));
        let log =
            drive(endpoint, source, &workload, schedule, self.first_session, &mut watcher)?.log;
        Ok(Made { log, cut_at: watcher.cut_at })
    }
}

fn schedule(
    source: &PromptSource,
    workload: &Workload,
    options: &LoadOptions,
) -> Result<Schedule, HttpError> {
    let extent = match options.extent {
        LoadExtent::Requests(n) => Extent { n_requests: Some(n), duration: None },
        LoadExtent::For(duration) => Extent { n_requests: None, duration: Some(duration) },
        LoadExtent::Until { .. } | LoadExtent::Judged(_) => Extent::default(),
    };
    match workload.arrival {
        Load::Replay { speed } => {
            let extent = match options.extent {
                // A trace is replayed whole.
                LoadExtent::Until { .. } => Extent::default(),
                _ => extent,
            };
            Schedule::replay(due_times(source), speed, extent)
        }
        _ => {
            // A trace runs once, unless more was asked for.
            let once = source.n_requests().filter(|_| extent == Extent::default());
            let extent = Extent { n_requests: extent.n_requests.or(once), ..extent };
            Schedule::new(&workload.arrival, workload.seed, extent)
        }
    }
    .map_err(schedule_error)
}

/// When the conversations of a trace begin.
fn due_times(source: &PromptSource) -> Vec<Nanos> {
    let sessions = 0..source.n_sessions().unwrap_or(0);
    sessions.filter_map(|session| source.first(session).due).collect()
}

fn schedule_error(error: tokmark_run::ScheduleError) -> HttpError {
    HttpError::Model { reason: error.to_string() }
}
