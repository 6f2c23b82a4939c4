//! Quantities as people write them.

use std::time::Duration;

/// Less memory is no limit that anything runs in, but a unit forgotten.
const LEAST_SIZE: u64 = 1 << 20;

/// `2%`, `2` or `0.5%`, as a share.
pub(super) fn percent(text: &str) -> Result<f64, String> {
    let number = text.trim().trim_end_matches('%').trim();
    match number.parse::<f64>() {
        Ok(value) if (1e-6..=100.0).contains(&value) => Ok(value / 100.0),
        _ => Err("give a percentage up to 100, e.g. 2%".to_owned()),
    }
}

/// `500ms`, `60s`, `2m`, `1h`, or seconds.
pub(super) fn duration(text: &str) -> Result<Duration, String> {
    let text = text.trim();
    let split = text.find(|c: char| c.is_ascii_alphabetic()).unwrap_or(text.len());
    let scale = match &text[split..] {
        "ms" => 1e-3,
        "" | "s" => 1.0,
        "m" | "min" => 60.0,
        "h" => 3600.0,
        "d" => 24.0 * 3600.0,
        _ => return Err("give a time such as 500ms, 60s, 2m, 1h or 30d".to_owned()),
    };
    text[..split]
        .trim()
        .parse::<f64>()
        .ok()
        .map(|value| value * scale)
        .filter(|seconds| (0.0..=1e9).contains(seconds))
        .map(Duration::from_secs_f64)
        .ok_or_else(|| "give a time such as 500ms, 60s, 2m, 1h or 30d".to_owned())
}

/// The same, of things that take some time.
pub(super) fn span(text: &str) -> Result<Duration, String> {
    duration(text).and_then(|span| match span.is_zero() {
        true => Err("give a time above 0".to_owned()),
        false => Ok(span),
    })
}

/// `512MiB`, `4GiB`, `4GB`, or bytes.
pub(super) fn size(text: &str) -> Result<u64, String> {
    let text = text.trim();
    let split = text.find(|c: char| c.is_ascii_alphabetic()).unwrap_or(text.len());
    let scale = match text[split..].to_ascii_lowercase().as_str() {
        "" | "b" => 1.0,
        "kib" => 1024.0,
        "mib" => 1024.0 * 1024.0,
        "gib" => 1024.0 * 1024.0 * 1024.0,
        "kb" => 1e3,
        "mb" => 1e6,
        "gb" => 1e9,
        _ => return Err("give a size such as 512MiB or 4GB".to_owned()),
    };
    text[..split]
        .trim()
        .parse::<f64>()
        .ok()
        .map(|value| value * scale)
        .filter(|bytes| (1.0..1e18).contains(bytes))
        .map(|bytes| bytes as u64)
        .ok_or_else(|| "give a size such as 512MiB or 4GB".to_owned())
        .and_then(|bytes| match bytes < LEAST_SIZE {
            true => Err(format!("that is {bytes} bytes; give a size such as 512MiB or 4GB")),
            false => Ok(bytes),
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities_are_read_with_their_units() {
        assert_eq!(percent("2%"), Ok(0.02));
        assert!(percent("0").is_err() && percent("NaN").is_err());
        assert_eq!(duration("1.5m"), Ok(Duration::from_secs(90)));
        assert!(duration("-1s").is_err() && duration("1 day").is_err());
        assert_eq!(span("10ms"), Ok(Duration::from_millis(10)));
        assert!(span("0").is_err() && span("0 ms").is_err());
        assert_eq!(size("2MiB"), Ok(2 << 20));
        assert!(size("inf").is_err() && size("0").is_err());
        assert!(size("5").unwrap_err().starts_with("that is 5 bytes"));
    }
}
