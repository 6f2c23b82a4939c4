//! Open connections that wait for another request, of one thread.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;
use std::time::{Duration, Instant};

use tokio::sync::Semaphore;
use tokio::task::yield_now;

use crate::connection::{Broken, Connection};
use crate::target::Target;

/// How long the end of a body is waited for when all is said, so that the connection can be
/// used again.
const PATIENCE: Duration = Duration::from_millis(100);
/// After so many that did not end, and none that did, no other is waited for.
const ENOUGH_OPEN_ENDS: u32 = 3;

/// Idle connections of one thread, by position of their target.
pub(crate) struct Pool {
    idle: RefCell<Vec<Vec<Connection>>>,
    reuse: bool,
    n_ends: Cell<u32>,
    n_open_ends: Cell<u32>,
    turns: Semaphore,
}

/// A connection, and the time that it took where it was made for this request.
pub(crate) struct Lent {
    pub(crate) connection: Connection,
    pub(crate) opened_in: Option<Duration>,
}

impl Pool {
    pub(crate) fn new(n_targets: usize, reuse: bool) -> Self {
        Pool {
            idle: RefCell::new((0..n_targets).map(|_| Vec::new()).collect()),
            reuse,
            n_ends: Cell::new(0),
            n_open_ends: Cell::new(0),
            turns: Semaphore::new(1),
        }
    }

    /// Begins `act`, which costs the kernel's time, when it is its turn: one between two looks at
    /// what has arrived. A hundred answers that end together would otherwise be followed by a
    /// hundred requests in a row, while the streams that go on lie unread, and of two events
    /// that wait in a socket the kernel keeps one stamp.
    pub(crate) async fn in_turn<T>(&self, act: impl Future<Output = T>) -> T {
        let mut act = pin!(act);
        let turn = self.turns.acquire().await;
        let begun = poll_fn(|context| Poll::Ready(act.as_mut().poll(context))).await;
        if turn.is_ok() {
            // Whoever yields goes on after the runtime has asked the kernel.
            yield_now().await;
        }
        drop(turn);
        match begun {
            Poll::Ready(done) => done,
            Poll::Pending => act.await,
        }
    }

    /// How long to wait for the end of a body whose answer is whole. A server that leaves every
    /// answer open would otherwise keep each slot idle for that long.
    pub(crate) fn patience(&self) -> Duration {
        let is_hopeless = self.n_open_ends.get() >= ENOUGH_OPEN_ENDS && self.n_ends.get() == 0;
        if is_hopeless { Duration::ZERO } else { PATIENCE }
    }

    /// A body ended in time.
    pub(crate) fn note_end(&self) {
        self.n_ends.set(self.n_ends.get().saturating_add(1));
    }

    /// A body did not end although all was said.
    pub(crate) fn note_open_end(&self) {
        self.n_open_ends.set(self.n_open_ends.get().saturating_add(1));
    }

    /// A connection that waited, the last used first; those that ended meanwhile are dropped.
    pub(crate) async fn take(&self, replica: usize) -> Option<Lent> {
        loop {
            let connection = self.idle.borrow_mut().get_mut(replica)?.pop()?;
            if !connection.has_ended().await {
                return Some(Lent { connection, opened_in: None });
            }
        }
    }

    pub(crate) async fn open(&self, target: &Target) -> Result<Lent, Broken> {
        let open = async {
            let begun = Instant::now();
            let connection = Connection::open(target).await?;
            Ok(Lent { connection, opened_in: Some(begun.elapsed()) })
        };
        self.in_turn(open).await
    }

    /// Keeps a connection whose answer was read to its end.
    pub(crate) fn give_back(&self, replica: usize, connection: Connection) {
        if !self.reuse || !connection.is_reusable() {
            return;
        }
        if let Some(idle) = self.idle.borrow_mut().get_mut(replica) {
            idle.push(connection);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn who_is_ready_goes_between_two_that_begin() {
        let pool = Pool::new(1, true);
        let order = RefCell::new(String::new());
        let note = |letter| order.borrow_mut().push(letter);
        tokio::join!(
            biased;
            pool.in_turn(async { note('a') }),
            pool.in_turn(async { note('b') }),
            async { note('c') },
        );
        assert_eq!(*order.borrow(), "acb");
    }
}
