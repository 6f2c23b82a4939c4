//! Tells reasoning inside `<think>` tags from the answer after them, though a tag may come in
//! pieces.

use std::borrow::Cow;

use memchr::memchr_iter;

use super::Correction;

const OPEN: &[u8] = b"<think>";
const CLOSE: &[u8] = b"</think>";

/// The parts of one event's text.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Parts<'a> {
    pub(super) reasoning: Cow<'a, str>,
    pub(super) answer: Cow<'a, str>,
    pub(super) correction: Correction,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Nothing but blanks was said, and perhaps a piece of an opening tag.
    Start,
    /// The opening tag stood in the prompt, perhaps.
    AwaitsClose,
    Thinking,
    /// After the closing tag, and only blanks since.
    Ended,
    Answering,
}

/// Splits the answer text of one choice, event by event.
///
/// An opening tag counts only before everything else: further on it is text, as in an answer
/// about HTML. So nothing is searched once the answer runs. Pieces of a tag are handed out
/// when they come, since they are generated text whose time counts, and corrected when the
/// tag is complete.
#[derive(Debug)]
pub(super) struct ThinkTags {
    state: State,
    /// Bytes of the opening tag that the last text ended with.
    open_matched: usize,
    /// Bytes of the closing tag that the last text ended with.
    close_matched: usize,
    /// Something was handed out as answer.
    has_answered: bool,
    /// Something was told to be reasoning.
    has_reasoned: bool,
    /// No opening tag can come any more.
    is_past_open: bool,
}

impl ThinkTags {
    pub(super) fn new(expects_open_think: bool) -> Self {
        ThinkTags {
            state: if expects_open_think { State::AwaitsClose } else { State::Start },
            open_matched: 0,
            close_matched: 0,
            has_answered: false,
            has_reasoned: false,
            is_past_open: false,
        }
    }

    pub(super) fn has_reasoned(&self) -> bool {
        self.has_reasoned
    }

    /// Reasoning came in a field of its own.
    pub(super) fn reasoned_apart(&mut self) {
        self.has_reasoned = true;
        if !self.has_answered {
            self.state = State::Ended;
        }
    }

    /// Splits the next text.
    pub(super) fn split<'a>(&mut self, text: Cow<'a, str>) -> Parts<'a> {
        if text.is_empty() {
            return Parts::default();
        }
        match self.state {
            State::Answering => self.answered(text),
            State::Ended => self.after_close(&text, 0, 0..0, Correction::None),
            State::Thinking => self.think(&text, 0, Correction::None),
            State::Start | State::AwaitsClose => self.begin(text),
        }
    }

    fn begin<'a>(&mut self, text: Cow<'a, str>) -> Parts<'a> {
        if !self.is_past_open {
            match self.find_open(text.as_bytes()) {
                Found::At(end) => {
                    let correction =
                        if self.has_answered { Correction::AnswerVoid } else { Correction::None };
                    self.state = State::Thinking;
                    self.close_matched = 0;
                    self.has_reasoned = true;
                    return self.think(&text, end, correction);
                }
                Found::Perhaps => {}
                Found::Never => self.is_past_open = true,
            }
        }
        if self.state == State::AwaitsClose {
            if let Some(close) = self.find_close(text.as_bytes()) {
                self.has_reasoned = true;
                let correction = if self.has_answered {
                    Correction::AnswerWasReasoning { trim_bytes: close.before }
                } else {
                    Correction::None
                };
                return self.after_close(&text, close.end, 0..close.start, correction);
            }
        } else if self.is_past_open {
            self.state = State::Answering;
        }
        self.answered(text)
    }

    /// The text from `from` on lies inside the tags.
    fn think<'a>(&mut self, text: &Cow<'a, str>, from: usize, open: Correction) -> Parts<'a> {
        let Some(close) = self.find_close(&text.as_bytes()[from..]) else {
            return Parts {
                reasoning: cut(text, from..text.len()),
                answer: "".into(),
                correction: open,
            };
        };
        let correction = match close.before {
            0 => open,
            trim_bytes => Correction::ReasoningTrim { trim_bytes },
        };
        self.after_close(text, from + close.end, from..from + close.start, correction)
    }

    /// The text from `from` on comes after the closing tag.
    fn after_close<'a>(
        &mut self,
        text: &Cow<'a, str>,
        from: usize,
        reasoning: std::ops::Range<usize>,
        correction: Correction,
    ) -> Parts<'a> {
        let rest = &text[from..];
        let said = rest.trim_start();
        if said.is_empty() {
            self.state = State::Ended;
        } else {
            self.state = State::Answering;
            self.has_answered = true;
        }
        let answer = cut(text, text.len() - said.len()..text.len());
        Parts { reasoning: cut(text, reasoning), answer, correction }
    }

    fn answered<'a>(&mut self, text: Cow<'a, str>) -> Parts<'a> {
        self.has_answered = true;
        Parts { answer: text, ..Parts::default() }
    }

    /// Looks for the opening tag where the answer begins, blanks before it left out.
    fn find_open(&mut self, text: &[u8]) -> Found {
        let blanks =
            if self.open_matched == 0 { text.len() - text.trim_ascii_start().len() } else { 0 };
        let (wanted, text) = (&OPEN[self.open_matched..], &text[blanks..]);
        let n = shared(wanted, text);
        if n == wanted.len() {
            self.open_matched = 0;
            return Found::At(blanks + n);
        }
        if n < text.len() {
            return Found::Never;
        }
        self.open_matched += n;
        Found::Perhaps
    }

    /// Looks for the closing tag, which may have begun in the texts before. `<` stands only
    /// at its beginning, so a piece that does not go on is no part of a later one.
    fn find_close(&mut self, text: &[u8]) -> Option<Close> {
        let before = std::mem::take(&mut self.close_matched);
        if before > 0 {
            let wanted = &CLOSE[before..];
            let n = shared(wanted, text);
            if n == wanted.len() {
                return Some(Close { before, start: 0, end: n });
            }
            if n == text.len() {
                self.close_matched = before + n;
                return None;
            }
        }
        for start in memchr_iter(b'<', text) {
            let n = shared(CLOSE, &text[start..]);
            if n == CLOSE.len() {
                return Some(Close { before: 0, start, end: start + n });
            }
            if start + n == text.len() {
                self.close_matched = n;
            }
        }
        None
    }
}

enum Found {
    /// The tag is complete and ends here.
    At(usize),
    /// It may still come.
    Perhaps,
    Never,
}

/// A closing tag.
struct Close {
    /// Bytes of it at the end of the texts before.
    before: usize,
    start: usize,
    end: usize,
}

/// Length of the common beginning.
fn shared(a: &[u8], b: &[u8]) -> usize {
    a.iter().zip(b).take_while(|(a, b)| a == b).count()
}

fn cut<'a>(text: &Cow<'a, str>, range: std::ops::Range<usize>) -> Cow<'a, str> {
    match text {
        Cow::Borrowed(text) => Cow::Borrowed(&text[range]),
        Cow::Owned(text) => Cow::Owned(text[range].to_owned()),
    }
}

#[cfg(test)]
mod tests;
