//! Bodies of requests in chunks (RFC 9112, 7.1).

use httparse::Status;

use super::{MAX_BODY, Refused};

/// Longest line of a chunk's size or of a trailer.
const MAX_LINE: usize = 4096;

/// The body at the beginning of `input` and how many bytes it had there; `None` where it is not
/// whole yet.
pub(super) fn read(input: &[u8]) -> Result<Option<(Vec<u8>, usize)>, Refused> {
    let mut body = Vec::new();
    let mut position = 0;
    loop {
        let rest = &input[position..];
        let (line, size) = match httparse::parse_chunk_size(rest) {
            Ok(Status::Complete(found)) => found,
            Ok(Status::Partial) if rest.len() > MAX_LINE => return Err((400, "no chunk size")),
            Ok(Status::Partial) => return Ok(None),
            Err(_) => return Err((400, "no chunk size")),
        };
        position += line;
        if size == 0 {
            return trailers(&input[position..])
                .map(|found| found.map(|length| (body, position + length)));
        }
        let fits = usize::try_from(size).ok().filter(|size| *size <= MAX_BODY - body.len());
        let Some(size) = fits else { return Err((413, "body too long")) };
        let Some(data) = input.get(position..position + size) else { return Ok(None) };
        body.extend_from_slice(data);
        position += size;
        match input.get(position..position + 2) {
            Some(b"\r\n") => position += 2,
            Some(_) => return Err((400, "chunk longer than its size")),
            None => return Ok(None),
        }
    }
}

/// Bytes of the trailers and the empty line after them.
fn trailers(input: &[u8]) -> Result<Option<usize>, Refused> {
    let mut position = 0;
    loop {
        let rest = &input[position..];
        let Some(end) = rest.iter().position(|byte| *byte == b'\n') else {
            return if rest.len() > MAX_LINE { Err((400, "trailer too long")) } else { Ok(None) };
        };
        position += end + 1;
        if matches!(&rest[..end], b"" | b"\r") {
            return Ok(Some(position));
        }
    }
}
