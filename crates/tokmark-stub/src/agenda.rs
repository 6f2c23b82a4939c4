//! What is due when.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::collections::binary_heap::PeekMut;

use crate::table::Key;

/// Connections by the time at which they go on. A connection that waits has one entry; the entry
/// of a closed one stays until its time and is then told by its [`Key`].
#[derive(Debug, Default)]
pub(crate) struct Agenda {
    entries: BinaryHeap<Reverse<(u64, Key)>>,
}

impl Agenda {
    /// Has `key` go on at `at`.
    pub(crate) fn add(&mut self, at: u64, key: Key) {
        self.entries.push(Reverse((at, key)));
    }

    /// The earliest time of all.
    pub(crate) fn next_at(&self) -> Option<u64> {
        self.entries.peek().map(|Reverse((at, _))| *at)
    }

    /// Calls `go_on` for each entry up to `now`, earliest first, at most `limit` times. The entry
    /// moves to the time that it returns, or leaves.
    pub(crate) fn run(
        &mut self,
        now: u64,
        limit: usize,
        mut go_on: impl FnMut(Key) -> Option<u64>,
    ) {
        for _ in 0..limit {
            let Some(mut first) = self.entries.peek_mut() else { return };
            let Reverse((at, key)) = *first;
            if at > now {
                return;
            }
            match go_on(key) {
                // Changed in place: one sift instead of two.
                Some(again) => first.0.0 = again,
                None => {
                    PeekMut::pop(first);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(slot: u32) -> Key {
        Key { slot, generation: 0 }
    }

    #[test]
    fn entries_run_in_the_order_of_their_times_and_return_as_asked() {
        let mut agenda = Agenda::default();
        agenda.add(30, key(3));
        agenda.add(10, key(1));
        agenda.add(20, key(2));
        let mut seen = Vec::new();
        agenda.run(25, 100, |key| {
            seen.push(key.slot);
            (seen.len() == 1).then_some(22)
        });
        assert_eq!(seen, [1, 2, 1]);
        assert_eq!(agenda.next_at(), Some(30));
    }

    #[test]
    fn a_run_ends_at_its_limit() {
        let mut agenda = Agenda::default();
        agenda.add(1, key(1));
        let mut n = 0;
        agenda.run(5, 3, |_| {
            n += 1;
            Some(2)
        });
        assert_eq!(n, 3);
    }
}
