//! Numbers as servers write them: whole, with a fraction, null, or missing.

use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use tokmark_model::Nanos;

/// A number, where there is one. Anything else in its place is no number rather than an
/// error: a wrong count must not cost the text beside it.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Number(Option<f64>);

impl Number {
    /// As a count; negative ones are none.
    pub(crate) fn count(self) -> Option<u32> {
        self.positive().map(|number| number.round() as u32)
    }

    /// As a number of bytes.
    pub(crate) fn whole(self) -> Option<u64> {
        self.positive().map(|number| number.round() as u64)
    }

    pub(super) fn nanoseconds(self) -> Option<Nanos> {
        self.whole().map(Nanos)
    }

    pub(super) fn milliseconds(self) -> Option<Nanos> {
        Number(self.0.map(|number| number * 1e6)).nanoseconds()
    }

    fn positive(self) -> Option<f64> {
        self.0.filter(|number| number.is_finite() && *number >= 0.0)
    }
}

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AnyValue).map(|value| Number(value.number))
    }
}

/// How many elements a list has, where there is one.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Length(pub(crate) Option<u32>);

impl<'de> Deserialize<'de> for Length {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AnyValue).map(|value| Length(value.length))
    }
}

#[derive(Default)]
struct Seen {
    number: Option<f64>,
    length: Option<u32>,
}

impl Seen {
    fn number<E>(number: f64) -> Result<Self, E> {
        Ok(Seen { number: Some(number), length: None })
    }
}

struct AnyValue;

impl<'de> Visitor<'de> for AnyValue {
    type Value = Seen;

    fn expecting(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("any value")
    }

    fn visit_u64<E>(self, number: u64) -> Result<Seen, E> {
        Seen::number(number as f64)
    }

    fn visit_i64<E>(self, number: i64) -> Result<Seen, E> {
        Seen::number(number as f64)
    }

    fn visit_f64<E>(self, number: f64) -> Result<Seen, E> {
        Seen::number(number)
    }

    fn visit_unit<E>(self) -> Result<Seen, E> {
        Ok(Seen::default())
    }

    fn visit_bool<E>(self, _: bool) -> Result<Seen, E> {
        Ok(Seen::default())
    }

    fn visit_str<E>(self, _: &str) -> Result<Seen, E> {
        Ok(Seen::default())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Seen, A::Error> {
        let mut length = 0;
        while list.next_element::<IgnoredAny>()?.is_some() {
            length += 1;
        }
        Ok(Seen { number: None, length: Some(length) })
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Seen, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Seen::default())
    }
}
