//! Times of single tokens within generation tests.

use tokmark_model::{Nanos, Repetition, TokenTimes};

use crate::order::{ascending, median, quantile};
use crate::trend::{MIN_FOR_DEPENDENCE, block_medians, theil_sen};

/// A token that took over this many times the median is a stall.
pub const STALL_FACTOR: f64 = 5.0;

/// Figures of all decode steps of all repetitions together. `None` if there is no step.
///
/// The drift is the Theil-Sen slope of the median time at each position of the generation
/// (over the repetitions that reached it), in % of the overall median per 1,000 tokens; above
/// 128 positions, of the medians of equal blocks of positions; absent below eight positions.
pub fn token_times(samples: &[Repetition]) -> Option<TokenTimes> {
    let all: Vec<f64> =
        samples.iter().flat_map(|sample| &sample.token_ns).map(|time| time.0 as f64).collect();
    let sorted = ascending(&all);
    let at = |p| quantile(&sorted, p).map(|time| Nanos(time.round() as u64));
    let middle = quantile(&sorted, 0.5)?;
    Some(TokenTimes {
        n: sorted.len() as u64,
        p50_ns: at(0.5)?,
        p90_ns: at(0.9)?,
        p99_ns: at(0.99)?,
        max_ns: at(1.0)?,
        n_stalls: sorted.iter().filter(|time| **time > STALL_FACTOR * middle).count() as u64,
        drift_percent_per_1000: slope_per_token(samples)
            .filter(|_| middle > 0.0)
            .map(|slope| slope / middle * 1000.0 * 100.0),
    })
}

/// Nanoseconds that a token takes longer than the one before it.
fn slope_per_token(samples: &[Repetition]) -> Option<f64> {
    let n_positions = samples.iter().map(|sample| sample.token_ns.len()).max()?;
    if n_positions < MIN_FOR_DEPENDENCE {
        return None;
    }
    let typical: Vec<f64> = (0..n_positions)
        .filter_map(|position| {
            let times = samples.iter().filter_map(|sample| sample.token_ns.get(position));
            median(&times.map(|time| time.0 as f64).collect::<Vec<_>>())
        })
        .collect();
    let (positions, levels) = block_medians(&typical);
    theil_sen(&positions, &levels)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn generation(times: impl IntoIterator<Item = u64>) -> Repetition {
        Repetition { token_ns: times.into_iter().map(Nanos).collect(), ..Repetition::default() }
    }

    #[test]
    fn prompt_tests_have_no_token_times() {
        assert_eq!(token_times(&[Repetition::default()]), None);
    }

    #[test]
    fn a_stall_is_counted_and_does_not_move_the_drift() {
        let steady = generation((0..100).map(|i| if i == 40 { 60_000 } else { 10_000 + i }));
        let found = token_times(&[steady.clone(), steady]).unwrap();
        assert_eq!((found.n, found.n_stalls, found.max_ns), (200, 2, Nanos(60_000)));
        // One nanosecond a token at a median of about 10,050: 9.95 % per 1,000 tokens.
        assert!((found.drift_percent_per_1000.unwrap() - 9.95).abs() < 0.01);
    }

    #[test]
    fn exactly_five_times_the_median_is_no_stall() {
        let found = token_times(&[generation([10, 10, 10, 10, 50])]).unwrap();
        assert_eq!(found.n_stalls, 0);
        assert_eq!(found.drift_percent_per_1000, None);
    }
}
