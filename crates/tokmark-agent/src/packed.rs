//! Batches of records as they lie in the outbox and go to the server: a JSON array in gzip.

use std::io::{self, Read, Write};

use flate2::Compression;
use flate2::read::MultiGzDecoder;
use flate2::write::GzEncoder;

/// Most bytes that a batch may unpack to; the outbox writes far smaller ones.
const LARGEST: u64 = 1 << 30;

/// `json` in gzip.
pub(crate) fn packed(json: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    let written = encoder.write_all(json).and_then(|()| encoder.finish());
    written.expect("writing to memory does not fail")
}

/// What [`packed`] packed.
///
/// # Errors
/// When it is no whole gzip, or unpacks to over a gigabyte.
pub(crate) fn unpacked(bytes: &[u8]) -> io::Result<Vec<u8>> {
    let mut json = Vec::new();
    MultiGzDecoder::new(bytes).take(LARGEST + 1).read_to_end(&mut json)?;
    if json.len() as u64 > LARGEST {
        return Err(io::Error::other("it unpacks to over a gigabyte"));
    }
    Ok(json)
}

/// The items as a JSON array.
pub(crate) fn array<T: AsRef<[u8]>>(items: &[T]) -> Vec<u8> {
    let mut json = vec![b'['];
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            json.push(b',');
        }
        json.extend_from_slice(item.as_ref());
    }
    json.push(b']');
    json
}

/// `value` as JSON.
pub(crate) fn json(value: &impl serde::Serialize) -> Vec<u8> {
    serde_json::to_vec(value).expect("records and what agents say are texts, numbers and lists")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_packed_unpacks_and_what_is_cut_does_not() {
        let whole = packed(&array(&[b"1", b"2"]));
        assert_eq!(unpacked(&whole).unwrap(), b"[1,2]");
        assert!(unpacked(&whole[..whole.len() - 1]).is_err());
        assert!(unpacked(b"").is_err());
    }
}
