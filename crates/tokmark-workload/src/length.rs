//! How long something is: always the same, or drawn anew each time.

use std::fmt;

use serde::de::value::MapAccessDeserializer;
use serde::de::{Error as _, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

use crate::random::Random;

/// Most tokens that a message or an answer may be asked to have.
pub const MAX_TOKENS: u32 = 10_000_000;

/// A number of tokens. In YAML a number, `{min: 10, max: 20}` or `{mean: 50, stddev: 5}`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Length {
    /// Always this many.
    Fixed(u32),
    /// Uniform over the whole numbers from `min` to `max`, both included.
    Range {
        /// Fewest.
        min: u32,
        /// Most.
        max: u32,
    },
    /// Nearly normal, rounded, and drawn again until it lies in 1 to 2 x mean - 1, which keeps
    /// the mean. The sum of twelve uniform numbers stands for the normal distribution, so that
    /// every platform draws the same.
    Normal {
        /// Mean.
        mean: f64,
        /// Standard deviation before any is drawn again.
        stddev: f64,
    },
}

/// Draws after which the mean is taken.
const MOST_DRAWS: usize = 64;

impl Length {
    /// The mean, rounded.
    pub fn mean(&self) -> u32 {
        match *self {
            Length::Fixed(n) => n,
            Length::Range { min, max } => ((u64::from(min) + u64::from(max)) / 2) as u32,
            Length::Normal { mean, .. } => mean.round() as u32,
        }
    }

    /// The shortest that can be drawn.
    pub fn least(&self) -> u32 {
        match *self {
            Length::Fixed(n) => n,
            Length::Range { min, .. } => min,
            Length::Normal { mean, stddev } => (mean - 6.0 * stddev).round().max(1.0) as u32,
        }
    }

    pub(crate) fn draw(&self, random: &mut Random) -> u32 {
        match *self {
            Length::Fixed(n) => n,
            Length::Range { min, max } => {
                min + random.below(u64::from(max.saturating_sub(min)) + 1) as u32
            }
            Length::Normal { mean, stddev } => {
                let most = 2.0 * mean - 1.0;
                let mut draws = (0..MOST_DRAWS).map(|_| (mean + stddev * random.normal()).round());
                draws.find(|n| (1.0..=most).contains(n)).unwrap_or(mean.round()) as u32
            }
        }
    }

