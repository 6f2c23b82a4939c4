//! From the bytes of a streamed answer to its events, as the bytes come in.

mod lines;
mod sse;

use tokmark_model::Api;

use self::lines::{Line, LineEnd, Lines};
use self::sse::Events;

/// Frames longer than this are skipped unless the caller sets another limit. An event of
/// 10 MB is legal.
pub const DEFAULT_MAX_FRAME_BYTES: usize = 16 << 20;

/// Buffers of at most this size are kept from one event to the next.
const KEPT_BYTES: usize = 64 << 10;

/// How the events of a stream are told apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Framing {
    /// Server-sent events, as the HTML standard's section "Parsing an event stream" has them.
    Sse,
    /// One JSON object a line, as Ollama streams (`application/x-ndjson`).
    Ndjson,
}

impl Framing {
    /// How `api` streams its answers.
    pub fn of(api: Api) -> Self {
        match api {
            Api::Chat | Api::Completions => Framing::Sse,
            Api::OllamaChat | Api::OllamaGenerate => Framing::Ndjson,
        }
    }
}

/// One event of a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Frame<'a> {
    /// The data of an event, or a line. Blank ones are left out. Not checked to be UTF-8.
    Data(&'a [u8]),
    /// OpenAI's `[DONE]`.
    Done,
    /// A frame above the limit was skipped; said once for each.
    TooLong,
    /// The stream ended inside a frame; what there was of its data, possibly all or nothing.
    Cut(&'a [u8]),
}

/// Cuts a stream into frames, whatever pieces it comes in.
///
/// An event that lies whole in one pushed slice, with its data on one line, is handed out
/// without being copied. What comes in pieces is collected in buffers of its own, of at most
/// twice the largest frame.
///
/// Beyond the standard: a field `error:` counts as data, because llama.cpp reported errors
/// inside a stream that way (until its pull request 16109 of September 2025). Fields `event:`,
/// `id:` and `retry:` are read over.
#[derive(Debug)]
pub struct Frames {
    framing: Framing,
    lines: Lines,
    events: Events,
}

impl Frames {
    /// Frames whose data has at most `max_frame_bytes`.
    pub fn new(framing: Framing, max_frame_bytes: usize) -> Self {
        let lines = match framing {
            Framing::Sse => {
                Lines::new(LineEnd::Any, max_frame_bytes.saturating_add(sse::FIELD_BYTES))
            }
            Framing::Ndjson => Lines::new(LineEnd::Lf, max_frame_bytes),
        };
        Frames { framing, lines, events: Events::new(max_frame_bytes) }
    }

    /// Takes the next bytes of the stream and hands out each frame that they complete, in
    /// order.
    pub fn push(&mut self, bytes: &[u8], each: &mut dyn FnMut(Frame<'_>)) {
        match self.framing {
            Framing::Sse => self.push_sse(bytes, each),
            Framing::Ndjson => self.push_ndjson(bytes, each),
        }
    }

    /// The stream has ended: an unfinished frame is handed out as [`Frame::Cut`], an
    /// unfinished `[DONE]` as [`Frame::Done`]. Afterwards another stream may be pushed.
    pub fn finish(&mut self, each: &mut dyn FnMut(Frame<'_>)) {
        match self.framing {
            Framing::Sse => self.events.finish(self.lines.unfinished(), each),
            Framing::Ndjson => match self.lines.unfinished() {
                Some(line) if !line.trim_ascii().is_empty() => each(Frame::Cut(line)),
                _ => {}
            },
        }
        self.lines.reset();
    }

    fn push_sse<'b>(&mut self, bytes: &'b [u8], each: &mut dyn FnMut(Frame<'_>)) {
        let mut rest = bytes;
        let mut here: Option<&'b [u8]> = None;
        while let Some(line) = self.lines.next(&mut rest) {
            match line {
                Line::Here(line) => self.events.take_line(line, &mut here, each),
                Line::Carried => {
                    let mut carried = None;
                    self.events.take_line(self.lines.carried(), &mut carried, each);
                    if let Some(data) = carried {
                        self.events.keep(data);
                    }
                }
                Line::TooLong => {
                    here = None;
                    self.events.skip(each);
                }
            }
        }
        if let Some(data) = here {
            self.events.keep(data);
        }
    }

    fn push_ndjson(&mut self, bytes: &[u8], each: &mut dyn FnMut(Frame<'_>)) {
        let mut rest = bytes;
        while let Some(line) = self.lines.next(&mut rest) {
            match line {
                Line::Here(line) => sse::hand_out(line, each),
                Line::Carried => sse::hand_out(self.lines.carried(), each),
                Line::TooLong => each(Frame::TooLong),
            }
        }
    }
}

#[cfg(test)]
mod tests;
