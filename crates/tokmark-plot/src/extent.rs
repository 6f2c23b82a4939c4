//! What an axis must show, and the axis fitted to the room there is.

use crate::axis::{Axis, Scale, XAxis};
use crate::calendar::{calendar_ticks, date_text};
use crate::ticks::{Tick, linear_ticks, log_ticks};

/// Ranges shorter than this share of their values are widened.
const SHORTEST: f64 = 1e-9;

/// An axis with the range of its data.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Extent {
    axis: XAxis,
    lo: f64,
    hi: f64,
}

/// An axis with its ticks and ends, for one size of drawing.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Fitted {
    /// Title with the unit.
    pub(crate) title: String,
    /// Ticks from the lower end to the upper.
    pub(crate) ticks: Vec<Tick>,
    scale: Scale,
    lo: f64,
    hi: f64,
}

impl Extent {
    /// The range of checked `values` on an axis of numbers.
    pub(crate) fn of(axis: &Axis, values: impl Iterator<Item = f64>) -> Extent {
        Extent::along(&XAxis::Numeric(axis.clone()), values)
    }

    /// The range of checked `values` on any axis.
    pub(crate) fn along(axis: &XAxis, values: impl Iterator<Item = f64>) -> Extent {
        let ends = |(lo, hi): (f64, f64), value: f64| (lo.min(value), hi.max(value));
        let at_least = match axis {
            XAxis::Numeric(Axis { at_least: Some((a, b)), .. }) => vec![*a, *b],
            _ => Vec::new(),
        };
        let (lo, hi) = values.chain(at_least).fold((f64::INFINITY, f64::NEG_INFINITY), ends);
        let data = if lo <= hi { Some((lo, hi)) } else { None };
        let (lo, hi) = match axis {
            XAxis::Ordinal { labels, .. } => (-0.5, labels.len().max(1) as f64 - 0.5),
            XAxis::Utc { .. } => utc_range(data.unwrap_or((0.0, 0.0))),
            XAxis::Numeric(axis) if axis.scale == Scale::Log => {
                log_range(data.unwrap_or((1.0, 10.0)))
            }
            XAxis::Numeric(axis) => linear_range(data.unwrap_or((0.0, 1.0)), axis),
        };
        Extent { axis: axis.clone(), lo, hi }
    }

    /// Where `value` lies between the ends of the data, 0 to 1.
    pub(crate) fn share(&self, value: f64) -> f64 {
        match &self.axis {
            XAxis::Numeric(axis) => share(axis.scale, self.lo, self.hi, value),
            _ => share(Scale::Linear, self.lo, self.hi, value),
        }
    }

    /// The value at a share from 0 to 1 of the range.
    pub(crate) fn value_at(&self, share: f64) -> f64 {
        match &self.axis {
            XAxis::Numeric(Axis { scale: Scale::Log, .. }) => {
                self.lo * (self.hi / self.lo).powf(share)
            }
            _ => self.lo + (self.hi - self.lo) * share,
        }
    }

    /// A place with its unit.
    pub(crate) fn text(&self, value: f64) -> String {
        self.axis.text(value)
    }

    /// The axis that the range is on.
    pub(crate) fn axis(&self) -> &XAxis {
        &self.axis
    }

    /// Ends of the data's range.
    pub(crate) fn ends(&self) -> (f64, f64) {
        (self.lo, self.hi)
    }

    /// The axis with at most about `most` gaps between its ticks.
    pub(crate) fn fit(&self, most: usize) -> Fitted {
        let (lo, hi) = (self.lo, self.hi);
        let (scale, title, ticks) = match &self.axis {
            XAxis::Numeric(axis) => numeric_ticks(axis, lo, hi, most),
            XAxis::Utc { title } => {
                (Scale::Linear, utc_title(title, lo, hi), calendar_ticks(lo, hi, most))
            }
            XAxis::Ordinal { title, labels } => {
                (Scale::Linear, title.clone(), label_ticks(labels, most))
            }
        };
        let first = ticks.first().map_or(lo, |tick| tick.at);
        let last = ticks.last().map_or(hi, |tick| tick.at);
        Fitted { title, ticks, scale, lo: lo.min(first), hi: hi.max(last) }
    }

    /// The axis with as many ticks as `fits` allows, beginning at `most` gaps.
    pub(crate) fn fit_where(&self, most: usize, fits: impl Fn(&Fitted) -> bool) -> Fitted {
        let mut fitted = self.fit(most);
        for fewer in (2..most).rev() {
            if fits(&fitted) {
                break;
            }
            fitted = self.fit(fewer);
        }
        fitted
    }

    /// Whether ticks are names, which may be shortened where numbers may not.
    pub(crate) fn is_ordinal(&self) -> bool {
        matches!(self.axis, XAxis::Ordinal { .. })
    }
}

