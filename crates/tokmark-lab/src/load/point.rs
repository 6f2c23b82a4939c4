//! One load point, from its warm-up to its record.

use std::sync::Arc;

use tokmark_http::{Endpoint, FinishedLog, HttpError, drive};
use tokmark_model::{Load, Nanos, Record, RequestSample, Timestamp, Workload};
use tokmark_run::{Extent, Schedule};
use tokmark_workload::PromptSource;

use super::count::count_tokens;
use super::record::{PointFacts, record};
use super::requests::PointRequests;
use super::timeline::Timeline;
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
    if workload.n_warmup > 0 || options.is_fresh_server {
        observer.warming_up(workload);
    }
    let cold = first_request(endpoint, source, workload, options)?;
    warm_up(endpoint, source, workload, options)?;
    // Only a loaded model has memory and a share of the GPU.
    let endpoint = &endpoint.look_again();
    let schedule = schedule(source, workload, options)?;
    let timeline = Timeline::start(endpoint, &options.server_pids);
    let mut watcher = PointWatcher::new(workload, options, observer);
    let driven = drive(endpoint, source, workload, schedule, first_session, &mut watcher);
    let aborted = watcher.aborted.take();
    let readings = timeline.map(Timeline::finish).unwrap_or_default();
    let mut driven = driven?;
    let (local, api) = (options.tokenizer.as_ref(), workload.api);
    count_tokens(&mut driven.log, endpoint, local, api, &options.interrupt, observer)?;
    let requests = PointRequests::take(driven.log, options).map_err(cannot_read)?;
    let facts = PointFacts { created_at, aborted, client: driven.client, readings, cold };
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
) -> Result<Option<RequestSample>, HttpError> {
    if !options.is_fresh_server || options.interrupt.is_raised() {
        return Ok(None);
    }
    let limit = options.first_load.map(Nanos::from);
    let workload = Workload { timeout_ns: workload.timeout_ns.max(limit), ..workload.clone() };
    let log = untimed(endpoint, source, &workload, FIRST_SESSION, 1, options)?;
    let mut first = None;
    log.visit(&mut |sample, _| first = Some(sample)).map_err(cannot_read)?;
    Ok(first)
}

/// Untimed requests, as many at once as the point will have.
fn warm_up(
    endpoint: &Endpoint,
    source: &Arc<PromptSource>,
    workload: &Workload,
    options: &LoadOptions,
) -> Result<(), HttpError> {
    if workload.n_warmup > 0 && !options.interrupt.is_raised() {
        let n = workload.n_warmup;
        untimed(endpoint, source, workload, WARM_UP_SESSIONS, n, options)?;
    }
    Ok(())
}

/// `n` requests in a closed loop, as many at once as the point will have.
fn untimed(
    endpoint: &Endpoint,
    source: &Arc<PromptSource>,
    workload: &Workload,
    first_session: u64,
    n: u32,
    options: &LoadOptions,
) -> Result<FinishedLog, HttpError> {
    let at_once = match workload.arrival {
        Load::Concurrency { n } => n,
        Load::Rate { .. } | Load::Replay { .. } => 1,
    };
    let arrival = Load::Concurrency { n: at_once.min(n) };
    let extent = Extent { n_requests: Some(u64::from(n)), duration: None };
    let schedule = Schedule::new(&arrival, workload.seed, extent).map_err(schedule_error)?;
    let workload = Workload { arrival, ..workload.clone() };
    let mut watcher = Patient { interrupt: &options.interrupt };
    let nonce = workload.nonce.unwrap_or_default() ^ OTHER_OPENINGS;
    let source = &Arc::new(source.with_nonce(nonce));
    Ok(drive(endpoint, source, &workload, schedule, first_session, &mut watcher)?.log)
}

fn schedule(
    source: &PromptSource,
    workload: &Workload,
    options: &LoadOptions,
) -> Result<Schedule, HttpError> {
    let extent = match options.extent {
        LoadExtent::Requests(n) => Extent { n_requests: Some(n), duration: None },
        LoadExtent::For(duration) => Extent { n_requests: None, duration: Some(duration) },
        LoadExtent::Until { .. } => Extent::default(),
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
