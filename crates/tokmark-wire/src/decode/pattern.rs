//! Events that differ from one before them in nothing but their text.
//!
//! A server streams an answer as events that repeat everything but a few characters. Such an
//! event needs no JSON parser: what stands before and after the text is compared.

use std::borrow::Cow;

use super::Said;

/// What stood around the text of an event that said nothing else.
#[derive(Debug, Default)]
pub(super) struct Pattern {
    before: Vec<u8>,
    after: Vec<u8>,
    /// The text is reasoning, not answer.
    is_reasoning: bool,
    is_known: bool,
}

impl Pattern {
    /// What `event` says, if it has this pattern: it then parses as the event from which the
    /// pattern was learned, with another string in one place.
    pub(super) fn read<'a>(&self, event: &'a [u8]) -> Option<Said<'a>> {
        if !self.is_known {
            return None;
        }
        let text = event.strip_prefix(&*self.before)?.strip_suffix(&*self.after)?;
        // Text that needs no unescaping, and is a valid JSON string.
        if text.iter().any(|&byte| byte < b' ' || byte == b'"' || byte == b'\\') {
            return None;
        }
        let text = Cow::Borrowed(std::str::from_utf8(text).ok()?);
        Some(match self.is_reasoning {
            true => Said { reasoning: text, ..Said::default() },
            false => Said { answer: text, ..Said::default() },
        })
    }

    /// Takes the pattern of `event`, which says `said`, if that is one text and nothing else.
    pub(super) fn learn(&mut self, event: &[u8], said: &Said<'_>) {
        let Said { reasoning, answer, tool_calls, n_tokens, finish, usage, times, error } = said;
        let says_more = !tool_calls.is_empty()
            || n_tokens.is_some()
            || finish.is_some()
            || usage.is_some()
            || times.is_some()
            || error.is_some();
        let text = match (answer, reasoning) {
            (Cow::Borrowed(text), other) if other.is_empty() && !text.is_empty() => text,
            (other, Cow::Borrowed(text)) if other.is_empty() && !text.is_empty() => text,
            _ => return,
        };
        let at = (text.as_ptr() as usize).wrapping_sub(event.as_ptr() as usize);
        let (Some(before), Some(after)) = (event.get(..at), event.get(at + text.len()..)) else {
            return;
        };
        // A borrowed text is what stands between two quotes, without escapes.
        if says_more || before.last() != Some(&b'"') || after.first() != Some(&b'"') {
            return;
        }
        self.before.clear();
        self.before.extend_from_slice(before);
        self.after.clear();
        self.after.extend_from_slice(after);
        (self.is_reasoning, self.is_known) = (answer.is_empty(), true);
    }
}
