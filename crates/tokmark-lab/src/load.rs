//! Load points: the requests of one workload on one endpoint, and the record they make.

mod calibrate;
mod ceiling;
mod client;
mod count;
mod live;
mod point;
mod ramp;
mod record;
mod requests;
mod speed_up;
mod timeline;
mod unclosed;
mod watcher;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokmark_host::BusyProcess;
use tokmark_model::{MachineFacts, TokensPerSecond, Uuid, Workload};
use tokmark_run::Interrupt;
use tokmark_tokenizer::LocalTokenizer;

pub use calibrate::{Calibration, calibrate};
pub use ceiling::{PREFILL_CEILING_FACTOR, prefill_ceiling, searched_name};
pub use live::Live;
pub use point::measure_point;
pub use ramp::{Ramp, ramp};
pub use record::{failed_point, mark_crashed, skipped_point, summarize_imported};
pub use requests::large_log;
pub use speed_up::speed_ups;

/// How many requests a point gets.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum LoadExtent {
    /// Exactly so many.
    Requests(u64),
    /// As many as become due in this time.
    For(Duration),
    /// Until the medians are known this well, or the budget is spent.
    Until {
        /// Asked relative half width of the 95 % intervals.
        half_width: f64,
        /// Time for the point, warm-up left out.
        budget: Duration,
    },
    /// Until it is known whether the requests keep the service levels, or this time is over,
    /// warm-up left out: the points of a search.
    Judged(Duration),
}

impl LoadExtent {
    /// The longest time that the point takes, warm-up and the last requests left out; `None`
    /// where a number of requests decides.
    pub fn at_most(&self) -> Option<Duration> {
        match self {
            LoadExtent::Requests(_) => None,
            LoadExtent::For(time) | LoadExtent::Judged(time) => Some(*time),
            LoadExtent::Until { budget, .. } => Some(*budget),
        }
    }
}

/// Share of failed requests at which a point is given up where nobody asked for another. That it
/// goes on until then is no word of the user's on how many failures are fine.
pub const USUAL_ABORT_ERRORS: f64 = 0.5;

/// How points are measured.
#[derive(Debug, Clone)]
pub struct LoadOptions {
    /// The run that the records belong to.
    pub run_id: Uuid,
    /// This machine.
    pub machine: MachineFacts,
    /// How many requests.
    pub extent: LoadExtent,
    /// Share of failed requests at which a point is given up, and from which on failures cost the
    /// grade. Absent where nobody said one: then [`USUAL_ABORT_ERRORS`], and the grade has a share
    /// of its own.
    pub abort_errors: Option<f64>,
    /// Ctrl-C: the first ends the point after the requests under way, the second cuts them.
    pub interrupt: Interrupt,
    /// Processes of a local server, for its memory and to tell it from other processes.
    pub server_pids: Vec<u32>,
    /// What the client adds at the run's heaviest load.
    pub calibration: Option<Calibration>,
    /// Rate above which a prompt can't have been computed here, where that is known.
    pub prefill_ceiling: Option<TokensPerSecond>,
    /// Name of the recipe that started the server.
    pub recipe: Option<String>,
    /// No request was made since a recipe started the server.
    pub is_fresh_server: bool,
    /// Time limit of the first request of a fresh server, where it is longer than that of the
    /// others.
    pub first_load: Option<Duration>,
    /// Longest time for the warm-up.
    pub warm_up_limit: Duration,
    /// Folder for the requests of points that have too many for their record.
    pub large_logs: PathBuf,
    /// Counts what the server's `usage` does not, in place of the server's tokenizer.
    pub tokenizer: Option<Arc<LocalTokenizer>>,
}

/// Is told what a point does.
pub trait LoadObserver {
    /// Untimed requests are made.
    fn warming_up(&mut self, workload: &Workload);
    /// The warm-up was ended at its limit, so many of its requests being over.
    fn warm_up_cut(&mut self, limit: Duration, n_over: u64);
    /// About ten times a second.
    fn live(&mut self, live: &Live);
    /// The requests are over; the tokens of so many are still to be counted.
    fn counting(&mut self, n_requests: u64);
    /// Other processes took `other_cores`, for the first time in this point.
    fn disturbed(&mut self, other_cores: f64, by: &[BusyProcess]);
}
