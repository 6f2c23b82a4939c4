//! The fixed probe as a control variate: how fast would the repetitions have been, had the
//! machine stayed as it was at the start?

use tokmark_model::{Nanos, Repetition};

use crate::order::median;
use crate::stopping::positive;
use crate::trend::{MIN_FOR_DEPENDENCE, theil_sen};

/// `samples[i].duration_ns` as it would have been with the probe at its baseline:
/// t x (baseline / probe)^b, with the probe last run at or before the repetition and b the
/// Theil-Sen slope of ln t over ln probe, clamped to 0..=1.
///
/// A control variate with a robust coefficient (Lavenberg and Welch 1981). `None` without a
/// baseline, or with fewer than eight repetitions that had a probe. Repetitions before the
/// first probe are taken at the baseline.
pub(crate) fn adjusted_times(samples: &[Repetition], baseline: &[Nanos]) -> Option<Vec<f64>> {
    let baseline = probe_level(baseline)?;
    let mut latest = None;
    let probes: Vec<Option<f64>> = samples
        .iter()
        .map(|sample| {
            latest = sample.probe_ns.map(positive).or(latest);
            latest.map(|probe| (probe / baseline).ln())
        })
        .collect();
    if samples.iter().filter(|sample| sample.probe_ns.is_some()).count() < MIN_FOR_DEPENDENCE {
        return None;
    }
    let (moved, slowed): (Vec<f64>, Vec<f64>) = samples
        .iter()
        .filter_map(|sample| Some((sample.probe_ns?, positive(sample.duration_ns))))
        .map(|(probe, time)| ((positive(probe) / baseline).ln(), time.ln()))
        .unzip();
    let share = theil_sen(&moved, &slowed).unwrap_or(0.0).clamp(0.0, 1.0);
    let adjust = |(sample, probe): (&Repetition, &Option<f64>)| {
        positive(sample.duration_ns) * (-share * probe.unwrap_or(0.0)).exp()
    };
    Some(samples.iter().zip(&probes).map(adjust).collect())
}

/// Median of some probe times in nanoseconds; `None` without any.
pub(crate) fn probe_level(probes: &[Nanos]) -> Option<f64> {
    median(&probes.iter().copied().map(positive).collect::<Vec<_>>())
}

/// Median probe of the test / median probe of the baseline: 1.14 when the probe ran 14 %
/// slower than at the start. `None` without either.
pub fn probe_ratio(samples: &[Repetition], baseline: &[Nanos]) -> Option<f64> {
    let during: Vec<Nanos> = samples.iter().filter_map(|sample| sample.probe_ns).collect();
    Some(probe_level(&during)? / probe_level(baseline)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(duration: u64, probe: Option<u64>) -> Repetition {
        Repetition {
            duration_ns: Nanos(duration),
            probe_ns: probe.map(Nanos),
            ..Repetition::default()
        }
    }

    #[test]
    fn a_slow_phase_that_the_probe_shares_is_taken_out() {
        let samples: Vec<Repetition> =
            (0..16).map(|i| sample(1_000_000 + i * 20_000, Some(10_000 + i * 200))).collect();
        let adjusted = adjusted_times(&samples, &[Nanos(10_000); 5]).unwrap();
        for time in adjusted {
            assert!((time / 1e6 - 1.0).abs() < 1e-6, "{time}");
        }
    }

    #[test]
    fn a_constant_probe_changes_nothing() {
        let samples: Vec<Repetition> = (0..10).map(|i| sample(100 + i, Some(50))).collect();
        let adjusted = adjusted_times(&samples, &[Nanos(50)]).unwrap();
        assert_eq!(adjusted[3], 103.0);
        assert_eq!(probe_ratio(&samples, &[Nanos(50)]), Some(1.0));
    }

    #[test]
    fn without_baseline_or_probes_there_is_no_adjusted_rate() {
        let probed: Vec<Repetition> = (0..10).map(|i| sample(100 + i, Some(50))).collect();
        assert_eq!(adjusted_times(&probed, &[]), None);
        let bare: Vec<Repetition> = (0..10).map(|i| sample(100 + i, None)).collect();
        assert_eq!(adjusted_times(&bare, &[Nanos(50)]), None);
    }
}