    /// What is wrong with it, as the name of the field at fault, empty for the whole, and what
    /// is allowed.
    pub(crate) fn problem(&self) -> Option<(&'static str, String)> {
        let counted = |n: u32| (1..=MAX_TOKENS).contains(&n);
        let range = || format!("must be 1 to {MAX_TOKENS} tokens");
        match *self {
            Length::Fixed(n) if !counted(n) => Some(("", range())),
            Length::Range { min, .. } if !counted(min) => Some((".min", range())),
            Length::Range { max, .. } if !counted(max) => Some((".max", range())),
            Length::Range { min, max } if min > max => {
                Some((".min", format!("must not be above max, which is {max}")))
            }
            Length::Normal { mean, .. } if !(1.0..=f64::from(MAX_TOKENS)).contains(&mean) => {
                Some((".mean", range()))
            }
            Length::Normal { mean, stddev } if !(0.0..=mean).contains(&stddev) => {
                Some((".stddev", format!("must be 0 to the mean, which is {mean}")))
            }
            _ => None,
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Fields {
    min: Option<u32>,
    max: Option<u32>,
    mean: Option<f64>,
    stddev: Option<f64>,
}

impl<'de> Deserialize<'de> for Length {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct LengthVisitor;

        impl<'de> Visitor<'de> for LengthVisitor {
            type Value = Length;

            fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
                f.write_str("a number of tokens, {min, max} or {mean, stddev}")
            }

            fn visit_u64<E: serde::de::Error>(self, n: u64) -> Result<Length, E> {
                let n = u32::try_from(n);
                n.map(Length::Fixed).map_err(|_| E::custom("more tokens than anything can hold"))
            }

            fn visit_i64<E: serde::de::Error>(self, n: i64) -> Result<Length, E> {
                let n = u64::try_from(n);
                self.visit_u64(n.map_err(|_| E::custom("a number of tokens is not negative"))?)
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Length, A::Error> {
                match Fields::deserialize(MapAccessDeserializer::new(map))? {
                    Fields { min: Some(min), max: Some(max), mean: None, stddev: None } => {
                        Ok(Length::Range { min, max })
                    }
                    Fields { min: None, max: None, mean: Some(mean), stddev: Some(stddev) } => {
                        Ok(Length::Normal { mean, stddev })
                    }
                    _ => Err(A::Error::custom("give min and max, or mean and stddev")),
                }
            }
        }

        deserializer.deserialize_any(LengthVisitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Purpose;

    fn draws(length: Length) -> Vec<f64> {
        let draw = |n| length.draw(&mut Random::new(11, Purpose::PromptLength, &[n]));
        (0..20_000).map(|n| f64::from(draw(n))).collect()
    }

    fn mean_and_deviation(numbers: &[f64]) -> (f64, f64) {
        let n = numbers.len() as f64;
        let mean = numbers.iter().sum::<f64>() / n;
        (mean, (numbers.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / n).sqrt())
    }

    #[test]
    fn a_range_is_uniform_with_both_ends() {
        let drawn = draws(Length::Range { min: 10, max: 19 });
        for n in 10..=19 {
            let share = drawn.iter().filter(|x| **x == f64::from(n)).count() as f64 / 20_000.0;
            assert!((share - 0.1).abs() < 0.01, "{n}: {share}");
        }
        assert!(drawn.iter().all(|x| (10.0..=19.0).contains(x)));
    }

    #[test]
    fn a_normal_length_has_its_mean_and_deviation() {
        let drawn = draws(Length::Normal { mean: 500.0, stddev: 60.0 });
        let (mean, deviation) = mean_and_deviation(&drawn);
        assert!((mean - 500.0).abs() < 2.0, "{mean}");
        assert!((deviation - 60.0).abs() < 1.5, "{deviation}");
    }

    #[test]
    fn a_wide_normal_length_keeps_its_mean_and_is_never_empty() {
        let drawn = draws(Length::Normal { mean: 20.0, stddev: 20.0 });
        let (mean, _) = mean_and_deviation(&drawn);
        assert!((mean - 20.0).abs() < 0.3, "{mean}");
        assert!(drawn.iter().all(|x| (1.0..=39.0).contains(x)));
    }

    #[test]
    fn a_fixed_length_is_itself() {
        assert!(draws(Length::Fixed(36)).iter().all(|x| *x == 36.0));
        assert_eq!((Length::Fixed(36).mean(), Length::Fixed(36).least()), (36, 36));
        assert_eq!(Length::Range { min: 3, max: 6 }.mean(), 4);
    }

    #[test]
    fn impossible_lengths_are_named() {
        let problem = |length: Length| length.problem().map(|(field, _)| field);
        assert_eq!(problem(Length::Fixed(0)), Some(""));
        assert_eq!(problem(Length::Range { min: 5, max: 4 }), Some(".min"));
        assert_eq!(problem(Length::Range { min: 5, max: MAX_TOKENS + 1 }), Some(".max"));
        assert_eq!(problem(Length::Normal { mean: f64::NAN, stddev: 0.0 }), Some(".mean"));
        assert_eq!(problem(Length::Normal { mean: 5.0, stddev: -1.0 }), Some(".stddev"));
        assert_eq!(problem(Length::Normal { mean: 5.0, stddev: f64::INFINITY }), Some(".stddev"));
        assert_eq!(problem(Length::Normal { mean: 5.0, stddev: 5.0 }), None);
        assert_eq!(problem(Length::Range { min: 5, max: 5 }), None);
    }
}
