//! Two sessions that were not interleaved, by their intervals.

use serde::{Deserialize, Serialize};
use tokmark_model::{Interval, Verdict};

use crate::compare::verdict_between;

/// Both ends of a two-sided 95 % interval, however it was made.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Ends {
    /// Lower end, in the unit of the value.
    pub low: f64,
    /// Upper end.
    pub high: f64,
}

impl From<Interval> for Ends {
    fn from(Interval { low, high, level: _, method: _ }: Interval) -> Self {
        Ends { low, high }
    }
}

/// The second session's speed over the first's.
///
/// It speaks for these two sessions. What changed between them, the machine's state first of
/// all, is not told apart from what was meant to be compared.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct SessionRatio {
    /// 1.03 means that the second session was 3 % faster.
    pub ratio: f64,
    /// Its 95 % interval.
    pub interval: Ends,
    /// What this says of the second session.
    pub verdict: Verdict,
    /// The x of *same within x*.
    pub same_within: f64,
}

impl SessionRatio {
    /// By how much the faster session was faster, as a share, and the ends of that. Below 0
    /// where the interval reaches to the other side.
    pub fn lead(&self) -> (f64, Ends) {
        let Ends { low, high } = self.interval;
        if self.ratio >= 1.0 {
            (self.ratio - 1.0, Ends { low: low - 1.0, high: high - 1.0 })
        } else {
            (self.ratio.recip() - 1.0, Ends { low: high.recip() - 1.0, high: low.recip() - 1.0 })
        }
    }
}

/// Compares two independent estimates of positive figures, each with its interval, higher being
/// faster, by the recovery of variances ("MOVER", Zou and Donner 2008; Newcombe 1998) on
/// logarithms: with d = ln(second / first),
///
/// - low = exp(d - sqrt(ln(second / second.low)^2 + ln(first.high / first)^2)),
/// - high = exp(d + sqrt(ln(second.high / second)^2 + ln(first / first.low)^2)).
///
/// It takes the intervals as they stand in the records, widened for dependence within each
/// session. `None` where a value or an end is not above 0, or an interval lacks its value.
pub fn compare_sessions(
    first: (f64, Ends),
    second: (f64, Ends),
    same_within: f64,
) -> Option<SessionRatio> {
    let (first_low, first_high) = reach(first)?;
    let (second_low, second_high) = reach(second)?;
    let d = (second.0 / first.0).ln();
    let ends = recovered(d, (second_low, second_high), (first_low, first_high));
    let (low, high) = (ends.low.exp(), ends.high.exp());
    let verdict = verdict_between(low, high, same_within);
    Some(SessionRatio { ratio: d.exp(), interval: Ends { low, high }, verdict, same_within })
}

/// `of - less` of two estimates, each with its interval, and the interval of that: the same
/// recovery of variances, on the values as they are. It takes both as independent; where they
/// rise and fall together it is too wide.
pub fn difference(of: (f64, Ends), less: (f64, Ends)) -> (f64, Ends) {
    let reach = |(value, Ends { low, high }): (f64, Ends)| (value - low, high - value);
    let d = of.0 - less.0;
    (d, recovered(d, reach(of), reach(less)))
}

/// The ends of a difference `d`, from how far the ends of both lie below and above them.
fn recovered(d: f64, of: (f64, f64), less: (f64, f64)) -> Ends {
    Ends { low: d - of.0.hypot(less.1), high: d + of.1.hypot(less.0) }
}

/// How far the ends lie from the value, in logarithms.
fn reach((value, Ends { low, high }): (f64, Ends)) -> Option<(f64, f64)> {
    let is_sound = 0.0 < low && low <= value && value <= high && high.is_finite();
    is_sound.then(|| ((value / low).ln(), (high / value).ln()))
}
