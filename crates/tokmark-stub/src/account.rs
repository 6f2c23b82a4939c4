//! What is known of one request for text, and what was recorded of it.

use crate::truth::{Outcome, Summary, TruthRow};

/// What is known of a request when its answer begins.
#[derive(Debug, Clone)]
pub(crate) struct Received {
    /// Its `x-request-id`.
    pub(crate) id: Option<u64>,
    /// When its last byte was read.
    pub(crate) at_ns: u64,
    /// The connection stays open after the answer.
    pub(crate) keep_alive: bool,
    /// Words of the prompt.
    pub(crate) n_prompt: u32,
    /// Of those, in the prefix cache; `None` without one.
    pub(crate) n_cached: Option<u32>,
    /// The stream ends with the usage.
    pub(crate) include_usage: bool,
}

/// Times that the truth has of a request.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Stamps {
    pub(crate) started_ns: u64,
    pub(crate) first_text_ns: Option<u64>,
    pub(crate) first_answer_ns: Option<u64>,
    pub(crate) last_text_ns: Option<u64>,
    pub(crate) end_ns: Option<u64>,
    pub(crate) n_events: u32,
}

impl Stamps {
    /// Takes `n` text events that were due at `due_ns` and sent at `stamp_ns`.
    #[inline]
    pub(crate) fn add_text(
        &mut self,
        n: u32,
        due_ns: u64,
        stamp_ns: u64,
        received_ns: u64,
        sums: &mut Summary,
    ) {
        match self.last_text_ns {
            Some(before) => {
                sums.n_gaps += 1;
                sums.gaps_ns = sums.gaps_ns.saturating_add(stamp_ns.saturating_sub(before));
            }
            None => {
                self.first_text_ns = Some(stamp_ns);
                sums.n_first_texts += 1;
                let span = stamp_ns.saturating_sub(received_ns);
                sums.first_texts_ns = sums.first_texts_ns.saturating_add(span);
            }
        }
        // Events of one write have no time between them.
        sums.n_gaps += u64::from(n.saturating_sub(1));
        self.last_text_ns = Some(stamp_ns);
        self.n_events += n;
        sums.add_text_events(n.into(), due_ns, stamp_ns);
    }
}

/// The row of a request that ends at `now_ns`; `is_left` where the client left it.
pub(crate) fn row(
    received: &Received,
    stamps: &Stamps,
    outcome: Outcome,
    now_ns: u64,
    is_left: bool,
) -> TruthRow {
    let is_whole = stamps.end_ns.is_some();
    TruthRow {
        id: received.id,
        received_ns: received.at_ns,
        // It never started where the client left the queue.
        started_ns: stamps.started_ns.max(received.at_ns),
        first_text_ns: stamps.first_text_ns,
        first_answer_ns: stamps.first_answer_ns,
        last_text_ns: stamps.last_text_ns,
        end_ns: stamps.end_ns.unwrap_or(now_ns),
        n_events: stamps.n_events,
        outcome: if is_left && !is_whole { Outcome::Abandoned } else { outcome },
    }
}
