//! Ctrl-C, and who hears it.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use crate::supervise::kill;

/// Ctrl-C, counted: once means finish this repetition, save and stop; twice means now.
#[derive(Debug, Clone, Default)]
pub struct Interrupt {
    shared: Arc<Shared>,
}

/// Somebody who asks about interrupts, made by [`Interrupt::attend`].
#[derive(Debug)]
pub struct Attention {
    shared: Arc<Shared>,
}

impl Drop for Attention {
    fn drop(&mut self) {
        self.shared.n_attending.fetch_sub(1, Ordering::SeqCst);
    }
}

#[derive(Debug, Default)]
struct Shared {
    count: AtomicU32,
    n_attending: AtomicU32,
    expendable: AtomicBool,
    has_killed: AtomicBool,
    workers: Mutex<Vec<u32>>,
}

impl Interrupt {
    /// Counts one more; at the second, or at the first while there is nothing to save, kills
    /// every running worker. Called from the thread that handles signals, not from the
    /// handler itself.
    pub fn raise(&self) {
        self.shared.count.fetch_add(1, Ordering::SeqCst);
        if self.is_urgent() {
            self.kill_workers();
        }
    }

    /// Whether to stop after this repetition.
    pub fn is_raised(&self) -> bool {
        self.n_raised() > 0
    }

    fn n_raised(&self) -> u32 {
        self.shared.count.load(Ordering::SeqCst)
    }

    /// Says whether what the workers do now is worth waiting for.
    pub fn set_expendable(&self, expendable: bool) {
        self.shared.expendable.store(expendable, Ordering::SeqCst);
        if self.is_urgent() {
            self.kill_workers();
        }
    }

    /// Whether the user asked twice and there is no worker to end.
    pub fn is_idle_and_urgent(&self) -> bool {
        self.is_urgent() && self.shared.workers.lock().expect("no panic under this lock").is_empty()
    }

    fn is_urgent(&self) -> bool {
        match self.n_raised() {
            0 => false,
            1 => self.shared.expendable.load(Ordering::SeqCst),
            _ => true,
        }
    }

    /// Whether a worker's end may be this interrupt's doing.
    pub fn has_killed(&self) -> bool {
        self.shared.has_killed.load(Ordering::SeqCst)
    }

    fn kill_workers(&self) {
        for &pid in self.shared.workers.lock().expect("no panic under this lock").iter() {
            self.shared.has_killed.store(true, Ordering::SeqCst);
            kill(pid);
        }
    }

    /// While the value lives, somebody asks [`Interrupt::is_idle_and_urgent`] many times a second
    /// and saves what there is.
    #[must_use]
    pub fn attend(&self) -> Attention {
        self.shared.n_attending.fetch_add(1, Ordering::SeqCst);
        Attention { shared: self.shared.clone() }
    }

    /// Whether the user asked twice and nobody looks, so that only the end of the program
    /// remains: no worker was or is to be ended, and nobody attends. Who attends has had his
    /// chance when the user asks a third time.
    pub fn is_unheard(&self) -> bool {
        let is_attended = self.shared.n_attending.load(Ordering::SeqCst) > 0;
        let has_patience = self.n_raised() < 3;
        self.n_raised() > 1
            && self.is_idle_and_urgent()
            && !self.has_killed()
            && !(is_attended && has_patience)
    }

    pub(crate) fn enlist(&self, pid: u32) {
        self.shared.workers.lock().expect("no panic under this lock").push(pid);
        if self.is_urgent() {
            self.shared.has_killed.store(true, Ordering::SeqCst);
            kill(pid);
        }
    }

    pub(crate) fn dismiss(&self, pid: u32) {
        self.shared.workers.lock().expect("no panic under this lock").retain(|&p| p != pid);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nobody_hears_ends_the_program_at_the_second_time() {
        let interrupt = Interrupt::default();
        interrupt.raise();
        assert!(interrupt.is_raised() && !interrupt.is_unheard());
        interrupt.raise();
        assert!(interrupt.is_unheard() && !interrupt.has_killed());
    }

    #[test]
    fn who_attends_has_until_the_third_time() {
        let interrupt = Interrupt::default();
        let attention = interrupt.attend();
        interrupt.raise();
        interrupt.raise();
        assert!(interrupt.is_idle_and_urgent() && !interrupt.is_unheard());
        let later = interrupt.clone();
        interrupt.raise();
        assert!(later.is_unheard());
        drop(attention);
        assert!(later.is_unheard());
    }

    #[test]
    fn what_a_worker_was_ended_for_is_waited_for() {
        let interrupt = Interrupt::default();
        interrupt.raise();
        interrupt.raise();
        // A process number that no process has.
        interrupt.enlist(0x7fff_fff0);
        interrupt.dismiss(0x7fff_fff0);
        assert!(interrupt.has_killed() && interrupt.is_idle_and_urgent());
        assert!(!interrupt.is_unheard());
    }
}
