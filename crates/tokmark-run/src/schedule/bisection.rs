//! The highest rate that still meets the service levels.

use super::{ScheduleError, is_positive};

/// Smallest tolerance: a search ends after some forty points even there.
const LEAST_TOLERANCE: f64 = 1e-6;

/// Where and how finely to search. Rates in requests per second.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RateSearch {
    /// The first rate tried.
    pub first_per_s: f64,
    /// Below this nothing is tried: where it fails, no rate meets the service levels.
    pub least_per_s: f64,
    /// Above this nothing is tried.
    pub most_per_s: f64,
    /// Factor from one rate to the next until met and failed rates are known.
    pub growth: f64,
    /// The search ends when the lowest failed rate is at most 1 + this times the highest met.
    pub tolerance: f64,
}

/// What a search has found so far.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BisectionResult {
    /// Highest rate that met the service levels; `None` where none did.
    pub highest_met_per_s: Option<f64>,
    /// Lowest rate that failed them; `None` where none did, up to the highest allowed.
    pub lowest_failed_per_s: Option<f64>,
    /// Share by which the two may differ, as asked.
    pub tolerance: f64,
    /// Rates tried.
    pub n_points: u32,
}

/// A search for the highest rate that meets the service levels: rates grow by a factor until
/// the first failure (or shrink until the first success), then the interval between the
/// highest met and the lowest failed rate is halved, on the logarithmic scale, until it is as
/// narrow as asked. It believes each report: a rate judged wrongly by chance is not tried again.
///
/// ```
/// use tokmark_run::{Bisection, RateSearch};
///
/// let limits = RateSearch {
///     first_per_s: 1.0, least_per_s: 0.1, most_per_s: 1_000.0, growth: 2.0, tolerance: 0.05,
/// };
/// let mut search = Bisection::new(limits)?;
/// while let Some(rate) = search.next_rate() {
///     search.report(rate <= 13.0);
/// }
/// let found = search.result();
/// assert!(found.highest_met_per_s.unwrap() <= 13.0);
/// assert!(found.lowest_failed_per_s.unwrap() <= 13.0 * 1.05);
/// # Ok::<(), tokmark_run::ScheduleError>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Bisection {
    limits: RateSearch,
    met: Option<f64>,
    failed: Option<f64>,
    n_points: u32,
}

impl Bisection {
    /// A search that has tried nothing yet.
    ///
    /// # Errors
    /// When the limits contradict each other.
    pub fn new(limits: RateSearch) -> Result<Self, ScheduleError> {
        let RateSearch { first_per_s, least_per_s, most_per_s, growth, tolerance } = limits;
        for per_s in [first_per_s, least_per_s, most_per_s] {
            if !is_positive(per_s) {
                return Err(ScheduleError::Rate { per_s });
            }
        }
        let wrong = |what| Err(ScheduleError::Search { what });
        if !(least_per_s <= first_per_s && first_per_s <= most_per_s) {
            return wrong(
                "the first rate of a search lies outside its limits; put it between them",
            );
        }
        if !(growth > 1.0 && growth.is_finite()) {
            return wrong("a search must grow by a factor above 1; 2 is usual");
        }
        if !(tolerance >= LEAST_TOLERANCE && tolerance.is_finite()) {
            return wrong("the tolerance of a search is below 0.000001; 0.05 is usual");
        }
        Ok(Bisection { limits, met: None, failed: None, n_points: 0 })
    }

    /// The rate to try now; `None` once the search is over. Asking changes nothing.
    pub fn next_rate(&self) -> Option<f64> {
        let RateSearch { first_per_s, least_per_s, most_per_s, growth, tolerance } = self.limits;
        match (self.met, self.failed) {
            (None, None) => Some(first_per_s),
            (Some(met), None) => {
                (met < most_per_s).then(|| self.short(met * growth).min(most_per_s))
            }
            (None, Some(failed)) => {
                (failed > least_per_s).then(|| self.short(failed / growth).max(least_per_s))
            }
            (Some(met), Some(failed)) => {
                (failed > met * (1.0 + tolerance)).then(|| self.short(met * (failed / met).sqrt()))
            }
        }
    }

    /// With as many digits as the tolerance needs and two more: a rate is a name, too.
    fn short(&self, rate: f64) -> f64 {
        let digits = 2.0 - self.limits.tolerance.min(1.0).log10().floor();
        let scale = 10f64.powf(digits - 1.0 - rate.log10().floor());
        (rate * scale).round() / scale
    }

    /// Says whether the rate of [`Bisection::next_rate`] met the service levels. Once the
    /// search is over a report changes nothing.
    pub fn report(&mut self, met: bool) {
        let Some(rate) = self.next_rate() else {
            return;
        };
        self.n_points += 1;
        if met {
            self.met = Some(rate);
        } else {
            self.failed = Some(rate);
        }
    }

    /// What is known so far.
    pub fn result(&self) -> BisectionResult {
        BisectionResult {
            highest_met_per_s: self.met,
            lowest_failed_per_s: self.failed,
            tolerance: self.limits.tolerance,
            n_points: self.n_points,
        }
    }
}
