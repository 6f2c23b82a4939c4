//! The answer of `/stub/truth`: as long as the truth is, in pages of bounded size.

use std::sync::Arc;

use crate::http::{Framing, response_head};
use crate::row_log::Place;
use crate::script::{Next, Piece};
use crate::shared::{Shared, locked};
use crate::truth::COLUMNS;

/// Rows of a page.
const PAGE: usize = 1000;

/// Writes the truth page by page, each when the one before is with the kernel.
pub(crate) struct TruthPages {
    shared: Arc<Shared>,
    worker: usize,
    place: Place,
    step: Step,
    is_chunked: bool,
    keep_alive: bool,
    n_rows: usize,
    /// What stands before the rows. Made first, while nobody holds a sum.
    beginning: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Head,
    Rows,
    Over,
}

impl std::fmt::Debug for TruthPages {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TruthPages").field("step", &self.step).finish_non_exhaustive()
    }
}

impl TruthPages {
    /// From the first row on. Rows that are added meanwhile may be in it too.
    pub(crate) fn new(shared: Arc<Shared>, is_chunked: bool, keep_alive: bool) -> Self {
        let (summary, columns) = (serde_json::json!(shared.summary()), serde_json::json!(COLUMNS));
        TruthPages {
            beginning: format!("{{\"summary\":{summary},\"columns\":{columns},\"rows\":["),
            shared,
            worker: 0,
            place: Place::default(),
            step: Step::Head,
            is_chunked,
            keep_alive: keep_alive && is_chunked,
            n_rows: 0,
        }
    }

    /// The next page.
    pub(crate) fn next(&mut self) -> Next {
        let bytes = match self.step {
            Step::Head => {
                self.step = Step::Rows;
                let framing = if self.is_chunked { Framing::Chunks } else { Framing::UntilClose };
                let mut head = response_head(200, "application/json", framing, self.keep_alive, "");
                head.extend_from_slice(&self.framed(self.beginning.as_bytes()));
                head
            }
            Step::Rows => {
                let rows = self.rows();
                if rows.is_empty() {
                    self.step = Step::Over;
                    let end = if self.is_chunked { b"0\r\n\r\n".as_slice() } else { b"" };
                    [self.framed(b"]}").as_slice(), end].concat()
                } else {
                    self.framed(&rows)
                }
            }
            Step::Over => return Next::Over { closes: !self.keep_alive },
        };
        Next::Write(Piece::Made(bytes))
    }

    fn rows(&mut self) -> Vec<u8> {
        let mut text = Vec::new();
        while let Some(ledger) = self.shared.ledgers.get(self.worker) {
            let log = locked(&ledger.rows);
            for _ in 0..PAGE {
                let Some(row) = log.read(&mut self.place) else { break };
                text.extend_from_slice(if self.n_rows == 0 { b"\n" } else { b",\n" });
                row.write_json(&mut text);
                self.n_rows += 1;
            }
            if !text.is_empty() {
                return text;
            }
            self.worker += 1;
            self.place = Place::default();
        }
        text
    }

    fn framed(&self, bytes: &[u8]) -> Vec<u8> {
        if !self.is_chunked {
            return bytes.to_vec();
        }
        [format!("{:x}\r\n", bytes.len()).as_bytes(), bytes, b"\r\n"].concat()
    }
}
