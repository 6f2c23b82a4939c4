//! The median of one session's repetitions and the interval that speaks for it.

use tokmark_model::{Correlation, Drift, Interval, IntervalMethod};

use crate::dependence::{MAX_LAG1, autocorrelation_lag1, correlation};
use crate::order::{ascending, median, midranks, order_statistic_ranks};
use crate::trend::{drift, may_drift};

/// Nominal confidence of every interval.
pub const LEVEL: f64 = 0.95;
/// Lag-1 correlation presumed of a session that may stop by its own narrowness.
pub const PRESUMED_LAG1: f64 = 0.8;
/// Repetitions that the presumption is worth beside those that were made.
pub const PRESUMED_WEIGHT: f64 = 20.0;
/// Most blocks whose medians are taken when a session is correlated or drifts.
const MAX_BLOCKS: usize = 12;
/// Fewest blocks: below six no 95 % interval exists.
const MIN_BLOCKS: usize = 6;

/// What one session says about its median.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct SessionMedian {
    /// Sample median, in the unit of the values.
    pub median: f64,
    /// Its interval; `None` below six values.
    pub interval: Option<Interval>,
    /// Factor by which dependence widens an interval, 1 where none is significant.
    pub stretch: f64,
    /// Dependence, from eight values on.
    pub correlation: Option<Correlation>,
    /// Trend, from eight values on.
    pub drift: Option<Drift>,
}

impl SessionMedian {
    /// max(high - median, median - low) / median.
    pub fn half_width(&self) -> Option<f64> {
        let interval = self.interval?;
        Some((interval.high - self.median).max(self.median - interval.low) / self.median)
    }
}

/// What decided how many repetitions there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Size {
    /// A number given before: the plain interval holds unless dependence shows.
    Fixed,
    /// The interval's own width. A session in which few repetitions happen to agree is just
    /// the one whose correlation cannot be seen, so correlation is presumed until enough
    /// repetitions speak against it; this pays for the repeated looks as well.
    ByWidth,
}

/// What the values are, hence on which scale they are stretched and what a trend is a share of.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Scale {
    /// Positive times: stretched in the logarithm, a trend is a share of the median.
    Times,
    /// Logarithms of ratios: stretched as they are, a trend is a difference.
    Logarithms,
}

/// Median and interval of `times`, positive and in the order measured. `None` when empty.
pub(crate) fn session_median(times: &[f64], size: Size) -> Option<SessionMedian> {
    let mut session = session(times, LEVEL, presumed_stretch(times, size), Scale::Times)?;
    session.drift = session.drift.or_else(|| drift(times, session.median));
    Some(session)
}

/// Median and interval of positive `times`, in any unit and in the order measured, held as wide
/// as that of a session which may stop by it. `None` when empty.
pub fn median_with_interval(times: &[f64]) -> Option<(f64, Option<Interval>)> {
    session_median(times, Size::ByWidth).map(|session| (session.median, session.interval))
}

/// The half width that [`session_median`] gives for a session that may stop by it, without the
/// figures that a look does not need.
pub(crate) fn half_width_at_look(times: &[f64]) -> Option<f64> {
    session(times, LEVEL, presumed_stretch(times, Size::ByWidth), Scale::Times)?.half_width()
}

/// The same for logarithms of ratios at the level `rank_level` of one look. Where even the
/// extremes do not reach it there is no interval.
pub(crate) fn session_of_logs(logs: &[f64], rank_level: f64) -> Option<SessionMedian> {
    let mut session = session(logs, rank_level, 1.0, Scale::Logarithms)?;
    session.drift = session.drift.or_else(|| drift(logs, 1.0));
    Some(session)
}

/// The same without the drift that only the figures show.
pub(crate) fn session_of_logs_at_look(logs: &[f64], rank_level: f64) -> Option<SessionMedian> {
    session(logs, rank_level, 1.0, Scale::Logarithms)
}

/// Median and interval; a drift only where it may be significant.
fn session(
    values: &[f64],
    rank_level: f64,
    presumed_stretch: f64,
    scale: Scale,
) -> Option<SessionMedian> {
    let centre = median(values)?;
    let correlation = correlation(values);
    let unit = match scale {
        Scale::Times => centre,
        Scale::Logarithms => 1.0,
    };
    let drift = if may_drift(values) { drift(values, unit) } else { None };
    let dependent = correlation.is_some_and(|found| found.significant)
        || drift.is_some_and(|found| found.significant);
    let seen_stretch = match correlation {
        Some(found) if dependent => (values.len() as f64 / found.effective_n).sqrt(),
        _ => 1.0,
    };
    let stretch = presumed_stretch.max(seen_stretch);
    let interval = order_statistic_ranks(values.len(), rank_level).map(|ranks| {
        let plain = stretched(plain_interval(values, ranks), centre, stretch, scale);
        match block_interval(values, centre).filter(|_| dependent) {
            // The hull of both, named after the wider.
            Some(blocks) => {
                let blocks_are_wider = blocks.high - blocks.low > plain.high - plain.low;
                Interval {
                    low: plain.low.min(blocks.low),
                    high: plain.high.max(blocks.high),
                    method: if blocks_are_wider { blocks.method } else { plain.method },
                    ..plain
                }
            }
            None => plain,
        }
    });
    Some(SessionMedian { median: centre, interval, stretch, correlation, drift })
}