impl Fitted {
    /// Ends of the axis.
    pub(crate) fn ends(&self) -> (f64, f64) {
        (self.lo, self.hi)
    }

    /// Where `value` lies between the ends of the axis, 0 to 1.
    pub(crate) fn share(&self, value: f64) -> f64 {
        share(self.scale, self.lo, self.hi, value)
    }
}

fn share(scale: Scale, lo: f64, hi: f64, value: f64) -> f64 {
    let share = match scale {
        Scale::Linear => (value - lo) / (hi - lo),
        Scale::Log => (value.ln() - lo.ln()) / (hi.ln() - lo.ln()),
    };
    share.clamp(0.0, 1.0)
}

fn linear_range((lo, hi): (f64, f64), axis: &Axis) -> (f64, f64) {
    let near_zero = lo > 0.0 && lo < hi / 2.0 || hi < 0.0 && hi > lo / 2.0;
    let (lo, hi) = if axis.from_zero || near_zero { (lo.min(0.0), hi.max(0.0)) } else { (lo, hi) };
    let size = lo.abs().max(hi.abs());
    if size < 1e-200 {
        return (lo.min(0.0), hi.max(0.0) + 1.0);
    }
    if hi - lo > SHORTEST * size {
        return (lo, hi);
    }
    let pad = if axis.unit.is_whole() { size * 0.1 + 1.0 } else { size * 0.1 };
    let floor = if lo >= 0.0 { 0.0 } else { f64::NEG_INFINITY };
    ((lo - pad).max(floor), hi + pad)
}

fn log_range((lo, hi): (f64, f64)) -> (f64, f64) {
    if hi / lo > 1.0 + SHORTEST { (lo, hi) } else { (lo / 1.1, hi * 1.1) }
}

fn utc_range((lo, hi): (f64, f64)) -> (f64, f64) {
    if hi - lo >= 2.0 { (lo, hi) } else { (lo - 1.0, hi + 1.0) }
}

fn numeric_ticks(axis: &Axis, lo: f64, hi: f64, most: usize) -> (Scale, String, Vec<Tick>) {
    let shown = axis.unit.shown(lo.abs().max(hi.abs()));
    let title = shown.titled(&axis.title);
    let (lo, hi) = (shown.scale(lo), shown.scale(hi));
    let ticks = match axis.scale {
        Scale::Linear => linear_ticks(lo, hi, most, axis.unit.is_whole()),
        Scale::Log => log_ticks(lo, hi, most),
    };
    let back = |tick: Tick| Tick { at: tick.at * shown.divisor, ..tick };
    (axis.scale, title, ticks.into_iter().map(back).collect())
}

fn utc_title(title: &str, lo: f64, hi: f64) -> String {
    let (first, last) = (date_text(lo.floor() as i64), date_text(hi.ceil() as i64));
    let of_day = if first == last { format!("{first}, UTC") } else { "UTC".to_owned() };
    if title.is_empty() { of_day } else { format!("{title} ({of_day})") }
}

