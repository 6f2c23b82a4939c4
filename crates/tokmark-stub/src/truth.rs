//! What really happened: the times at which bytes were handed to the kernel.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::error::StubError;

/// Upper bounds of [`Summary::lateness_counts`], in µs; a last count has all above.
pub const LATENESS_BOUNDS_US: [u64; 9] = [50, 100, 200, 500, 1000, 2000, 5000, 10_000, 50_000];

/// How a request ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum Outcome {
    /// Everything was sent.
    Complete,
    /// An HTTP status other than success was sent.
    Refused,
    /// The server broke it off, as told to.
    Broken,
    /// The client left before the end.
    Abandoned,
}

impl Outcome {
    pub(crate) const ALL: [Outcome; 4] =
        [Outcome::Complete, Outcome::Refused, Outcome::Broken, Outcome::Abandoned];

    fn word(self) -> &'static str {
        match self {
            Outcome::Complete => "complete",
            Outcome::Refused => "refused",
            Outcome::Broken => "broken",
            Outcome::Abandoned => "abandoned",
        }
    }
}

/// One request. Times are those of [`monotonic_ns`](crate::monotonic_ns), taken right after the
/// write returned that handed the last byte of the event to the kernel. On the same machine a
/// client may see the bytes a few µs before that.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "RowTuple", into = "RowTuple")]
pub struct TruthRow {
    /// The request's `x-request-id`, where it is a whole number.
    pub id: Option<u64>,
    /// The last byte of the request arrived, by the kernel's stamp where there is one, so that
    /// the time in which this server did not look is in the truth.
    pub received_ns: u64,
    /// Its answer was begun: later than `received_ns` where it waited for a slot, or behind an
    /// earlier request on its connection. The schedule counts from here.
    pub started_ns: u64,
    /// First text event: reasoning, answer, or a tool call.
    pub first_text_ns: Option<u64>,
    /// First text event that is no reasoning.
    pub first_answer_ns: Option<u64>,
    /// Last text event.
    pub last_text_ns: Option<u64>,
    /// Last byte of the answer, or the moment of its breaking off.
    pub end_ns: u64,
    /// Text events sent whole; 1 for an answer that is not streamed.
    pub n_events: u32,
    /// How it ended.
    pub outcome: Outcome,
}

/// Names of a row's columns, in their order.
pub const COLUMNS: [&str; 9] = [
    "id",
    "received_ns",
    "started_ns",
    "first_text_ns",
    "first_answer_ns",
    "last_text_ns",
    "end_ns",
    "n_events",
    "outcome",
];

type RowTuple = (Option<u64>, u64, u64, Option<u64>, Option<u64>, Option<u64>, u64, u32, Outcome);

impl From<RowTuple> for TruthRow {
    fn from(tuple: RowTuple) -> Self {
        let (id, received_ns, started_ns, first_text_ns, ..) = tuple;
        let (.., first_answer_ns, last_text_ns, end_ns, n_events, outcome) = tuple;
        TruthRow {
            id,
            received_ns,
            started_ns,
            first_text_ns,
            first_answer_ns,
            last_text_ns,
            end_ns,
            n_events,
            outcome,
        }
    }
}

impl From<TruthRow> for RowTuple {
    fn from(row: TruthRow) -> Self {
        (
            row.id,
            row.received_ns,
            row.started_ns,
            row.first_text_ns,
            row.first_answer_ns,
            row.last_text_ns,
            row.end_ns,
            row.n_events,
            row.outcome,
        )
    }
}

impl TruthRow {
    /// Appends it to a list of rows in JSON.
    pub(crate) fn write_json(&self, text: &mut Vec<u8>) {
        let numbers = [
            self.id,
            Some(self.received_ns),
            Some(self.started_ns),
            self.first_text_ns,
            self.first_answer_ns,
            self.last_text_ns,
            Some(self.end_ns),
            Some(self.n_events.into()),
        ];
        text.push(b'[');
        for number in numbers {
            match number {
                Some(number) => text.extend_from_slice(number.to_string().as_bytes()),
                None => text.extend_from_slice(b"null"),
            }
            text.push(b',');
        }
        text.push(b'"');
        text.extend_from_slice(self.outcome.word().as_bytes());
        text.extend_from_slice(b"\"]");
    }
}

/// Sums over all requests since the start or the last reset.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Summary {
    /// Requests that ended.
    pub n_requests: u64,
    /// Of those, sent to the end.
    pub n_complete: u64,
    /// Of those, refused with an HTTP status.
    pub n_refused: u64,
    /// Of those, broken off by the server.
    pub n_broken: u64,
    /// Of those, left by the client.
    pub n_abandoned: u64,
    /// Requests received and not ended now.
    pub in_flight: u64,
    /// Most requests received and not ended at once, those that waited for a slot included.
    pub max_in_flight: u64,
    /// Of those in flight, the ones that wait for a slot.
    pub waiting: u64,
    /// Requests whose rows were left out because there were too many.
    pub n_rows_left_out: u64,
    /// Connections accepted.
    pub n_connections: u64,
    /// Connections that the system would not let it accept, mostly for want of descriptors.
    pub n_accept_errors: u64,
    /// Text events, of requests that have not ended too.
    pub n_text_events: u64,
    /// Gaps between successive text events of a request.
    pub n_gaps: u64,
    /// Sum of those gaps.
    pub gaps_ns: u64,
    /// Requests with a text event.
    pub n_first_texts: u64,
    /// Sum over them of the time from received to the first text event.
    pub first_texts_ns: u64,
    /// Sum over all text events of how late they were against their schedule.
    pub lateness_ns: u64,
    /// Largest of these.
    pub max_lateness_ns: u64,
    /// How many text events were late by at most each of [`LATENESS_BOUNDS_US`], and above. If
    /// many are late, the machine could not keep the schedule; the truth holds all the same.
    pub lateness_counts: [u64; LATENESS_BOUNDS_US.len() + 1],
}