/// Lag-1 correlation with [`PRESUMED_LAG1`] counted as [`PRESUMED_WEIGHT`] further
/// repetitions: (n r + 1 + w p) / (n - 4 + w), r of the ranks. With w = 0 it is the estimate of
/// [`crate::correlation`]. Not negative.
fn presumed_lag1(values: &[f64]) -> f64 {
    let n = values.len() as f64;
    // Equal values say nothing: the expectation of r for independent ones.
    let raw = autocorrelation_lag1(&midranks(values)).unwrap_or(-1.0 / n);
    let presumed = PRESUMED_WEIGHT * PRESUMED_LAG1;
    ((n * raw + 1.0 + presumed) / (n - 4.0 + PRESUMED_WEIGHT)).clamp(0.0, MAX_LAG1)
}

/// Root of n over the effective n at the presumed correlation.
fn presumed_stretch(values: &[f64], size: Size) -> f64 {
    match size {
        Size::Fixed => 1.0,
        Size::ByWidth => {
            let lag1 = presumed_lag1(values);
            ((1.0 + lag1) / (1.0 - lag1)).sqrt()
        }
    }
}

/// The order statistics of the given ranks, counted from 1.
fn plain_interval(values: &[f64], (low, high): (usize, usize)) -> Interval {
    let sorted = ascending(values);
    Interval {
        low: sorted[low - 1],
        high: sorted[high - 1],
        level: LEVEL,
        method: IntervalMethod::OrderStatistic,
    }
}

/// The plain interval with its distances from the median times `factor`; for times on the
/// logarithmic scale, so that they stay positive.
fn stretched(plain: Interval, centre: f64, factor: f64, scale: Scale) -> Interval {
    if factor <= 1.0 {
        return plain;
    }
    let end = |end: f64| match scale {
        Scale::Times => centre * (end / centre).powf(factor),
        Scale::Logarithms => centre + (end - centre) * factor,
    };
    let method = IntervalMethod::EffectiveSize;
    Interval { low: end(plain.low), high: end(plain.high), level: LEVEL, method }
}

/// Order-statistic interval of the medians of 6 to 12 consecutive blocks of at least three
/// values each, stretched to hold the overall median. `None` below 18 values.
fn block_interval(values: &[f64], centre: f64) -> Option<Interval> {
    if values.len() < 3 * MIN_BLOCKS {
        return None;
    }
    let n_blocks = ((values.len() as f64).sqrt() as usize).clamp(MIN_BLOCKS, MAX_BLOCKS);
    let bound = |block: usize| block * values.len() / n_blocks;
    let medians: Vec<f64> =
        (0..n_blocks).filter_map(|b| median(&values[bound(b)..bound(b + 1)])).collect();
    let plain = plain_interval(&medians, order_statistic_ranks(n_blocks, LEVEL)?);
    Some(Interval {
        low: plain.low.min(centre),
        high: plain.high.max(centre),
        level: LEVEL,
        method: IntervalMethod::Blocks,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Fourteen values without order in time, 94 to 107.
    const SHUFFLED: [f64; 14] = [
        101.0, 96.0, 105.0, 99.0, 94.0, 103.0, 98.0, 107.0, 95.0, 102.0, 100.0, 106.0, 97.0, 104.0,
    ];

    #[test]
    fn a_fixed_session_gets_the_exact_interval() {
        let found = session_median(&SHUFFLED, Size::Fixed).unwrap();
        let interval = found.interval.unwrap();
        assert_eq!((found.median, interval.low, interval.high), (100.5, 96.0, 105.0));
        assert_eq!(interval.method, IntervalMethod::OrderStatistic);
    }

    #[test]
    fn a_session_that_stops_by_width_is_presumed_correlated() {
        let fixed = session_median(&SHUFFLED, Size::Fixed).unwrap();
        let stopped = session_median(&SHUFFLED, Size::ByWidth).unwrap();
        assert_eq!(stopped.interval.unwrap().method, IntervalMethod::EffectiveSize);
        let (plain, stretched) = (fixed.half_width().unwrap(), stopped.half_width().unwrap());
        assert!(stretched > 1.3 * plain && stretched < 3.0 * plain, "{plain} {stretched}");
    }

    #[test]
    fn a_wave_widens_the_interval_of_a_fixed_session() {
        let wave: Vec<f64> = (0..60).map(|i| 100.0 + (f64::from(i) / 6.0).sin()).collect();
        let mut mixed = wave.clone();
        mixed.sort_by_key(|value| value.to_bits().wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let (wave, mixed) =
            (session_median(&wave, Size::Fixed), session_median(&mixed, Size::Fixed));
        let (wave, mixed) = (wave.unwrap(), mixed.unwrap());
        assert_ne!(wave.interval.unwrap().method, IntervalMethod::OrderStatistic);
        assert!(wave.half_width() > mixed.half_width());
        assert_eq!(mixed.interval.unwrap().method, IntervalMethod::OrderStatistic);
    }

    #[test]
    fn equal_times_have_an_interval_of_no_width() {
        let found = session_median(&[7.0; 10], Size::ByWidth).unwrap();
        assert_eq!(found.half_width(), Some(0.0));
    }
}
