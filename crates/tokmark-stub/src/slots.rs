//! Requests that are answered at once, and the queue of the others.

use std::collections::VecDeque;

use crate::table::Key;

/// A request that waits: which thread has it, and its connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Ticket {
    /// The thread.
    pub(crate) worker: usize,
    /// The connection.
    pub(crate) key: Key,
}

/// Slots in the order of asking.
#[derive(Debug)]
pub(crate) struct SlotQueue {
    n_free: u32,
    waiting: VecDeque<Ticket>,
}

impl SlotQueue {
    /// `n` free slots.
    pub(crate) fn new(n: u32) -> Self {
        SlotQueue { n_free: n, waiting: VecDeque::new() }
    }

    /// Takes a slot, or puts `ticket` into the queue and says no.
    pub(crate) fn take(&mut self, ticket: Ticket) -> bool {
        if self.n_free > 0 {
            self.n_free -= 1;
            return true;
        }
        self.waiting.push_back(ticket);
        false
    }

    /// Gives a slot back. Where somebody waits, it is theirs now and they must be told.
    pub(crate) fn give_back(&mut self) -> Option<Ticket> {
        let next = self.waiting.pop_front();
        if next.is_none() {
            self.n_free += 1;
        }
        next
    }

    /// Takes one out of the queue that waits no longer.
    pub(crate) fn leave(&mut self, ticket: Ticket) -> bool {
        let place = self.waiting.iter().position(|other| *other == ticket);
        place.is_some_and(|place| self.waiting.remove(place).is_some())
    }

    /// How many wait.
    pub(crate) fn n_waiting(&self) -> u64 {
        self.waiting.len() as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ticket(slot: u32) -> Ticket {
        Ticket { worker: 0, key: Key { slot, generation: 0 } }
    }

    #[test]
    fn slots_go_to_those_who_wait_in_the_order_of_asking() {
        let mut queue = SlotQueue::new(1);
        assert!(queue.take(ticket(1)));
        assert!(!queue.take(ticket(2)));
        assert!(!queue.take(ticket(3)));
        assert!(!queue.take(ticket(4)));
        assert!(queue.leave(ticket(3)));
        assert!(!queue.leave(ticket(3)));
        assert_eq!(queue.n_waiting(), 2);
        assert_eq!(queue.give_back(), Some(ticket(2)));
        assert_eq!(queue.give_back(), Some(ticket(4)));
        assert_eq!(queue.give_back(), None);
        assert!(queue.take(ticket(5)));
    }
}
