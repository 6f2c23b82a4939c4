//! Rows of the truth, packed: some 30 bytes a request.

use crate::truth::{Outcome, TruthRow};

/// Bytes of a block. Blocks are never copied when the log grows.
const BLOCK: usize = 1 << 18;
/// Most bytes of a packed row: nine numbers of at most ten bytes.
const MAX_ROW: usize = 90;

/// Rows in the order of their adding. Each is a run of unsigned LEB128 numbers: the id + 1 or 0,
/// the received time, the spans from received to started, to the first text, to the first answer
/// and to the last text (each + 1, or 0 where there is none), from received to the end, the
/// events, the outcome.
#[derive(Debug, Default)]
pub(crate) struct RowLog {
    blocks: Vec<Vec<u8>>,
}

/// Where a reader stands in a log.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Place {
    block: usize,
    offset: usize,
}

impl RowLog {
    /// Adds one at the end.
    pub(crate) fn add(&mut self, row: &TruthRow) {
        let is_full = |block: &Vec<u8>| block.len() + MAX_ROW > BLOCK;
        if self.blocks.last().is_none_or(is_full) {
            self.blocks.push(Vec::with_capacity(BLOCK));
        }
        let Some(block) = self.blocks.last_mut() else { return };
        let span = |time: u64| time.saturating_sub(row.received_ns);
        let maybe = |time: Option<u64>| time.map_or(0, |time| span(time).saturating_add(1));
        let numbers = [
            row.id.map_or(0, |id| id.saturating_add(1)),
            row.received_ns,
            span(row.started_ns),
            maybe(row.first_text_ns),
            maybe(row.first_answer_ns),
            maybe(row.last_text_ns),
            span(row.end_ns),
            row.n_events.into(),
            row.outcome as u64,
        ];
        for number in numbers {
            write_number(block, number);
        }
    }

    /// The row at `place`, which moves on; `None` at the end.
    pub(crate) fn read(&self, place: &mut Place) -> Option<TruthRow> {
        while self.blocks.get(place.block)?.len() <= place.offset {
            if place.block + 1 >= self.blocks.len() {
                return None;
            }
            *place = Place { block: place.block + 1, offset: 0 };
        }
        let block = self.blocks.get(place.block)?;
        let mut rest = block.get(place.offset..)?;
        let row = read_row(&mut rest)?;
        place.offset = block.len() - rest.len();
        Some(row)
    }

    /// Forgets all rows.
    pub(crate) fn clear(&mut self) {
        self.blocks.clear();
    }
}

fn read_row(rest: &mut &[u8]) -> Option<TruthRow> {
    let mut numbers = [0u64; 9];
    for number in &mut numbers {
        *number = read_number(rest)?;
    }
    let [id, received_ns, started, first_text, first_answer, last_text, end, n_events, outcome] =
        numbers;
    let after = |span: u64| received_ns.saturating_add(span);
    let maybe = |span: u64| span.checked_sub(1).map(after);
    Some(TruthRow {
        id: id.checked_sub(1),
        received_ns,
        started_ns: after(started),
        first_text_ns: maybe(first_text),
        first_answer_ns: maybe(first_answer),
        last_text_ns: maybe(last_text),
        end_ns: after(end),
        n_events: u32::try_from(n_events).ok()?,
        outcome: *Outcome::ALL.get(usize::try_from(outcome).ok()?)?,
    })
}

fn write_number(bytes: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        bytes.push(number as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
}

fn read_number(rest: &mut &[u8]) -> Option<u64> {
    let mut number = 0u64;
    for shift in (0..64).step_by(7) {
        let (byte, tail) = rest.split_first()?;
        *rest = tail;
        number |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn rows_of(log: &RowLog) -> Vec<TruthRow> {
        let mut place = Place::default();
        std::iter::from_fn(|| log.read(&mut place)).collect()
    }

    fn any_row() -> impl Strategy<Value = TruthRow> {
        let span = 0u64..1 << 40;
        let maybe = prop::option::of(span.clone());
        let spans = (span.clone(), maybe.clone(), maybe.clone(), maybe, span);
        let id = prop::option::of(0..u64::MAX);
        (id, 0u64..1 << 60, spans, any::<u32>(), 0usize..4).prop_map(
            |(id, received_ns, (started, first, answer, last, end), n_events, outcome)| TruthRow {
                id,
                received_ns,
                started_ns: received_ns + started,
                first_text_ns: first.map(|span| received_ns + span),
                first_answer_ns: answer.map(|span| received_ns + span),
                last_text_ns: last.map(|span| received_ns + span),
                end_ns: received_ns + end,
                n_events,
                outcome: Outcome::ALL[outcome],
            },
        )
    }

    proptest! {
        #[test]
        fn rows_come_back_as_they_were(rows in prop::collection::vec(any_row(), 0..50)) {
            let mut log = RowLog::default();
            for row in &rows {
                log.add(row);
            }
            prop_assert_eq!(rows_of(&log), rows);
        }
    }

    #[test]
    fn a_log_of_many_blocks_is_read_to_its_end_and_can_grow_meanwhile() {
        let row = |id| TruthRow {
            id: Some(id),
            received_ns: u64::MAX / 2,
            started_ns: u64::MAX / 2,
            first_text_ns: None,
            first_answer_ns: None,
            last_text_ns: None,
            end_ns: u64::MAX,
            n_events: 0,
            outcome: Outcome::Refused,
        };
        let mut log = RowLog::default();
        for id in 0..30_000 {
            log.add(&row(id));
        }
        assert!(log.blocks.len() > 2);
        let mut place = Place::default();
        let ids: Vec<_> = std::iter::from_fn(|| log.read(&mut place)?.id).collect();
        assert!(ids.into_iter().eq(0..30_000));
        log.add(&row(30_000));
        assert_eq!(log.read(&mut place).and_then(|row| row.id), Some(30_000));
        log.clear();
        assert!(rows_of(&log).is_empty());
    }
}
