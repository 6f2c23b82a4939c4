//! What a server says when it refuses.

use std::cell::RefCell;
use std::time::{Duration, SystemTime};

use tokmark_wire::error_message;

use super::retry_after::retry_after;
use super::{MAX_BODY, Reading};
use crate::connection::{Connection, Head};

/// More of a refusal's body is not looked at.
const MAX_MESSAGE: usize = 64 << 10;
/// Longest message that is kept, in characters.
const MOST_CHARS: usize = 200;

/// Longest time for that body: what was refused is no longer waited for.
const PATIENCE: Duration = Duration::from_secs(1);

/// Reads the body of a refusal: for the server's words, and so that the connection can be used
/// again.
pub(super) async fn refuse(connection: &mut Connection, head: &Head, reading: &RefCell<Reading>) {
    reading.borrow_mut().retry_after = retry_after(head, SystemTime::now());
    let mut body = Vec::new();
    let mut length = 0;
    let until = tokio::time::Instant::now() + PATIENCE;
    while let Ok(Ok(Some((piece, _)))) = tokio::time::timeout_at(until, connection.piece()).await {
        length += piece.len();
        if length > MAX_BODY {
            break;
        }
        body.extend_from_slice(&piece[..piece.len().min(MAX_MESSAGE - body.len())]);
    }
    // A list of what is wrong with the request repeats the request.
    let message = error_message(&body).filter(|text| !text.starts_with(['{', '[']));
    reading.borrow_mut().sample.message = message.as_deref().and_then(short);
}

/// A message on one line and not too long; `None` where it says nothing.
pub(super) fn short(message: &str) -> Option<String> {
    let words: Vec<&str> = message.split_whitespace().collect();
    let text = words.join(" ");
    let mut kept: String = text.chars().take(MOST_CHARS).collect();
    if kept.len() < text.len() {
        kept.push_str("...");
    }
    (!kept.is_empty()).then_some(kept)
}

#[cfg(test)]
mod tests {
    use super::{MOST_CHARS, short};

    #[test]
    fn a_message_is_one_short_line() {
        assert_eq!(short(" no\n such\tmodel ").as_deref(), Some("no such model"));
        assert_eq!(short(" \n"), None);
        let cut = short(&"ä".repeat(300)).unwrap();
        assert!(cut.ends_with("ä...") && cut.chars().count() == MOST_CHARS + 3, "{cut}");
    }
}
