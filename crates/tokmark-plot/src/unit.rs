//! Units: how a quantity is written for people, and in which multiple an axis shows it.

use crate::number::{fixed, number, without_zeros};

/// What the numbers of an axis count.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unit {
    /// A bare number.
    Bare,
    /// Seconds, shown as ns, µs, ms, s, min or h.
    Seconds,
    /// Bytes, shown as B, kB, MB, GB, TB or PB (powers of 1,000).
    Bytes,
    /// A share from 0 to 1, shown in %.
    Share,
    /// Things that are counted; the axis has whole numbers.
    Counted {
        /// Name of one: `request`.
        one: String,
        /// Name of several: `requests`.
        many: String,
    },
    /// Any other unit by its symbol: `tok/s`.
    Symbol(String),
}

impl Unit {
    /// Counted things: `Unit::counted("request", "requests")`.
    pub fn counted(one: impl Into<String>, many: impl Into<String>) -> Unit {
        Unit::Counted { one: one.into(), many: many.into() }
    }

    /// A unit by its symbol: `Unit::symbol("tok/s")`.
    pub fn symbol(symbol: impl Into<String>) -> Unit {
        Unit::Symbol(symbol.into())
    }

    /// The multiple of this unit in which numbers up to `size` are shown together.
    pub(crate) fn shown(&self, size: f64) -> Shown {
        let (divisor, symbol) = match self {
            Unit::Seconds => multiple(&SECONDS, size),
            Unit::Bytes => multiple(&BYTES, size),
            Unit::Share => (0.01, "%"),
            Unit::Bare => (1.0, ""),
            Unit::Counted { many, .. } => (1.0, many.as_str()),
            Unit::Symbol(symbol) => (1.0, symbol.as_str()),
        };
        let (power, word) = power_of_ten(size / divisor);
        let words = [word.as_str(), symbol].into_iter().filter(|word| !word.is_empty());
        Shown { divisor: divisor * power, symbol: words.collect::<Vec<_>>().join(" ") }
    }

    /// Whether an axis of this unit has ticks at whole numbers only.
    pub(crate) fn is_whole(&self) -> bool {
        matches!(self, Unit::Counted { .. })
    }
}

/// A quantity with its unit as a sentence has it: `52 ms`, `1 request`, `12 %`, `3.4 GB`.
pub fn quantity(value: f64, unit: &Unit) -> String {
    match unit {
        Unit::Counted { one, .. } if value == 1.0 => format!("1 {one}"),
        Unit::Bare => number(value),
        Unit::Counted { many: symbol, .. } | Unit::Symbol(symbol) => {
            format!("{} {symbol}", number(value)).trim_end().to_owned()
        }
        Unit::Seconds | Unit::Bytes | Unit::Share => {
            let (divisor, symbol) = match unit {
                Unit::Seconds => multiple(&SECONDS, value.abs()),
                Unit::Bytes => multiple(&BYTES, value.abs()),
                _ => (0.01, "%"),
            };
            format!("{} {symbol}", number(value / divisor))
        }
    }
}

/// An interval whose ends share a unit: `171 to 191 tok/s`.
pub(crate) fn interval(lower: f64, upper: f64, unit: &Unit) -> String {
    let shown = unit.shown(lower.abs().max(upper.abs()));
    let text = format!("{} to {} {}", shown.number(lower), shown.number(upper), shown.symbol);
    text.trim_end().to_owned()
}

/// The one multiple of a unit in which an axis or a column of a table is shown.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Shown {
    /// What one of the multiple is in the unit itself.
    pub(crate) divisor: f64,
    /// Its symbol; empty for bare numbers.
    pub(crate) symbol: String,
}

impl Shown {
    /// `value` in this multiple.
    pub(crate) fn scale(&self, value: f64) -> f64 {
        value / self.divisor
    }

    /// `value` in this multiple, without the symbol.
    pub(crate) fn number(&self, value: f64) -> String {
        number(self.scale(value))
    }

    /// `value` in this multiple with as many digits as tell places on a range of `span` apart.
    pub(crate) fn place(&self, value: f64, span: f64) -> String {
        let digits = 3.0 - self.scale(span).log10().floor();
        if span == 0.0 || !(0.0..=9.0).contains(&digits) {
            return self.number(value);
        }
        without_zeros(&fixed(self.scale(value), digits as usize)).to_owned()
    }

    /// `title (symbol)`.
    pub(crate) fn titled(&self, title: &str) -> String {
        match (title, self.symbol.as_str()) {
            (title, "") => title.to_owned(),
            ("", symbol) => symbol.to_owned(),
            (title, symbol) => format!("{title} ({symbol})"),
        }
    }
}

