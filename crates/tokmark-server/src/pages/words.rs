//! Figures and facts in words, and what columns mean.

use tokmark_model::{
    BoardRow, Bytes, GradeLetter, Quantile, RecordKind, Timestamp, TokensPerSecond, Uuid,
};

pub(crate) const RATE: &str = "Tokens per second: of a test its tokens over the median time of \
its repetitions, of a load point the output tokens of all requests together.";
pub(crate) const GRADE: &str = "How far a figure can be believed, A to F: by the width of its \
interval and by what else the machine did meanwhile.";
pub(crate) const INTERVAL: &str = "95 % interval of the median, or where a source publishes no \
samples the range that it gives.";
pub(crate) const QUANTILE: &str = "Quantile over the requests, with its 95 % interval; with too few \
requests for that its upper bound at 95 %, or nothing.";
pub(crate) const TTFT: &str = "Time to first token: from sending the request to the first token \
of its answer.";
pub(crate) const CONCURRENCY: &str =
    "Requests under way at once, or sequences decoded in parallel.";
pub(crate) const QUANTIZATION: &str = "The publisher's label, else the type that holds most \
elements by counting the tensors.";
pub(crate) const BACKEND: &str = "Name and build of the engine, and the device interface as the \
engine reports it, never what a user typed.";
pub(crate) const RANK: &str = "Ranks differ only where the intervals part; else rows are tied. \
Published figures have none.";
pub(crate) const HARDWARE: &str = "The devices that computed, else the processor.";

/// Terms of the tables, for the page of definitions.
pub(crate) const DEFINITIONS: &[(&str, &str)] = &[
    ("Generation rate", RATE),
    ("Grade", GRADE),
    ("Interval", INTERVAL),
    ("TTFT", TTFT),
    ("Concurrency", CONCURRENCY),
    ("Quantization", QUANTIZATION),
    ("Back end", BACKEND),
    ("Rank", RANK),
    ("Hardware", HARDWARE),
];

/// Three significant digits at least, no more than make sense.
pub(crate) fn number(value: f64) -> String {
    tokmark_plot::number(value)
}

pub(crate) fn rate(rate: Option<TokensPerSecond>) -> String {
    rate.map_or_else(String::new, |rate| number(rate.get()))
}

/// The rate, or the range where somebody published no more; a dash where there is neither.
pub(crate) fn rate_or_range(row: &BoardRow) -> String {
    let texts = [rate(row.rate_tps), ends(row.rate_low_tps, row.rate_high_tps)];
    texts.into_iter().find(|text| !text.is_empty()).unwrap_or_else(|| "-".to_owned())
}

/// `50.1 (50.0 to 50.3)`; where there is no interval, that stands there.
pub(crate) fn quantile(found: &Quantile) -> String {
    let value = number(found.value);
    match (&found.interval, found.upper_bound) {
        (Some(interval), _) => {
            format!("{value} ({} to {})", number(interval.low), number(interval.high))
        }
        (None, Some(bound)) => format!("{value} (at most {})", number(bound)),
        (None, None) => format!("{value} (too few)"),
    }
}

/// `405 to 419`.
pub(crate) fn ends(low: Option<TokensPerSecond>, high: Option<TokensPerSecond>) -> String {
    match (low, high) {
        (Some(low), Some(high)) => format!("{} to {}", number(low.get()), number(high.get())),
        _ => String::new(),
    }
}

pub(crate) fn grade(letter: Option<GradeLetter>) -> String {
    letter.map_or_else(|| "none".to_owned(), |letter| format!("{letter:?}"))
}

pub(crate) fn time(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M UTC").to_string()
}

pub(crate) fn short(id: Uuid) -> String {
    id.to_string().chars().take(13).collect()
}

pub(crate) fn size(bytes: Bytes) -> String {
    match bytes.get() {
        small if small < 1_000_000_000 => format!("{} MB", number(small as f64 / 1e6)),
        large => format!("{} GB", number(large as f64 / 1e9)),
    }
}

pub(crate) fn params(n: u64) -> String {
    match n {
        n if n >= 1_000_000_000 => format!("{} B", number(n as f64 / 1e9)),
        n => format!("{} M", number(n as f64 / 1e6)),
    }
}

/// The word that stands for a value in JSON.
pub(crate) fn word(value: &impl serde::Serialize) -> String {
    let value = serde_json::to_value(value).unwrap_or_default();
    value.as_str().map_or_else(String::new, |word| word.replace('_', " "))
}

pub(crate) fn kind(kind: RecordKind) -> String {
    word(&kind)
}

/// A part of an address.
pub(crate) fn escaped(text: &str) -> String {
    let mut address = String::new();
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
                address.push(byte as char);
            }
            _ => address.push_str(&format!("%{byte:02X}")),
        }
    }
    address
}

/// A query of an address, without its empty fields.
pub(crate) fn query(query: &impl serde::Serialize) -> String {
    let value = serde_json::to_value(query).unwrap_or_default();
    let fields = value.as_object().into_iter().flatten();
    let text = |value: &serde_json::Value| match value {
        serde_json::Value::String(text) => Some(text.clone()).filter(|text| !text.is_empty()),
        serde_json::Value::Null => None,
        other => Some(other.to_string()),
    };
    let pairs: Vec<String> = fields
        .filter_map(|(name, value)| Some(format!("{name}={}", escaped(&text(value)?))))
        .collect();
    pairs.join("&")
}

/// What [`escaped`] made an address of.
pub(crate) fn unescaped(address: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = address.bytes();
    while let Some(byte) = rest.next() {
        let mut digit = || (rest.next()? as char).to_digit(16);
        match byte {
            b'%' => match (digit(), digit()) {
                (Some(high), Some(low)) => bytes.push((16 * high + low) as u8),
                _ => bytes.push(b'?'),
            },
            other => bytes.push(other),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
