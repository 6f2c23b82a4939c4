//! Axes as the caller describes them.

use crate::calendar::{FIRST_SECOND, LAST_SECOND, utc_text};
use crate::error::PlotError;
use crate::number::number;
use crate::text::clean;
use crate::unit::{Unit, quantity};

/// Greatest size of a value on any axis.
const LARGEST: f64 = 1e100;
/// Least value on a logarithmic axis.
const SMALLEST_LOG: f64 = 1e-100;

/// How values are spread over an axis.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Scale {
    /// Equal differences, equal lengths.
    #[default]
    Linear,
    /// Equal ratios, equal lengths; values are positive.
    Log,
}

/// An axis of numbers.
#[derive(Debug, Clone, PartialEq)]
pub struct Axis {
    /// What is shown, without its unit: `TTFT`.
    pub title: String,
    /// Unit of the values given.
    pub unit: Unit,
    /// Linear or logarithmic.
    pub scale: Scale,
    /// A linear axis begins at zero. Where this is false it still does, if the least value is
    /// below half of the greatest.
    pub from_zero: bool,
    /// The axis shows at least this range, so that several plots can share one.
    pub at_least: Option<(f64, f64)>,
}

impl Axis {
    /// A linear axis.
    pub fn linear(title: impl Into<String>, unit: Unit) -> Axis {
        let title = title.into();
        Axis { title, unit, scale: Scale::Linear, from_zero: false, at_least: None }
    }

    /// A logarithmic axis.
    pub fn log(title: impl Into<String>, unit: Unit) -> Axis {
        Axis { scale: Scale::Log, ..Axis::linear(title, unit) }
    }

    /// The same, beginning at zero.
    pub fn from_zero(self) -> Axis {
        Axis { from_zero: true, ..self }
    }

    /// The same, showing at least `lower` to `upper`.
    pub fn at_least(self, lower: f64, upper: f64) -> Axis {
        Axis { at_least: Some((lower, upper)), ..self }
    }

    pub(crate) fn cleaned(&self) -> Result<Axis, PlotError> {
        let axis = Axis { title: clean(&self.title), unit: cleaned_unit(&self.unit), ..*self };
        if let Some((lower, upper)) = axis.at_least {
            axis.check("the range of the axis", lower)?;
            axis.check("the range of the axis", upper)?;
        }
        Ok(axis)
    }

    /// Whether `value` can be shown here.
    pub(crate) fn check(&self, what: &str, value: f64) -> Result<(), PlotError> {
        let lower = if self.scale == Scale::Log { SMALLEST_LOG } else { -LARGEST };
        in_range(what, value, lower, LARGEST)
    }
}

/// The horizontal axis of lines and time series.
#[derive(Debug, Clone, PartialEq)]
pub enum XAxis {
    /// Numbers.
    Numeric(Axis),
    /// Names at equal distances; `x` is the index of one, from 0.
    Ordinal {
        /// What the names are of.
        title: String,
        /// The names, from left to right.
        labels: Vec<String>,
    },
    /// Instants; `x` is in seconds since 1970-01-01 00:00 UTC, years 1 to 9999.
    Utc {
        /// What the instants are of.
        title: String,
    },
}

impl XAxis {
    pub(crate) fn cleaned(&self) -> Result<XAxis, PlotError> {
        Ok(match self {
            XAxis::Numeric(axis) => XAxis::Numeric(axis.cleaned()?),
            XAxis::Ordinal { title, labels } => XAxis::Ordinal {
                title: clean(title),
                labels: labels.iter().map(|label| clean(label)).collect(),
            },
            XAxis::Utc { title } => XAxis::Utc { title: clean(title) },
        })
    }

    pub(crate) fn check(&self, what: &str, x: f64) -> Result<(), PlotError> {
        match self {
            XAxis::Numeric(axis) => axis.check(what, x),
            XAxis::Utc { .. } => in_range(what, x, FIRST_SECOND, LAST_SECOND),
            XAxis::Ordinal { labels, .. } => {
                let is_index = x >= 0.0 && x < labels.len() as f64 && x.fract() == 0.0;
                let what = what.to_owned();
                is_index.then_some(()).ok_or(PlotError::NoSuchLabel {
                    what,
                    position: x,
                    n_labels: labels.len(),
                })
            }
        }
    }

    /// A position with its unit, for sentences.
    pub(crate) fn text(&self, x: f64) -> String {
        match self {
            XAxis::Numeric(axis) => quantity(x, &axis.unit),
            XAxis::Ordinal { labels, .. } => {
                labels.get(x.max(0.0) as usize).cloned().unwrap_or_default()
            }
            XAxis::Utc { .. } => utc_text(x),
        }
    }

    /// A position whose unit was just said: `16` after `1 request`.
    pub(crate) fn short_text(&self, x: f64) -> String {
        match self {
            XAxis::Numeric(Axis { unit: Unit::Counted { .. }, .. }) => number(x),
            _ => self.text(x),
        }
    }
}

