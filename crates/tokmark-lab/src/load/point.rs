//! One load point, from its warm-up to its record.

use std::path::Path;
use std::sync::Arc;

use tokmark_http::{Driven, Endpoint, HttpError, drive};
use tokmark_model::{Load, Nanos, RequestSample, Timestamp, Uuid, Workload};
use tokmark_run::{Extent, Schedule};
use tokmark_workload::PromptSource;

use super::record::{PointFacts, record};
use super::timeline::Timeline;
use super::watcher::{Patient, PointWatcher};
use super::{LoadExtent, LoadObserver, LoadOptions, Measured};

/// Conversations of warm-ups begin here, far from those of the measured points.
const WARM_UP_SESSIONS: u64 = 1 << 30;
/// More requests than these lie in a file beside the store.
const MOST_INLINE_REQUESTS: u64 = 50_000;
/// The same of their text events.
const MOST_INLINE_EVENTS: u64 = 1_000_000;

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
) -> Result<Measured, HttpError> {
    let created_at = Timestamp::now();
    let first = warm_up(endpoint, source, workload, options, observer)?;
    let schedule = schedule(source, workload, options)?;
    let timeline = Timeline::start(endpoint, &options.server_pids);
    let mut watcher = PointWatcher::new(workload, options, observer);
    let driven = drive(endpoint, source, workload, schedule, first_session, &mut watcher);
    let aborted = watcher.aborted.take();
    let readings = timeline.map(Timeline::finish).unwrap_or_default();
    let mut driven = driven?;
    let requests = Requests::take(&mut driven, options).map_err(cannot_read)?;
    let first = first.or_else(|| requests.samples.first().cloned());
    let cold = first.clone().filter(|_| options.is_fresh_server);
    let facts = PointFacts { created_at, aborted, client: driven.client, readings, cold };
    Ok(Measured { record: record(endpoint, workload, requests, facts, options), first })
}

fn cannot_read(source: std::io::Error) -> HttpError {
    HttpError::System { what: "cannot read the log of requests", source }
}

/// Untimed requests; the very first one of them.
fn warm_up(
    endpoint: &Endpoint,
    source: &Arc<PromptSource>,
    workload: &Workload,
    options: &LoadOptions,
    observer: &mut dyn LoadObserver,
) -> Result<Option<RequestSample>, HttpError> {
    if workload.n_warmup == 0 || options.interrupt.is_raised() {
        return Ok(None);
    }
    observer.warming_up(workload);
    let at_once = match workload.arrival {
        Load::Concurrency { n } => n,
        Load::Rate { .. } | Load::Replay { .. } => 1,
    };
    let arrival = Load::Concurrency { n: at_once.min(workload.n_warmup) };
    let extent = Extent { n_requests: Some(u64::from(workload.n_warmup)), duration: None };
    let schedule = Schedule::new(&arrival, workload.seed, extent).map_err(schedule_error)?;
    let workload = Workload { arrival, ..workload.clone() };
    let mut watcher = Patient { interrupt: &options.interrupt };
    let mut driven = drive(endpoint, source, &workload, schedule, WARM_UP_SESSIONS, &mut watcher)?;
    let mut first: Option<RequestSample> = None;
    let read = driven.log.each(&mut |sample, _| {
        if first.as_ref().is_none_or(|first| sample.sent_ns < first.sent_ns) {
            first = Some(sample);
        }
    });
    read.map_err(cannot_read)?;
    Ok(first)
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
        _ => Schedule::new(&workload.arrival, workload.seed, extent),
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

/// The requests of a point, out of its log.
pub(super) struct Requests {
    pub(super) samples: Vec<RequestSample>,
    pub(super) times: Vec<Vec<Nanos>>,
    /// File that has them, where they are too many for the record.
    pub(super) file: Option<String>,
    pub(super) n_events: u64,
}

impl Requests {
    fn take(driven: &mut Driven, options: &LoadOptions) -> std::io::Result<Self> {
        let (n_requests, n_events) = (driven.log.n_requests(), driven.log.n_events());
        let is_large = n_requests > MOST_INLINE_REQUESTS || n_events > MOST_INLINE_EVENTS;
        let file = if is_large { Some(save_large(driven, &options.large_logs)?) } else { None };
        let mut both: Vec<(RequestSample, Vec<Nanos>)> =
            Vec::with_capacity(usize::try_from(n_requests).unwrap_or(0));
        driven.log.each(&mut |sample, times| both.push((sample, times)))?;
        both.sort_by_key(|(sample, _)| (sample.due_ns, sample.sent_ns));
        let (samples, times) = both.into_iter().unzip();
        Ok(Requests { samples, times, file, n_events })
    }
}

fn save_large(driven: &mut Driven, folder: &Path) -> std::io::Result<String> {
    std::fs::create_dir_all(folder)?;
    let name = format!("{}.requests", Uuid::now_v7());
    driven.log.save(&folder.join(&name))?;
    Ok(name)
}
