//! The requests of a point: in memory for its record, or in a file where they are too many.

use std::cell::RefCell;
use std::io;
use std::path::Path;

use tokmark_http::FinishedLog;
use tokmark_model::{EventLog, Nanos, RequestSample, Serving, Uuid};
use tokmark_stats::{Requests, RequestsWithEvents};

use super::LoadOptions;

/// More requests than these lie in a file beside the store.
const MOST_INLINE_REQUESTS: u64 = 50_000;
/// The same of their text events.
const MOST_INLINE_EVENTS: u64 = 1_000_000;

/// The requests of a point that has too many for its record, from the folder that
/// [`LoadOptions::large_logs`] named. `None` where the record holds them itself.
pub fn large_log(serving: &Serving, large_logs: &Path) -> Option<io::Result<FinishedLog>> {
    // A record may come from anywhere, and so may the name in it.
    let name = Path::new(serving.requests_file()?).file_name().unwrap_or_default();
    Some(FinishedLog::open(&large_logs.join(name)))
}

/// The requests of a point, in the order of their due times.
pub(super) enum PointRequests {
    /// In memory; `times[i]` belongs to `samples[i]`.
    Inline { samples: Vec<RequestSample>, times: Vec<Vec<Nanos>> },
    /// In a log that also lies under `name` among the large logs. A visit that could not read
    /// it leaves its error.
    File { log: FinishedLog, name: String, failure: RefCell<Option<io::Error>> },
}

impl PointRequests {
    pub(super) fn take(log: FinishedLog, options: &LoadOptions) -> io::Result<Self> {
        if log.n_requests() > MOST_INLINE_REQUESTS || log.n_events() > MOST_INLINE_EVENTS {
            std::fs::create_dir_all(&options.large_logs)?;
            let name = format!("{}.requests", Uuid::now_v7());
            log.save(&options.large_logs.join(&name))?;
            return Ok(PointRequests::File { log, name, failure: RefCell::default() });
        }
        let (mut samples, mut times) = (Vec::new(), Vec::new());
        log.visit(&mut |sample, own| {
            samples.push(sample);
            times.push(own);
        })?;
        Ok(PointRequests::Inline { samples, times })
    }

    /// What of them stands in the record.
    ///
    /// # Errors
    /// When one of the visits could not read the file.
    pub(super) fn into_columns(self) -> io::Result<(Vec<RequestSample>, EventLog)> {
        match self {
            PointRequests::Inline { samples, times } => {
                let events = EventLog::pack(times.iter().map(Vec::as_slice));
                Ok((samples, events))
            }
            PointRequests::File { log, name, failure } => match failure.into_inner() {
                Some(error) => Err(error),
                None => {
                    let n_events = log.n_events();
                    Ok((Vec::new(), EventLog { n_events, file: Some(name), ..EventLog::default() }))
                }
            },
        }
    }
}

impl Requests for PointRequests {
    fn visit(&self, each: &mut dyn FnMut(&RequestSample, &[Nanos])) {
        match self {
            PointRequests::Inline { samples, times } => {
                RequestsWithEvents { requests: samples, times }.visit(each);
            }
            PointRequests::File { log, failure, .. } => {
                if let Err(error) = log.visit(&mut |sample, times| each(&sample, &times)) {
                    failure.borrow_mut().get_or_insert(error);
                }
            }
        }
    }
}