/// A value, or the reason why there is none.
#[derive(Debug, Clone, PartialEq)]
pub enum Reading {
    /// A finished number.
    Value {
        /// The number, in the axis's unit.
        value: f64,
        /// Lower and upper end of its interval.
        interval: Option<(f64, f64)>,
    },
    /// Two ends between which somebody saw values, and none of these.
    Range {
        /// Lower end, in the axis's unit.
        lower: f64,
        /// Upper end.
        upper: f64,
    },
    /// None.
    Missing {
        /// Why: `all requests failed`.
        reason: String,
    },
}

impl Reading {
    /// A value without an interval.
    pub fn value(value: f64) -> Reading {
        Reading::Value { value, interval: None }
    }

    /// A value with its interval.
    pub fn within(value: f64, lower: f64, upper: f64) -> Reading {
        Reading::Value { value, interval: Some((lower, upper)) }
    }

    /// Two ends without a value.
    pub fn range(lower: f64, upper: f64) -> Reading {
        Reading::Range { lower, upper }
    }

    /// No value.
    pub fn missing(reason: impl Into<String>) -> Reading {
        Reading::Missing { reason: reason.into() }
    }

    /// The value, where there is one.
    pub(crate) fn known(&self) -> Option<f64> {
        match self {
            Reading::Value { value, .. } => Some(*value),
            Reading::Range { .. } | Reading::Missing { .. } => None,
        }
    }

    /// The interval or range, where there is one.
    pub(crate) fn interval(&self) -> Option<(f64, f64)> {
        match self {
            Reading::Value { interval, .. } => *interval,
            Reading::Range { lower, upper } => Some((*lower, *upper)),
            Reading::Missing { .. } => None,
        }
    }

    /// The value and both ends of the interval.
    pub(crate) fn numbers(&self) -> impl Iterator<Item = f64> + use<> {
        let ends = self.interval().map(|(lower, upper)| [lower, upper]);
        self.known().into_iter().chain(ends.into_iter().flatten())
    }

    pub(crate) fn cleaned(&self, what: &str, axis: &Axis) -> Result<Reading, PlotError> {
        for number in self.numbers() {
            axis.check(what, number)?;
        }
        match self {
            Reading::Missing { reason } => Ok(Reading::Missing { reason: clean(reason) }),
            Reading::Value { value, interval: Some((lower, upper)) }
                if !(lower <= value && value <= upper) =>
            {
                let (value, lower, upper) = (*value, *lower, *upper);
                Err(PlotError::BadInterval { what: what.to_owned(), value, lower, upper })
            }
            Reading::Range { lower, upper } if lower > upper => {
                let (value, lower, upper) = (*lower, *lower, *upper);
                Err(PlotError::BadInterval { what: what.to_owned(), value, lower, upper })
            }
            value => Ok(value.clone()),
        }
    }
}

fn in_range(what: &str, value: f64, lower: f64, upper: f64) -> Result<(), PlotError> {
    let what = what.to_owned();
    if !value.is_finite() {
        return Err(PlotError::NotFinite { what, value });
    }
    if value < lower || value > upper {
        return Err(PlotError::OutOfRange { what, value, lower, upper });
    }
    Ok(())
}

fn cleaned_unit(unit: &Unit) -> Unit {
    match unit {
        Unit::Counted { one, many } => Unit::counted(clean(one), clean(many)),
        Unit::Symbol(symbol) => Unit::Symbol(clean(symbol)),
        unit => unit.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_that_no_axis_can_show_are_refused() {
        let linear = Axis::linear("TTFT", Unit::Seconds);
        let error = linear.check("p50 at 4", f64::NAN).unwrap_err();
        assert_eq!(
            error.to_string(),
            "p50 at 4 is NaN, which is no finite number; leave it out or give it as missing"
        );
        assert!(matches!(linear.check("a", 1e101), Err(PlotError::OutOfRange { .. })));
        assert!(linear.check("a", -1e100).is_ok());
        let log = Axis::log("TTFT", Unit::Seconds);
        assert!(matches!(log.check("a", 0.0), Err(PlotError::OutOfRange { .. })));
        assert!(log.check("a", 1e-100).is_ok());
        assert!(linear.at_least(0.0, f64::INFINITY).cleaned().is_err());
    }

    #[test]
    fn a_position_among_names_is_the_index_of_one() {
        let axis = XAxis::Ordinal { title: "Shape".into(), labels: vec!["chat".into()] };
        assert!(axis.check("a", 0.0).is_ok());
        for position in [1.0, -1.0, 0.5, f64::NAN] {
            assert!(matches!(axis.check("a", position), Err(PlotError::NoSuchLabel { .. })));
        }
    }

    #[test]
    fn an_interval_holds_its_value() {
        let axis = Axis::linear("Rate", Unit::Bare);
        let bad = Reading::within(3.0, 1.0, 2.0).cleaned("a", &axis).unwrap_err();
        assert_eq!(bad.to_string(), "a is 3 with the interval 1 to 2, which does not hold it");
        assert!(Reading::within(1.0, f64::NAN, 2.0).cleaned("a", &axis).is_err());
        assert!(Reading::within(1.0, 1.0, 1.0).cleaned("a", &axis).is_ok());
    }
}
