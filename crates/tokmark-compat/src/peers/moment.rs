//! Times of day as other tools write them.

use tokmark_model::Timestamp;

/// The time that `text` tells, and whether it names no zone, in which case it was taken for
/// UTC. Read are RFC 3339, the same without a zone, and `20261121-211817`.
pub(super) fn read(text: &str) -> Option<(Timestamp, bool)> {
    let text = text.trim();
    if let Ok(time) = text.parse() {
        return Some((time, false));
    }
    let zoned = match text.as_bytes() {
        bytes if bytes.len() == 15 && bytes[8] == b'-' && text.is_ascii() => format!(
            "{}-{}-{}T{}:{}:{}Z",
            &text[..4],
            &text[4..6],
            &text[6..8],
            &text[9..11],
            &text[11..13],
            &text[13..]
        ),
        _ => format!("{text}Z"),
    };
    zoned.parse().ok().map(|time| (time, true))
}

/// The time `nanos` after 1970 began in UTC.
pub(super) fn since_1970(nanos: i128) -> Option<Timestamp> {
    Timestamp::from_nanosecond(nanos).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_tools_way_to_write_a_time_is_read() {
        let at: Timestamp = "2026-11-21T21:18:17Z".parse().unwrap();
        assert_eq!(read("2026-11-21T21:18:17Z"), Some((at, false)));
        assert_eq!(read("2026-11-21T22:18:17+01:00"), Some((at, false)));
        assert_eq!(read("2026-11-21T21:18:17"), Some((at, true)));
        assert_eq!(read("20261121-211817"), Some((at, true)));
        assert_eq!(read("yesterday"), None);
        assert_eq!(read("2026112\u{b5}-21181"), None);
    }
}