/// Every name, or every second, third and so on where there are more than `most` gaps allow.
fn label_ticks(labels: &[String], most: usize) -> Vec<Tick> {
    let every = labels.len().div_ceil(most + 1).max(1);
    let ticks = labels.iter().enumerate().step_by(every);
    ticks.map(|(n, label)| Tick { at: n as f64, label: label.clone() }).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::unit::Unit;

    fn labels(fitted: &Fitted) -> Vec<&str> {
        fitted.ticks.iter().map(|tick| tick.label.as_str()).collect()
    }

    fn seconds(values: &[f64]) -> Extent {
        Extent::of(&Axis::linear("TTFT", Unit::Seconds), values.iter().copied())
    }

    #[test]
    fn the_title_has_the_unit_of_the_ticks() {
        let fitted = seconds(&[0.052, 0.41]).fit(5);
        assert_eq!(fitted.title, "TTFT (ms)");
        assert_eq!(labels(&fitted), ["0", "100", "200", "300", "400", "500"]);
        assert_eq!(fitted.share(0.25), 0.5);
    }

    #[test]
    fn zero_is_shown_where_it_is_near() {
        assert_eq!(seconds(&[0.4, 0.5]).ends(), (0.4, 0.5));
        assert_eq!(seconds(&[0.2, 0.5]).ends(), (0.0, 0.5));
        let asked = Axis::linear("TTFT", Unit::Seconds).from_zero();
        assert_eq!(Extent::of(&asked, [0.4, 0.5].into_iter()).ends(), (0.0, 0.5));
    }

    #[test]
    fn equal_values_get_a_range_around_them() {
        let (lo, hi) = seconds(&[0.05, 0.05]).ends();
        assert!(lo < 0.05 && hi > 0.05 && lo > 0.0);
        assert_eq!(seconds(&[0.0]).ends(), (0.0, 1.0));
        assert_eq!(seconds(&[]).ends(), (0.0, 1.0));
        let log = Extent::of(&Axis::log("TTFT", Unit::Seconds), [3.0].into_iter());
        assert!(log.ends().0 < 3.0 && log.ends().1 > 3.0);
    }

    #[test]
    fn names_are_thinned_to_the_room() {
        let axis = XAxis::Ordinal {
            title: "Shape".into(),
            labels: ["a", "b", "c", "d", "e"].map(String::from).into(),
        };
        let extent = Extent::along(&axis, std::iter::empty());
        assert_eq!(labels(&extent.fit(4)), ["a", "b", "c", "d", "e"]);
        assert_eq!(labels(&extent.fit(2)), ["a", "c", "e"]);
        assert_eq!(extent.fit(4).share(2.0), 0.5);
    }

    #[test]
    fn instants_of_one_day_have_its_date_in_the_title() {
        let march = 1_740_787_200.0;
        let axis = XAxis::Utc { title: "Start".into() };
        let extent = Extent::along(&axis, [march, march + 7_200.0].into_iter());
        assert_eq!(extent.fit(4).title, "Start (2025-03-01, UTC)");
        let extent = Extent::along(&axis, [march, march + 1e6].into_iter());
        assert_eq!(extent.fit(4).title, "Start (UTC)");
    }

    #[test]
    fn the_widest_log_range_keeps_its_order() {
        let values = [1e-99, 6e81];
        check(&Extent::of(&Axis::log("", Unit::Bare), values.into_iter()), &values, 2);
    }

    fn sizes() -> impl Strategy<Value = f64> {
        prop_oneof![
            -1e3..1e3,
            (-99.0..99.0_f64).prop_map(|power| 10f64.powf(power)),
            (-99.0..99.0_f64).prop_map(|power| -(10f64.powf(power))),
            (0..50_u32).prop_map(|n| 1e12 + f64::from(n)),
            Just(0.0),
        ]
    }

    fn units() -> impl Strategy<Value = Unit> {
        let all = [Unit::Bare, Unit::Seconds, Unit::Bytes, Unit::Share, Unit::counted("a", "b")];
        prop::sample::select(all.to_vec())
    }

    fn check(extent: &Extent, values: &[f64], most: usize) {
        let fitted = extent.fit(most);
        let at: Vec<f64> = fitted.ticks.iter().map(|tick| tick.at).collect();
        assert!(at.is_sorted_by(|a, b| a < b), "{at:?}");
        assert!(at.len() >= 2 && at.len() <= most.max(2) + 1, "{} ticks", at.len());
        let slack = (at[at.len() - 1] - at[0]) * 1e-6;
        for value in values {
            assert!(at[0] <= value + slack && value - slack <= at[at.len() - 1], "{at:?} {value}");
        }
        let mut labels = labels(&fitted);
        labels.sort_unstable();
        labels.dedup();
        assert_eq!(labels.len(), at.len(), "{fitted:?}");
        let shares: Vec<f64> = at.iter().map(|at| fitted.share(*at)).collect();
        assert!(shares.is_sorted_by(|a, b| a < b), "{shares:?}");
    }

    proptest! {
        #![proptest_config(ProptestConfig {
            failure_persistence: None,
            ..ProptestConfig::default()
        })]

        #[test]
        fn linear_ticks_rise_and_cover_any_data(
            values in prop::collection::vec(sizes(), 0..6),
            unit in units(),
            most in 2..12_usize,
            from_zero: bool,
        ) {
            let axis = Axis { from_zero, ..Axis::linear("", unit) };
            check(&Extent::of(&axis, values.iter().copied()), &values, most);
        }

        #[test]
        fn log_ticks_rise_and_cover_any_data(
            values in prop::collection::vec(sizes(), 0..6),
            unit in units(),
            most in 2..12_usize,
        ) {
            let values: Vec<f64> = values.iter().map(|size| size.abs().max(1e-99)).collect();
            check(&Extent::of(&Axis::log("", unit), values.iter().copied()), &values, most);
        }

        #[test]
        fn calendar_ticks_rise_and_cover_any_data(
            start in -6e10..2e11,
            range in prop_oneof![0.0..10.0, 0.0..1e5, 0.0..1e8, 0.0..5e10],
            most in 2..12_usize,
        ) {
            let axis = XAxis::Utc { title: String::new() };
            let values = [start, start + range];
            check(&Extent::along(&axis, values.into_iter()), &values, most);
        }
    }
}