impl Summary {
    /// Mean gap between successive text events.
    pub fn mean_itl(&self) -> Option<Duration> {
        mean(self.gaps_ns, self.n_gaps)
    }

    /// Mean time from received to the first text event.
    pub fn mean_ttft(&self) -> Option<Duration> {
        mean(self.first_texts_ns, self.n_first_texts)
    }

    /// Mean lateness of text events against their schedule.
    pub fn mean_lateness(&self) -> Option<Duration> {
        mean(self.lateness_ns, self.n_text_events)
    }

    /// Counts a text event.
    #[inline]
    pub(crate) fn add_text_events(&mut self, n: u64, due_ns: u64, stamp_ns: u64) {
        let late = stamp_ns.saturating_sub(due_ns);
        self.n_text_events += n;
        self.lateness_ns = self.lateness_ns.saturating_add(late.saturating_mul(n));
        self.max_lateness_ns = self.max_lateness_ns.max(late);
        let late_us = late / 1000;
        let place = LATENESS_BOUNDS_US.iter().position(|bound| late_us <= *bound);
        self.lateness_counts[place.unwrap_or(LATENESS_BOUNDS_US.len())] += n;
    }

    /// Counts a request that ended.
    pub(crate) fn add_outcome(&mut self, outcome: Outcome) {
        self.n_requests += 1;
        match outcome {
            Outcome::Complete => self.n_complete += 1,
            Outcome::Refused => self.n_refused += 1,
            Outcome::Broken => self.n_broken += 1,
            Outcome::Abandoned => self.n_abandoned += 1,
        }
    }

    /// Adds the sums of another thread.
    pub(crate) fn add(&mut self, other: &Summary) {
        self.n_requests += other.n_requests;
        self.n_complete += other.n_complete;
        self.n_refused += other.n_refused;
        self.n_broken += other.n_broken;
        self.n_abandoned += other.n_abandoned;
        self.n_text_events += other.n_text_events;
        self.n_gaps += other.n_gaps;
        self.gaps_ns = self.gaps_ns.saturating_add(other.gaps_ns);
        self.n_first_texts += other.n_first_texts;
        self.first_texts_ns = self.first_texts_ns.saturating_add(other.first_texts_ns);
        self.lateness_ns = self.lateness_ns.saturating_add(other.lateness_ns);
        self.max_lateness_ns = self.max_lateness_ns.max(other.max_lateness_ns);
        for (count, more) in self.lateness_counts.iter_mut().zip(other.lateness_counts) {
            *count += more;
        }
    }
}

fn mean(sum_ns: u64, n: u64) -> Option<Duration> {
    sum_ns.checked_div(n).map(Duration::from_nanos)
}

/// Everything that a server recorded. In JSON the rows are lists in the order of `columns`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Truth {
    /// Sums over all requests.
    pub summary: Summary,
    /// Ended requests, those of one thread in the order of their ends.
    pub rows: Vec<TruthRow>,
}

impl Truth {
    /// Reads what `/stub/truth` answered.
    ///
    /// # Errors
    /// When it is something else.
    pub fn from_json(json: &[u8]) -> Result<Self, StubError> {
        Ok(serde_json::from_slice(json)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row() -> TruthRow {
        TruthRow {
            id: Some(7),
            received_ns: 100,
            started_ns: 110,
            first_text_ns: Some(150),
            first_answer_ns: None,
            last_text_ns: Some(900),
            end_ns: 901,
            n_events: 12,
            outcome: Outcome::Broken,
        }
    }

    #[test]
    fn a_row_in_json_is_a_list_in_the_order_of_the_columns() {
        let mut text = Vec::new();
        row().write_json(&mut text);
        assert_eq!(text, br#"[7,100,110,150,null,900,901,12,"broken"]"#);
        assert_eq!(serde_json::from_slice::<TruthRow>(&text).unwrap(), row());
        assert_eq!(serde_json::to_vec(&row()).unwrap(), text);
        assert_eq!(
            serde_json::from_slice::<Vec<serde_json::Value>>(&text).unwrap().len(),
            COLUMNS.len()
        );
    }

    #[test]
    fn lateness_is_counted_in_the_class_that_holds_it() {
        let mut summary = Summary::default();
        summary.add_text_events(1, 1_000, 1_000);
        summary.add_text_events(1, 0, 50_999);
        summary.add_text_events(2, 0, 51_000);
        summary.add_text_events(1, 0, 60_000_000);
        assert_eq!(summary.lateness_counts, [2, 2, 0, 0, 0, 0, 0, 0, 0, 1]);
        assert_eq!(summary.max_lateness_ns, 60_000_000);
        assert_eq!(summary.mean_lateness(), Some(Duration::from_nanos(60_152_999 / 5)));
    }

    #[test]
    fn means_without_values_are_absent() {
        assert_eq!(Summary::default().mean_itl(), None);
        assert_eq!(Summary::default().mean_ttft(), None);
    }

    #[test]
    fn another_text_is_no_truth() {
        assert!(Truth::from_json(b"{\"status\":\"ok\"}").is_err());
    }
}
