//! Figures of a load point in words.

use tokmark_model::{Distribution, Nanos, NoInterval, Quantile, ReplicaSummary, SystemRate};

use crate::view::words::{number, time};

/// Marks a quantile of too few requests for an interval; [`super::notes::notes`] explains it.
pub(in crate::view) const TOO_FEW: &str = "*";

/// What stands where there is no figure.
pub(in crate::view) const ABSENT: &str = "-";

/// `52.1 (51.0 to 53.4)`; `61.0 (below 75.2)` where only an upper bound is known; `61.0*` where
/// there are too few requests for either.
pub(in crate::view) fn quantile(found: &Quantile) -> String {
    let value = number(found.value);
    match (&found.interval, found.upper_bound, found.no_interval) {
        (Some(interval), ..) => {
            format!("{value} ({} to {})", number(interval.low), number(interval.high))
        }
        (None, Some(bound), _) => format!("{value} (below {})", number(bound)),
        (None, None, Some(NoInterval::TooFew)) => format!("{value}{TOO_FEW}"),
        (None, None, _) => value,
    }
}

/// The quantile `q` of a distribution with its interval, or a dash.
pub(in crate::view) fn at(of: Option<&Distribution>, q: f64) -> String {
    let found = of.and_then(|distribution| distribution.quantile(q));
    found.map_or_else(|| ABSENT.to_owned(), quantile)
}

/// The bare quantile `q`, or a dash.
pub(in crate::view) fn bare(of: Option<&Distribution>, q: f64) -> String {
    let found = of.and_then(|distribution| distribution.quantile(q));
    found.map_or_else(|| ABSENT.to_owned(), |quantile| number(quantile.value))
}

/// `52.1 ms (p99 61.0 ms)`; `None` without a median.
pub(in crate::view) fn median_and_p99(of: &Distribution) -> Option<String> {
    let median = span(of.median()?);
    Some(match of.quantile(0.99) {
        Some(p99) => format!("{median} (p99 {})", span(p99.value)),
        None => median,
    })
}

/// `412 (405 to 419)`.
pub(in crate::view) fn plain_rate(rate: &SystemRate) -> String {
    let value = number(rate.per_s);
    match (&rate.interval, rate.no_interval) {
        (Some(interval), _) => {
            format!("{value} ({} to {})", number(interval.low), number(interval.high))
        }
        (None, Some(NoInterval::TooFew)) => format!("{value}{TOO_FEW}"),
        (None, _) => value,
    }
}

/// The output rate of one base URL, or a dash.
pub(in crate::view) fn replica_output(replica: &ReplicaSummary) -> String {
    let interval = replica.output_interval;
    let no_interval = interval.is_none().then_some(NoInterval::TooFew);
    let rate = replica.output_rate_tps.map(|per_s| SystemRate { per_s, interval, no_interval });
    rate.map_or_else(|| ABSENT.to_owned(), |rate| plain_rate(&rate))
}

/// A time that is given in ms, with the unit that fits it.
pub(in crate::view) fn span(ms: f64) -> String {
    time(Nanos((ms * 1e6).max(0.0).round() as u64))
}

/// Whether a figure that [`super::rows`] shows is marked by [`TOO_FEW`].
pub(in crate::view) fn is_marked(of: &Distribution, q: f64) -> bool {
    of.quantile(q).is_some_and(|found| quantile(found).ends_with(TOO_FEW))
}

#[cfg(test)]
mod tests {
    use tokmark_model::{Interval, IntervalMethod};

    use super::*;

    #[test]
    fn a_quantile_says_how_well_it_is_known() {
        let bare =
            Quantile { q: 0.5, value: 52.13, interval: None, upper_bound: None, no_interval: None };
        let method = IntervalMethod::OrderStatistic;
        let interval = Interval { low: 51.0, high: 53.44, level: 0.95, method };
        assert_eq!(quantile(&Quantile { interval: Some(interval), ..bare }), "52.1 (51.0 to 53.4)");
        assert_eq!(quantile(&Quantile { upper_bound: Some(60.0), ..bare }), "52.1 (below 60.0)");
        let few = Quantile { no_interval: Some(NoInterval::TooFew), ..bare };
        assert_eq!(quantile(&few), "52.1*");
        assert_eq!(
            quantile(&Quantile { no_interval: Some(NoInterval::NoSamples), ..bare }),
            "52.1"
        );
    }

    #[test]
    fn what_is_absent_is_a_dash() {
        assert_eq!((at(None, 0.5).as_str(), bare(None, 0.5).as_str()), ("-", "-"));
        assert_eq!(at(Some(&Distribution::default()), 0.5), "-");
        assert_eq!(median_and_p99(&Distribution::default()), None);
    }
}
