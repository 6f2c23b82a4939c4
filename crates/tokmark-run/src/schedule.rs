//! Load as data: when requests are due.

mod bisection;
mod gaps;

use std::iter::FusedIterator;
use std::time::Duration;

use tokmark_model::{Arrivals, Load, Nanos};

pub use bisection::{Bisection, BisectionResult, RateSearch};
use gaps::{Gaps, Stream};

/// When a request is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Due {
    /// At this span after the first due time, whether or not earlier requests have ended.
    At(Nanos),
    /// When a slot becomes free; the first as many as there are slots at once.
    WhenFree,
}

/// How far a schedule goes. Whichever limit comes first ends it; without one it is endless,
/// but for a replay, which ends with its due times.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Extent {
    /// Requests in all.
    pub n_requests: Option<u64>,
    /// Every request is due before this span has passed.
    pub duration: Option<Duration>,
}

/// Why there is no such schedule or search.
#[derive(Debug, Clone, Copy, PartialEq, thiserror::Error)]
pub enum ScheduleError {
    /// A closed loop without a slot.
    #[error("a concurrency of 0 sends nothing; ask for 1 or more")]
    NoSlots,
    /// A rate that is no positive number.
    #[error("a rate of {per_s} requests per second; ask for a positive number")]
    Rate {
        /// The rate.
        per_s: f64,
    },
    /// A coefficient of variation that is negative or no number.
    #[error("arrivals with a coefficient of variation of {cv}; ask for 0 or more")]
    Variation {
        /// The coefficient.
        cv: f64,
    },
    /// A speed that is no positive number.
    #[error("a replay at {speed} times the speed; ask for a positive number")]
    Speed {
        /// The speed.
        speed: f64,
    },
    /// A replay of nothing.
    #[error("a replay without due times; name a trace that has some")]
    NoDueTimes,
    /// Limits of a search that contradict each other.
    #[error("{what}")]
    Search {
        /// Which, and what would do.
        what: &'static str,
    },
}

/// The due times of one load point, rising, the first of an open loop at 0. The same load,
/// seed and extent give the same due times in every version of this crate: generator and
/// distributions are written out here. Across platforms they may differ by the last bit of
/// the system's logarithm, a nanosecond now and then.
#[derive(Debug, Clone)]
pub struct Schedule {
    source: Source,
    extent: Extent,
    n_made: u64,
    is_over: bool,
}

#[derive(Debug, Clone)]
enum Source {
    Slots { n: u32 },
    Constant { per_s: f64 },
    Random { gaps: Gaps, stream: Stream, mean_ns: f64, next_ns: f64 },
    Replay { due: Vec<Nanos>, speed: f64 },
}

impl Schedule {
    /// The schedule of a closed or an open loop. `seed` and the rate decide random gaps, and
    /// nothing else.
    ///
    /// # Errors
    /// When the load makes no sense, and for a replay, whose due times [`Schedule::replay`]
    /// takes.
    pub fn new(load: &Load, seed: u64, extent: Extent) -> Result<Self, ScheduleError> {
        let source = match *load {
            Load::Concurrency { n: 0 } => return Err(ScheduleError::NoSlots),
            Load::Concurrency { n } => Source::Slots { n },
            Load::Rate { per_s, arrivals } => open_loop(per_s, arrivals, seed)?,
            Load::Replay { .. } => return Err(ScheduleError::NoDueTimes),
        };
        Ok(Schedule { source, extent, n_made: 0, is_over: false })
    }

    /// Replays `due`, in any order and from any origin: the earliest becomes 0, every span
    /// from it is divided by `speed`.
    ///
    /// # Errors
    /// Without due times, or when the speed is no positive number.
    pub fn replay(mut due: Vec<Nanos>, speed: f64, extent: Extent) -> Result<Self, ScheduleError> {
        if !is_positive(speed) {
            return Err(ScheduleError::Speed { speed });
        }
        due.sort_unstable();
        let first = *due.first().ok_or(ScheduleError::NoDueTimes)?;
        for time in &mut due {
            time.0 -= first.0;
        }
        Ok(Schedule { source: Source::Replay { due, speed }, extent, n_made: 0, is_over: false })
    }

    /// Slots of a closed loop; `None` for every other load.
    pub fn n_slots(&self) -> Option<u32> {
        match self.source {
            Source::Slots { n } => Some(n),
            _ => None,
        }
    }

    /// Requests that it makes at most, where that was asked for.
    pub fn n_requests(&self) -> Option<u64> {
        self.extent.n_requests
    }

    /// From this span on nothing is due. In a closed loop only the caller knows the time: a
    /// slot that becomes free at or after it stays free.
    pub fn ends_at(&self) -> Option<Nanos> {
        self.extent.duration.map(Nanos::from)
    }

    fn due(&mut self) -> Option<Due> {
        let index = self.n_made;
        let at_ns = match &mut self.source {
            Source::Slots { .. } => return Some(Due::WhenFree),
            // From the position, not from the gap before, so that no rounding adds up.
            Source::Constant { per_s } => index as f64 * 1e9 / *per_s,
            Source::Random { gaps, stream, mean_ns, next_ns } => {
                let at_ns = *next_ns;
                *next_ns += *mean_ns * gaps.draw(stream);
                at_ns
            }
            Source::Replay { due, speed } => {
                due.get(usize::try_from(index).ok()?)?.0 as f64 / *speed
            }
        };
        Some(Due::At(Nanos(at_ns.round() as u64)))
    }
}

impl Iterator for Schedule {
    type Item = Due;

    fn next(&mut self) -> Option<Due> {
        if self.is_over || self.extent.n_requests.is_some_and(|n| self.n_made >= n) {
            return None;
        }
        let due = self.due().filter(|due| match due {
            Due::At(time) => self.ends_at().is_none_or(|end| *time < end),
            Due::WhenFree => true,
        });
        self.n_made += 1;
        self.is_over = due.is_none();
        due
    }
}

impl FusedIterator for Schedule {}

fn open_loop(per_s: f64, arrivals: Arrivals, seed: u64) -> Result<Source, ScheduleError> {
    let cv = arrivals.cv();
    if !is_positive(per_s) {
        return Err(ScheduleError::Rate { per_s });
    }
    if !(cv >= 0.0 && cv.is_finite()) {
        return Err(ScheduleError::Variation { cv });
    }
    let gaps = match arrivals {
        Arrivals::Constant => None,
        Arrivals::Poisson => Some(Gaps::Exponential),
        Arrivals::Gamma { cv } => Gaps::gamma(cv),
    };
    Ok(match gaps {
        None => Source::Constant { per_s },
        Some(gaps) => {
            let stream = Stream::new(seed, per_s);
            Source::Random { gaps, stream, mean_ns: 1e9 / per_s, next_ns: 0.0 }
        }
    })
}

fn is_positive(number: f64) -> bool {
    number > 0.0 && number.is_finite()
}
