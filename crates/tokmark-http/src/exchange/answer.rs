//! The body of an answer: a stream of events, or all in one piece.

use std::cell::RefCell;
use std::time::Duration;

use tokmark_model::RequestError;
use tokmark_wire::{Decoder, Frame, Frames, Framing};

use super::{MAX_BODY, Reading, Rules};
use crate::connection::{Connection, Head};
use crate::pool::Pool;

/// Longest line of a stream that is taken in.
const MAX_FRAME: usize = 32 << 20;

/// Longest body of a stream: a model's text is far shorter, and all of it is kept.
const MAX_STREAM: u64 = 128 << 20;
/// How long the end of a stream is waited for after its finish and its usage have come: some
/// servers send neither `[DONE]` nor the end of the body.
const TRAILER_PATIENCE: Duration = Duration::from_secs(5);

/// Reads the answer. Whether a body is a stream of server-sent events its first byte says, and
/// the head only where that tells nothing: some servers send events as `text/plain` or as
/// nothing, others ignore `stream: true`.
pub(super) async fn read_answer(
    connection: &mut Connection,
    head: &Head,
    rules: &Rules,
    pool: &Pool,
    reading: &RefCell<Reading>,
) -> Result<(), RequestError> {
    if !rules.stream {
        return read_whole(connection, Vec::new(), rules, reading).await;
    }
    let kind = head.header("content-type").unwrap_or_default().to_ascii_lowercase();
    read_stream(connection, kind.contains("event-stream"), rules, pool, reading).await
}

/// Whether a body that begins so is a stream of events; `None` where it can't be told yet.
fn is_stream(begin: &[u8], says_stream: bool) -> Option<bool> {
    Some(match begin.trim_ascii_start().first()? {
        b'{' | b'[' => false,
        // The fields `data`, `event`, `error`, `id` and `retry`, a comment, a byte order mark.
        b'd' | b'e' | b'i' | b'r' | b':' | 0xef => true,
        _ => says_stream,
    })
}

async fn read_stream(
    connection: &mut Connection,
    says_stream: bool,
    rules: &Rules,
    pool: &Pool,
    cell: &RefCell<Reading>,
) -> Result<(), RequestError> {
    let framing = Framing::of(rules.api);
    let mut frames = Frames::new(framing, MAX_FRAME);
    let mut decoder = Decoder::new(rules.api, rules.expects_open_think);
    let mut failure = None;
    let mut is_known = framing == Framing::Ndjson;
    // The first bytes of an answer that is no stream.
    let mut whole = None;
    // Set when all is said and only the end of the body is still to come.
    let mut end_until = None;
    let mut was_done = false;
    loop {
        let piece = match end_until {
            None => connection.piece().await,
            Some(until) => match tokio::time::timeout_at(until, connection.piece()).await {
                Ok(piece) => piece,
                Err(_) => {
                    if cell.borrow().is_done {
                        pool.note_open_end();
                    }
                    break;
                }
            },
        };
        let mut reading = cell.borrow_mut();
        let at = match &piece {
            Ok(Some((_, arrived))) => reading.clock.at(*arrived),
            _ => reading.clock.now(),
        };
        let mut take = |frame: Frame<'_>| {
            if let Err(error) = reading.take(&mut decoder, frame, at) {
                failure.get_or_insert(error);
            }
        };
        match piece {
            Ok(Some((bytes, _))) => {
                if !is_known {
                    match is_stream(bytes, says_stream) {
                        None => continue,
                        Some(true) => is_known = true,
                        Some(false) => {
                            whole = Some(bytes.to_vec());
                            break;
                        }
                    }
                }
                frames.push(bytes, &mut take);
                reading.sample.body_bytes += bytes.len() as u64;
                if reading.sample.body_bytes > MAX_STREAM {
                    return Err(RequestError::Malformed);
                }
            }
            Ok(None) if !is_known && !says_stream => return Err(RequestError::Malformed),
            Ok(None) => {
                frames.finish(&mut take);
                if was_done {
                    pool.note_end();
                }
                reading.ended_ns = None;
                break;
            }
            // All was said before the connection broke.
            Err(_) if reading.is_done => break,
            Err(broken) => return Err(failure.unwrap_or(broken.kind())),
        }
        if failure.is_some() {
            break;
        }
        if framing == Framing::Ndjson && reading.sample.finish.is_some() {
            reading.is_done = true;
        }
        let is_whole = reading.sample.finish.is_some() && reading.usage.is_some();
        if reading.is_done && !was_done {
            was_done = true;
            reading.ended_ns = Some(at);
            end_until = Some(tokio::time::Instant::now() + pool.patience());
        } else if is_whole && end_until.is_none() {
            reading.ended_ns = Some(at);
            end_until = Some(tokio::time::Instant::now() + TRAILER_PATIENCE);
        }
    }
    if let Some(begin) = whole {
        return read_unasked_whole(connection, begin, rules, cell).await;
    }
    failure.map_or(Ok(()), Err)?;
    let mut reading = cell.borrow_mut();
    reading.sample.in_one_piece = framing == Framing::Ndjson && reading.ended_with_first;
    reading.check_stream()
}

/// An answer in one piece where a stream was asked for: its text has no time of its own.
async fn read_unasked_whole(
    connection: &mut Connection,
    begin: Vec<u8>,
    rules: &Rules,
    reading: &RefCell<Reading>,
) -> Result<(), RequestError> {
    read_whole(connection, begin, rules, reading).await?;
    reading.borrow_mut().sample.in_one_piece = true;
    Ok(())
}

/// Reads the rest of a body that begins with `body`, and all of it as one answer.
async fn read_whole(
    connection: &mut Connection,
    mut body: Vec<u8>,
    rules: &Rules,
    reading: &RefCell<Reading>,
) -> Result<(), RequestError> {
    let mut arrived = connection.arrived;
    while let Some((piece, at)) = connection.piece().await.map_err(|broken| broken.kind())? {
        if body.len() + piece.len() > MAX_BODY {
            return Err(RequestError::Malformed);
        }
        body.extend_from_slice(piece);
        arrived = at;
    }
    let mut reading = reading.borrow_mut();
    reading.sample.body_bytes = body.len() as u64;
    let at = reading.clock.at(arrived);
    let mut decoder = Decoder::new(rules.api, rules.expects_open_think);
    let delta = decoder.decode(&body).map_err(|_| RequestError::Malformed)?;
    reading.note(&delta, at)?;
    if reading.sample.n_text_events == 0 { Err(RequestError::Empty) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::is_stream;

    #[test]
    fn the_first_byte_tells_a_stream_from_a_whole_answer_whatever_the_head_says() {
        for begin in ["data: {}", "d", "\r\n\r\ndata:", ": hello", "event: x", "\u{feff}data:"] {
            assert_eq!(is_stream(begin.as_bytes(), false), Some(true), "{begin:?}");
        }
        for begin in ["{\"id\":", " \n{", "[1]"] {
            assert_eq!(is_stream(begin.as_bytes(), true), Some(false), "{begin:?}");
        }
        assert_eq!(is_stream(b"<html>", false), Some(false));
        assert_eq!(is_stream(b"\n ", true), None);
    }
}
