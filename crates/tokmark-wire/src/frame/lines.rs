//! From bytes in any pieces to lines, copied only where a line lies in several pieces.

use memchr::{memchr, memchr2};

use super::KEPT_BYTES;

const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";
/// A byte order mark and a CR, which do not count as part of a line.
const UNCOUNTED_BYTES: usize = 4;

/// What ends a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LineEnd {
    /// LF, CR, or CR LF.
    Any,
    /// LF, or CR LF.
    Lf,
}

/// One line, without its end.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Line<'b> {
    /// It lies in the bytes given.
    Here(&'b [u8]),
    /// It lies in [`Lines::carried`].
    Carried,
    /// It is above the limit and gone; said once.
    TooLong,
}

/// Cuts bytes into lines.
#[derive(Debug)]
pub(super) struct Lines {
    end: LineEnd,
    max_bytes: usize,
    /// The beginning of a line whose end has not come, or a whole line just handed out.
    carried: Vec<u8>,
    is_handed_out: bool,
    /// The last byte was a CR, so that an LF would belong to it.
    is_after_cr: bool,
    /// In a line that was reported as too long.
    skips: bool,
    is_first: bool,
}

impl Lines {
    pub(super) fn new(end: LineEnd, max_bytes: usize) -> Self {
        Lines {
            end,
            max_bytes,
            carried: Vec::new(),
            is_handed_out: false,
            is_after_cr: false,
            skips: false,
            is_first: true,
        }
    }

    /// Takes one line off `rest`. `None` when the rest, now empty, ends inside a line.
    pub(super) fn next<'b>(&mut self, rest: &mut &'b [u8]) -> Option<Line<'b>> {
        self.drop_handed_out();
        loop {
            self.take_lf_of_cr(rest);
            let Some(at) = self.find_end(rest) else {
                return self.carry(std::mem::take(rest));
            };
            let bytes: &'b [u8] = rest;
            let line = &bytes[..at];
            self.is_after_cr = bytes[at] == b'\r';
            *rest = &bytes[at + 1..];
            if std::mem::take(&mut self.skips) {
                self.is_first = false;
                continue;
            }
            return Some(self.complete(line));
        }
    }

    /// The line of the last [`Line::Carried`].
    pub(super) fn carried(&self) -> &[u8] {
        &self.carried
    }

    /// The line whose end has not come; `None` where there is none, or it was too long.
    pub(super) fn unfinished(&mut self) -> Option<&[u8]> {
        self.drop_handed_out();
        let is_first = self.is_first;
        (!self.carried.is_empty()).then(|| trimmed(&self.carried, is_first, self.end))
    }

    /// Ready for another stream.
    pub(super) fn reset(&mut self) {
        empty(&mut self.carried);
        self.is_handed_out = false;
        self.is_after_cr = false;
        self.skips = false;
        self.is_first = true;
    }

    fn drop_handed_out(&mut self) {
        if std::mem::take(&mut self.is_handed_out) {
            empty(&mut self.carried);
        }
    }

    fn take_lf_of_cr(&mut self, rest: &mut &[u8]) {
        if self.is_after_cr && !rest.is_empty() {
            self.is_after_cr = false;
            if rest[0] == b'\n' {
                *rest = &rest[1..];
            }
        }
    }

    fn find_end(&self, bytes: &[u8]) -> Option<usize> {
        match self.end {
            LineEnd::Any => memchr2(b'\n', b'\r', bytes),
            LineEnd::Lf => memchr(b'\n', bytes),
        }
    }

    /// Keeps the beginning of a line, unless the line is too long already.
    fn carry<'b>(&mut self, part: &[u8]) -> Option<Line<'b>> {
        if self.skips {
            return None;
        }
        let most = self.max_bytes.saturating_add(UNCOUNTED_BYTES);
        if self.carried.len() + part.len() > most {
            self.carried = Vec::new();
            self.skips = true;
            return Some(Line::TooLong);
        }
        self.carried.extend_from_slice(part);
        None
    }

    fn complete<'b>(&mut self, line: &'b [u8]) -> Line<'b> {
        let is_first = std::mem::take(&mut self.is_first);
        if self.carried.is_empty() {
            let line = trimmed(line, is_first, self.end);
            return if line.len() > self.max_bytes { Line::TooLong } else { Line::Here(line) };
        }
        self.carried.extend_from_slice(line);
        self.is_handed_out = true;
        let n_bytes = trimmed(&self.carried, is_first, self.end).len();
        if n_bytes > self.max_bytes {
            return Line::TooLong;
        }
        if is_first && self.carried.starts_with(BYTE_ORDER_MARK) {
            self.carried.drain(..BYTE_ORDER_MARK.len());
        }
        self.carried.truncate(n_bytes);
        Line::Carried
    }
}

/// Without the byte order mark of the first line and the CR before an LF.
fn trimmed(line: &[u8], is_first: bool, end: LineEnd) -> &[u8] {
    let line = match line.strip_prefix(BYTE_ORDER_MARK) {
        Some(line) if is_first => line,
        _ => line,
    };
    match (end, line) {
        (LineEnd::Lf, [line @ .., b'\r']) => line,
        _ => line,
    }
}

/// Empties a buffer and gives a large one back.
pub(super) fn empty(buffer: &mut Vec<u8>) {
    if buffer.capacity() > KEPT_BYTES {
        *buffer = Vec::new();
    } else {
        buffer.clear();
    }
}
