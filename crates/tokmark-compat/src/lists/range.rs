use super::invalid;
use crate::CompatError;

/// Most values that one list may stand for.
pub const MAX_VALUES: u64 = 100_000;

/// One part of a list: `first[-last[(+|*)step]]`.
struct Range {
    first: i32,
    last: i32,
    step: Step,
}

enum Step {
    Add(i32),
    Multiply(i32),
}

impl Range {
    /// The next value, or `None` when it doesn't grow or leaves the type.
    fn after(&self, value: i32) -> Option<i32> {
        let next = match self.step {
            Step::Add(step) => value.checked_add(step)?,
            Step::Multiply(factor) => value.checked_mul(factor)?,
        };
        (next > value).then_some(next)
    }

    /// Whether the values grow. Additions and multiplications that grow once always do.
    fn advances(&self) -> bool {
        match self.step {
            Step::Add(step) => step > 0,
            Step::Multiply(factor) => self.first > 0 && factor > 1,
        }
    }

    /// How many values it stands for, without making them. It must advance.
    fn len(&self) -> u64 {
        match self.step {
            Step::Add(step) => {
                let span = i64::from(self.last) - i64::from(self.first);
                (span / i64::from(step)).unsigned_abs() + 1
            }
            Step::Multiply(_) => self.values().count() as u64,
        }
    }

    fn values(&self) -> impl Iterator<Item = i32> + '_ {
        std::iter::successors(Some(self.first), |value| self.after(*value))
            .take_while(|value| *value <= self.last)
    }
}

/// Whole numbers and ranges of them: `1,4-8,16-64+16,128-1024*2`. An empty text is an
/// empty list, for which the defaults step in.
///
/// With `allow_negative`, the first number of a range may be negative; the last one can't.
///
/// # Errors
///
/// As llama-bench: anything else than such ranges, and a range that doesn't advance.
/// Beyond it: a range whose last value is below its first, which llama-bench silently
/// replaces by the default, and a list of more than [`MAX_VALUES`], which it would expand
/// until memory runs out.
///
/// ```
/// use tokmark_compat::lists::parse_int_range;
/// assert_eq!(parse_int_range("--n-prompt", "1,4-6,8-32*2", false)?, [1, 4, 5, 6, 8, 16, 32]);
/// # Ok::<(), tokmark_compat::CompatError>(())
/// ```
pub fn parse_int_range(
    flag: &str,
    text: &str,
    allow_negative: bool,
) -> Result<Vec<i32>, CompatError> {
    let mut values = Vec::new();
    let mut n: u64 = 0;
    // One comma may end the list.
    let parts = text.strip_suffix(',').unwrap_or(text);
    if text.is_empty() {
        return Ok(values);
    }
    for part in parts.split(',') {
        let range = parse_part(part, allow_negative)
            .ok_or_else(|| invalid(flag, part, expected(allow_negative)))?;
        if range.last < range.first {
            return Err(CompatError::EmptyRange { flag: flag.to_owned(), range: part.to_owned() });
        }
        if !range.advances() {
            return Err(CompatError::RangeDoesNotAdvance {
                flag: flag.to_owned(),
                range: part.to_owned(),
            });
        }
        n = n.saturating_add(range.len());
        if n <= MAX_VALUES {
            values.extend(range.values());
        }
    }
    if n > MAX_VALUES {
        return Err(CompatError::TooManyValues {
            flag: flag.to_owned(),
            list: text.to_owned(),
            n,
            limit: MAX_VALUES,
        });
    }
    Ok(values)
}

/// [`parse_int_range`] without negative numbers, for parameters that are counts.
///
/// # Errors
///
/// As [`parse_int_range`].
pub fn parse_u32_range(flag: &str, text: &str) -> Result<Vec<u32>, CompatError> {
    let values = parse_int_range(flag, text, false)?;
    Ok(values.into_iter().map(i32::unsigned_abs).collect())
}

fn expected(allow_negative: bool) -> &'static str {
    if allow_negative {
        "a whole number below 2147483648 or a range as in 1-8, 16-64+16, 128-1024*2"
    } else {
        "a whole number from 0 to 2147483647 or a range as in 1-8, 16-64+16, 128-1024*2"
    }
}

fn parse_part(part: &str, allow_negative: bool) -> Option<Range> {
    let (sign, rest) = match part.strip_prefix('-') {
        Some(rest) if allow_negative => (-1, rest),
        _ => (1, part),
    };
    let (first, rest) = match rest.split_once('-') {
        Some((first, rest)) => (first, Some(rest)),
        None => (rest, None),
    };
    // The sign comes after, so the smallest number of the type isn't reached; no flag wants it.
    let first = sign * parse_digits(first)?;
    let Some(rest) = rest else {
        // A single number advances whatever it is.
        return Some(Range { first, last: first, step: Step::Add(1) });
    };
    let (last, step) = if let Some((last, step)) = rest.split_once('+') {
        (last, Step::Add(parse_digits(step)?))
    } else if let Some((last, factor)) = rest.split_once('*') {
        (last, Step::Multiply(parse_digits(factor)?))
    } else {
        (rest, Step::Add(1))
    };
    Some(Range { first, last: parse_digits(last)?, step })
}

/// A number of digits alone: `FromStr` would take a sign.
fn parse_digits(text: &str) -> Option<i32> {
    if text.bytes().all(|byte| byte.is_ascii_digit()) { text.parse().ok() } else { None }
}
