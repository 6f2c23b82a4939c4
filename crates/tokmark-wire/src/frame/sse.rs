//! From lines to server-sent events.

use super::Frame;
use super::lines::empty;

/// Longest part of a data line that is no data: `error: `.
pub(super) const FIELD_BYTES: usize = 7;

/// The event under way.
#[derive(Debug)]
pub(super) struct Events {
    max_bytes: usize,
    /// Data that does not lie in the bytes being read, if `has_data`.
    data: Vec<u8>,
    has_data: bool,
    /// A field of an event was read, which is not ended.
    is_begun: bool,
    /// The event was reported as too long.
    skips: bool,
}

enum Field<'a> {
    Data(&'a [u8]),
    Other,
    Comment,
}

impl Events {
    pub(super) fn new(max_bytes: usize) -> Self {
        Events { max_bytes, data: Vec::new(), has_data: false, is_begun: false, skips: false }
    }

    /// Takes one line. `here` is the event's data as long as it is one line that lies in the
    /// bytes being read; what is left in it after the last line goes to [`Events::keep`].
    pub(super) fn take_line<'b>(
        &mut self,
        line: &'b [u8],
        here: &mut Option<&'b [u8]>,
        each: &mut dyn FnMut(Frame<'_>),
    ) {
        if line.is_empty() {
            return self.end(here.take(), each);
        }
        if self.skips {
            return;
        }
        match field(line) {
            Field::Comment => {}
            Field::Other => self.is_begun = true,
            Field::Data(value) => {
                self.is_begun = true;
                let before = here.take();
                let n_before = before.map_or(self.data.len(), <[u8]>::len);
                let is_first = before.is_none() && !self.has_data;
                let n_bytes = if is_first { value.len() } else { n_before + 1 + value.len() };
                if n_bytes > self.max_bytes {
                    self.skip(each);
                } else if is_first {
                    *here = Some(value);
                } else {
                    if let Some(before) = before {
                        self.keep(before);
                    }
                    self.keep(value);
                }
            }
        }
    }

    /// Copies a data line into the event, after those that it has.
    pub(super) fn keep(&mut self, value: &[u8]) {
        if self.has_data {
            self.data.push(b'\n');
        }
        self.data.extend_from_slice(value);
        self.has_data = true;
    }

    /// Gives the event up, and says so if that was not said.
    pub(super) fn skip(&mut self, each: &mut dyn FnMut(Frame<'_>)) {
        if !self.skips {
            self.clear();
            self.skips = true;
            each(Frame::TooLong);
        }
    }

    /// The stream ended, `unfinished` being the line without an end.
    pub(super) fn finish(&mut self, unfinished: Option<&[u8]>, each: &mut dyn FnMut(Frame<'_>)) {
        if let (false, Some(line @ [_, ..])) = (self.skips, unfinished) {
            let mut here = None;
            self.take_line(line, &mut here, each);
            if let Some(value) = here {
                self.keep(value);
            }
        }
        if self.is_begun && !self.skips {
            match self.data.trim_ascii() {
                b"[DONE]" => each(Frame::Done),
                _ => each(Frame::Cut(&self.data)),
            }
        }
        self.clear();
    }

    fn end(&mut self, here: Option<&[u8]>, each: &mut dyn FnMut(Frame<'_>)) {
        match here {
            Some(data) => hand_out(data, each),
            None if self.has_data => hand_out(&self.data, each),
            None => {}
        }
        self.clear();
    }

    fn clear(&mut self) {
        empty(&mut self.data);
        self.has_data = false;
        self.is_begun = false;
        self.skips = false;
    }
}

/// Hands out data as what it is; nothing where it is blank.
pub(super) fn hand_out(data: &[u8], each: &mut dyn FnMut(Frame<'_>)) {
    match data.trim_ascii() {
        [] => {}
        b"[DONE]" => each(Frame::Done),
        _ => each(Frame::Data(data)),
    }
}

fn field(line: &[u8]) -> Field<'_> {
    if let Some(value) = line.strip_prefix(b"data:").or_else(|| line.strip_prefix(b"error:")) {
        Field::Data(value.strip_prefix(b" ").unwrap_or(value))
    } else if line == b"data" {
        Field::Data(b"")
    } else if line[0] == b':' {
        Field::Comment
    } else {
        Field::Other
    }
}
