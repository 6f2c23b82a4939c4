//! What a connection does for the request that it has: stream an answer, send one whole, show the
//! truth, or stay silent.

use crate::account::{Received, Stamps, row};
use crate::pages::TruthPages;
use crate::stream::Stream;
use crate::truth::{Outcome, Summary, TruthRow};
use crate::whole::WholeAnswer;

/// What to do next.
#[derive(Debug)]
pub(crate) enum Next {
    /// Nothing before this time.
    Wait(u64),
    /// Hand these bytes to the kernel, then tell [`Script::written`].
    Write(Piece),
    /// Nothing, until the client leaves.
    Park,
    /// The answer is over.
    Over {
        /// The connection is too.
        closes: bool,
    },
}

/// Bytes to write.
#[derive(Debug)]
pub(crate) enum Piece {
    /// Made before; a frame of the stream's plan.
    Planned(usize),
    /// Made for this answer.
    Made(Vec<u8>),
}

/// A short answer that is there at once.
#[derive(Debug)]
pub(crate) struct Reply {
    bytes: Option<Vec<u8>>,
    closes: bool,
}

impl Reply {
    /// Sends `bytes` and closes the connection if told to.
    pub(crate) fn new(bytes: Vec<u8>, closes: bool) -> Self {
        Reply { bytes: Some(bytes), closes }
    }

    fn next(&mut self) -> Next {
        match self.bytes.take() {
            Some(bytes) => Next::Write(Piece::Made(bytes)),
            None => Next::Over { closes: self.closes },
        }
    }
}

/// A request for text that gets none.
#[derive(Debug)]
pub(crate) struct Refusal {
    received: Received,
    stamps: Stamps,
    outcome: Outcome,
    /// `None` for silence.
    reply: Option<Reply>,
}

impl Refusal {
    /// Answers with `reply`, an HTTP error or nothing at all before the end of the connection.
    pub(crate) fn new(received: Received, outcome: Outcome, reply: Option<Reply>) -> Self {
        let stamps = Stamps { started_ns: received.at_ns, ..Stamps::default() };
        Refusal { received, stamps, outcome, reply }
    }
}

/// What a connection does for its request.
#[derive(Debug)]
pub(crate) enum Script {
    /// Streams text.
    Stream(Box<Stream>),
    /// Sends text in one piece.
    Whole(Box<WholeAnswer>),
    /// Has no text.
    Refusal(Box<Refusal>),
    /// Answers about the server itself; no row of the truth.
    Reply(Reply),
    /// Shows the truth; no row of it.
    Truth(Box<TruthPages>),
}

impl Script {
    /// Fixes the schedule.
    pub(crate) fn start(&mut self, now_ns: u64) {
        match self {
            Script::Stream(stream) => stream.start(now_ns),
            Script::Whole(whole) => whole.start(now_ns),
            Script::Refusal(_) | Script::Reply(_) | Script::Truth(_) => {}
        }
    }

    /// What to do at `now_ns`.
    #[inline]
    pub(crate) fn next(&mut self, now_ns: u64) -> Next {
        match self {
            Script::Stream(stream) => stream.next(now_ns),
            Script::Whole(whole) => whole.next(now_ns),
            Script::Refusal(refusal) => refusal.reply.as_mut().map_or(Next::Park, Reply::next),
            Script::Reply(reply) => reply.next(),
            Script::Truth(pages) => pages.next(),
        }
    }

    /// Takes note that what was given out last is with the kernel.
    #[inline]
    pub(crate) fn written(&mut self, stamp_ns: u64, sums: &mut Summary) {
        match self {
            Script::Stream(stream) => stream.written(stamp_ns, sums),
            Script::Whole(whole) => whole.written(stamp_ns, sums),
            Script::Refusal(refusal) => refusal.stamps.end_ns = Some(stamp_ns),
            Script::Reply(_) | Script::Truth(_) => {}
        }
    }

    /// The bytes of a piece that it gave out.
    pub(crate) fn bytes<'a>(&'a self, piece: &'a Piece) -> &'a [u8] {
        match (piece, self) {
            (Piece::Planned(number), Script::Stream(stream)) => stream.frame(*number),
            (Piece::Planned(_), _) => &[],
            (Piece::Made(bytes), _) => bytes,
        }
    }

    /// Whether the bytes given out last go to the kernel one by one.
    pub(crate) fn splits_bytes(&self) -> bool {
        matches!(self, Script::Stream(stream) if stream.splits_bytes())
    }

    /// Whether it answers a request for text, which counts as in flight.
    pub(crate) fn is_text(&self) -> bool {
        matches!(self, Script::Stream(_) | Script::Whole(_) | Script::Refusal(_))
    }

    /// Whether it takes a slot.
    pub(crate) fn wants_slot(&self) -> bool {
        matches!(self, Script::Stream(_) | Script::Whole(_))
    }

    /// The row of the truth when it ends at `now_ns`; `is_left` where the client left it.
    pub(crate) fn row(&self, now_ns: u64, is_left: bool) -> Option<TruthRow> {
        let (received, stamps, outcome) = match self {
            Script::Stream(stream) => stream.account(),
            Script::Whole(whole) => whole.account(),
            Script::Refusal(refusal) => (&refusal.received, &refusal.stamps, refusal.outcome),
            Script::Reply(_) | Script::Truth(_) => return None,
        };
        Some(row(received, stamps, outcome, now_ns, is_left))
    }
}
