//! The times of all text events of a load point, small enough to lie in its record.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Nanos;

/// Name of the only encoding so far.
const ENCODING: &str = "varint-delta-ns.deflate.base64";
/// Above this a log is not trusted to be one: 2^31 events.
const MOST_BYTES: usize = 1 << 33;

/// Times of text events, `event_times[i]` belonging to `requests[i]`: for each request the
/// number of events, then the first time since `sent_ns`, then the gaps, as unsigned LEB128
/// integers of nanoseconds, deflated (RFC 1950), in base64.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct EventLog {
    /// `varint-delta-ns.deflate.base64`.
    pub encoding: String,
    /// Events in it.
    pub n_events: u64,
    /// The log; empty where `file` has it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub data: String,
    /// File beside the store that has requests and events, where they were too many.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
}

/// Why an [`EventLog`] cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EventLogError {
    /// Another encoding than this version knows.
    Encoding(String),
    /// The data is no base64, or its compression is broken, or it ends early.
    Broken,
}

impl std::fmt::Display for EventLogError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            EventLogError::Encoding(name) => write!(f, "event log in the unknown encoding {name}"),
            EventLogError::Broken => write!(f, "event log is broken"),
        }
    }
}

impl std::error::Error for EventLogError {}

impl EventLog {
    /// Packs the text events of all requests: for each the spans since its `sent_ns`, rising.
    pub fn pack<'a>(requests: impl IntoIterator<Item = &'a [Nanos]>) -> Self {
        let mut bytes = Vec::new();
        let mut n_events = 0;
        for times in requests {
            n_events += times.len() as u64;
            write_times(&mut bytes, times);
        }
        let packed = miniz_oxide::deflate::compress_to_vec_zlib(&bytes, 6);
        let data = STANDARD.encode(packed);
        EventLog { encoding: ENCODING.to_owned(), n_events, data, file: None }
    }

    /// The spans since `sent_ns` of every request, in the order of the requests.
    ///
    /// # Errors
    /// When the data is not what the encoding says. Nothing in it makes this panic.
    pub fn unpack(&self) -> Result<Vec<Vec<Nanos>>, EventLogError> {
        if self.encoding != ENCODING {
            return Err(EventLogError::Encoding(self.encoding.clone()));
        }
        let packed = STANDARD.decode(&self.data).map_err(|_| EventLogError::Broken)?;
        let most = MOST_BYTES.min((self.n_events as usize).saturating_mul(20) + (1 << 24));
        let bytes = miniz_oxide::inflate::decompress_to_vec_zlib_with_limit(&packed, most)
            .map_err(|_| EventLogError::Broken)?;
        let mut rest = bytes.as_slice();
        let mut requests = Vec::new();
        while !rest.is_empty() {
            requests.push(read_times(&mut rest).ok_or(EventLogError::Broken)?);
        }
        Ok(requests)
    }
}

/// Appends the times of one request as [`EventLog`] describes them.
pub fn write_times(bytes: &mut Vec<u8>, times: &[Nanos]) {
    write_number(bytes, times.len() as u64);
    let mut before = 0;
    for time in times {
        write_number(bytes, time.0.saturating_sub(before));
        before = time.0;
    }
}

/// Takes the times of one request off `rest`; `None` when it ends early.
pub fn read_times(rest: &mut &[u8]) -> Option<Vec<Nanos>> {
    let n = usize::try_from(read_number(rest)?).ok().filter(|n| *n <= rest.len())?;
    let mut time = 0u64;
    (0..n)
        .map(|_| {
            time = time.checked_add(read_number(rest)?)?;
            Some(Nanos(time))
        })
        .collect()
}

fn write_number(bytes: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        bytes.push(number as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
}

fn read_number(rest: &mut &[u8]) -> Option<u64> {
    let mut number = 0u64;
    for shift in (0..64).step_by(7) {
        let (byte, tail) = rest.split_first()?;
        *rest = tail;
        number |= u64::from(byte & 0x7f).checked_shl(shift)?;
        if byte & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_come_back_as_they_were() {
        let requests =
            [vec![Nanos(51_000_000), Nanos(61_000_017)], vec![], vec![Nanos(0), Nanos(u64::MAX)]];
        let log = EventLog::pack(requests.iter().map(Vec::as_slice));
        assert_eq!(log.n_events, 4);
        assert_eq!(log.unpack().unwrap(), requests);
    }

    #[test]
    fn a_broken_log_is_an_error() {
        let mut log = EventLog::pack([[Nanos(5)].as_slice()]);
        log.data.truncate(4);
        assert_eq!(log.unpack(), Err(EventLogError::Broken));
        log.data = "!".to_owned();
        assert_eq!(log.unpack(), Err(EventLogError::Broken));
        log.encoding = "rot13".to_owned();
        assert!(matches!(log.unpack(), Err(EventLogError::Encoding(_))));
        assert_eq!(read_times(&mut [200, 1, 5].as_slice()), None);
    }
}