/// Multiples from the smallest: (one of it, from which size on, symbol).
type Multiples = [(f64, f64, &'static str)];

const SECONDS: [(f64, f64, &str); 6] = [
    (1e-9, 0.0, "ns"),
    (1e-6, 1e-6, "µs"),
    (1e-3, 1e-3, "ms"),
    (1.0, 1.0, "s"),
    (60.0, 600.0, "min"),
    (3600.0, 36_000.0, "h"),
];

const BYTES: [(f64, f64, &str); 6] = [
    (1.0, 0.0, "B"),
    (1e3, 1e3, "kB"),
    (1e6, 1e6, "MB"),
    (1e9, 1e9, "GB"),
    (1e12, 1e12, "TB"),
    (1e15, 1e15, "PB"),
];

/// The multiple for `size`, so that what rounds up to the next multiple is shown in it.
fn multiple(multiples: &Multiples, size: f64) -> (f64, &'static str) {
    let zero = multiples.iter().find(|(one, ..)| *one == 1.0);
    let fitting = multiples.iter().rev().find(|(_, from, _)| size * 1.0005 >= *from);
    let (one, _, symbol) = if size == 0.0 { zero } else { fitting }.unwrap_or(&multiples[0]);
    (*one, symbol)
}

/// A power of ten and its word that bring `size` between 0.001 and a million.
fn power_of_ten(size: f64) -> (f64, String) {
    if size == 0.0 || (1e-3..1e6).contains(&size) {
        return (1.0, String::new());
    }
    let exponent = 3 * (size.log10() / 3.0).floor() as i32;
    let word = match exponent {
        6 => "million".to_owned(),
        9 => "billion".to_owned(),
        _ => format!("1e{exponent}"),
    };
    (10f64.powi(exponent), word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quantity_carries_the_fitting_multiple() {
        let cases = [
            (0.0, Unit::Seconds, "0 s"),
            (52e-3, Unit::Seconds, "52 ms"),
            (0.9996, Unit::Seconds, "1 s"),
            (1.5e-6, Unit::Seconds, "1.5 µs"),
            (3e-9, Unit::Seconds, "3 ns"),
            (599.0, Unit::Seconds, "599 s"),
            (720.0, Unit::Seconds, "12 min"),
            (72_000.0, Unit::Seconds, "20 h"),
            (-0.052, Unit::Seconds, "-52 ms"),
            (3.42e9, Unit::Bytes, "3.42 GB"),
            (0.123, Unit::Share, "12.3 %"),
            (1.0, Unit::counted("request", "requests"), "1 request"),
            (16.0, Unit::counted("request", "requests"), "16 requests"),
            (1_234.6, Unit::symbol("tok/s"), "1,235 tok/s"),
            (7.0, Unit::Bare, "7"),
        ];
        for (value, unit, text) in cases {
            assert_eq!(quantity(value, &unit), text);
        }
    }

    #[test]
    fn an_axis_shows_one_multiple() {
        let shown = Unit::Seconds.shown(0.41);
        assert_eq!((shown.titled("TTFT"), shown.number(0.052)), ("TTFT (ms)".into(), "52".into()));
        assert_eq!(Unit::Seconds.shown(2.0).number(0.052), "0.052");
        assert_eq!(Unit::Bare.shown(5.0).titled("Score"), "Score");
        assert_eq!(Unit::symbol("tok/s").shown(5.0).titled(""), "tok/s");
        assert_eq!(interval(0.95, 1.2, &Unit::Seconds), "0.95 to 1.2 s");
        assert_eq!(interval(1.0, 2.0, &Unit::Bare), "1 to 2");
    }

    #[test]
    fn places_on_an_axis_keep_the_digits_that_tell_them_apart() {
        let shown = Unit::Seconds.shown(1_000.0);
        assert_eq!(shown.symbol, "min");
        let seconds = Unit::Seconds.shown(500.0);
        assert_eq!(seconds.place(123.456, 500.0), "123.5");
        assert_eq!(seconds.place(100.0, 500.0), "100");
        assert_eq!(seconds.place(123.456, 0.5), "123.456");
        assert_eq!(seconds.place(123.456, 0.0), "123");
    }

    #[test]
    fn sizes_beyond_any_multiple_get_a_power_of_ten() {
        assert_eq!(Unit::symbol("tok/s").shown(4e6).symbol, "million tok/s");
        assert_eq!(Unit::Bare.shown(4e10).symbol, "billion");
        assert_eq!(Unit::Seconds.shown(4e-20).symbol, "1e-12 ns");
        let shown = Unit::Bytes.shown(7e22);
        assert_eq!((shown.symbol.as_str(), shown.number(7e22)), ("million PB", "70".to_owned()));
    }
}
