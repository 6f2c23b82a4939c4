//! Whether the client could have made the figures.

use tokmark_model::{ClientCheck, ServingSummary};

/// Lateness that no figure notices, in ms.
const HARMLESS_MS: f64 = 2.0;
/// The same as a share of the time that it would distort.
const HARMLESS_SHARE: f64 = 0.05;
/// A thread this busy has no time left for what comes next.
const BUSY: f64 = 0.9;

/// The verdict on `client` for a point with these figures: the reason why it could have
/// distorted them, if so.
///
/// Where the kernel stamps what arrives, a client that is late by less than a gap between tokens
/// does not move a time of arrival: but of two events that wait in one socket the kernel keeps one
/// stamp. It still sends late. Where nothing stamps, lateness goes into every time.
pub(super) fn distortion(client: &ClientCheck, summary: &ServingSummary) -> Option<String> {
    if summary.n_ok == 0 {
        // There is no time that it could have made.
        return None;
    }
    let median = |distribution: &Option<tokmark_model::Distribution>| {
        distribution.as_ref().and_then(|distribution| distribution.median())
    };
    let harmless = |of: Option<f64>| HARMLESS_MS.max(of.unwrap_or(0.0) * HARMLESS_SHARE);
    let ms = |ns: tokmark_model::Nanos| ns.0 as f64 / 1e6;
    if let Some(cores) = client.cpu_cores {
        let most = BUSY * f64::from(client.n_threads);
        if cores > most {
            let n = client.n_threads;
            return Some(format!("the client used {cores:.2} cores with {n} threads"));
        }
    }
    let added = client.calibration_p99_ns.map(ms);
    if let Some(added) = added.filter(|added| *added > harmless(median(&summary.ttft_ms))) {
        return Some(format!("the client added {added:.1} ms to a known TTFT (p99)"));
    }
    let late = client.wakeup_p99_ns.map(ms)?;
    let limit = if client.kernel_stamps {
        let gap = median(&summary.itl_ms).map_or(f64::INFINITY, |gap| gap.max(HARMLESS_MS));
        harmless(median(&summary.e2e_ms)).min(gap)
    } else {
        harmless(median(&summary.itl_ms))
    };
    (late > limit).then(|| format!("the client woke up {late:.1} ms late (p99)"))
}

#[cfg(test)]
mod tests {
    use tokmark_model::{Distribution, Nanos, Quantile};

    use super::*;

    fn at(median: f64) -> Option<Distribution> {
        let quantile = Quantile {
            q: 0.5,
            value: median,
            interval: None,
            upper_bound: None,
            no_interval: None,
        };
        Some(Distribution { n: 9, quantiles: vec![quantile], ..Distribution::default() })
    }

    fn summary() -> ServingSummary {
        let (ttft_ms, itl_ms, e2e_ms) = (at(50.0), at(10.0), at(700.0));
        ServingSummary { n_ok: 9, ttft_ms, itl_ms, e2e_ms, ..ServingSummary::default() }
    }

    #[test]
    fn a_late_client_distorts_only_what_it_stamps_itself() {
        let late = ClientCheck {
            wakeup_p99_ns: Some(Nanos(4_000_000)),
            kernel_stamps: true,
            n_threads: 1,
            ..ClientCheck::default()
        };
        assert_eq!(distortion(&late, &summary()), None);
        let own = ClientCheck { kernel_stamps: false, ..late.clone() };
        assert!(distortion(&own, &summary()).unwrap().contains("4.0 ms late"));
        // Later than a gap: two events get one stamp.
        let later = ClientCheck { wakeup_p99_ns: Some(Nanos(30_000_000)), ..late };
        assert!(distortion(&later, &summary()).unwrap().contains("30.0 ms late"));
    }

    #[test]
    fn a_busy_client_and_a_failed_calibration_distort() {
        let busy = ClientCheck { cpu_cores: Some(0.95), n_threads: 1, ..ClientCheck::default() };
        assert!(distortion(&busy, &summary()).is_some());
        let off = ClientCheck {
            calibration_p99_ns: Some(Nanos(3_000_000)),
            n_threads: 1,
            ..ClientCheck::default()
        };
        assert!(distortion(&off, &summary()).is_some());
        assert_eq!(distortion(&ClientCheck::default(), &summary()), None);
    }

    #[test]
    fn without_an_answer_there_is_nothing_to_distort() {
        let busy = ClientCheck { cpu_cores: Some(0.95), n_threads: 1, ..ClientCheck::default() };
        assert_eq!(distortion(&busy, &ServingSummary { n_ok: 0, ..summary() }), None);
    }
}
