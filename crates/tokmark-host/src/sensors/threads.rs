//! The worker's threads: time waited for a CPU and involuntary context switches.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use tokmark_model::Nanos;

use crate::tree::{CounterFile, Tree, field_number};

/// Counters of one thread since it began.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ThreadCounters {
    pub(super) thread: u32,
    pub(super) run_delay: Option<Nanos>,
    pub(super) involuntary_switches: Option<u64>,
}

/// The threads of one process; files of threads seen before stay open.
#[derive(Debug)]
pub(super) struct WorkerThreads {
    folder: PathBuf,
    open: Mutex<HashMap<u32, ThreadFiles>>,
}

#[derive(Debug)]
struct ThreadFiles {
    schedstat: Option<CounterFile>,
    status: Option<CounterFile>,
}

impl WorkerThreads {
    pub(super) fn new(tree: &Tree, pid: u32) -> Self {
        Self { folder: tree.path(format!("proc/{pid}/task")), open: Mutex::default() }
    }

    /// All threads alive now; `None` when the process is gone. A thread that ended
    /// takes its counts with it.
    pub(super) fn read(&self, buffer: &mut [u8]) -> Option<Vec<ThreadCounters>> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let mut threads = Vec::with_capacity(open.len());
        for entry in std::fs::read_dir(&self.folder).ok()?.flatten() {
            let Some(thread) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else {
                continue;
            };
            let files = open.entry(thread).or_insert_with(|| ThreadFiles {
                schedstat: CounterFile::open(&entry.path().join("schedstat")),
                status: CounterFile::open(&entry.path().join("status")),
            });
            threads.push(ThreadCounters {
                thread,
                run_delay: (files.schedstat.as_ref())
                    .and_then(|file| parse_run_delay(file.read(buffer)?)),
                involuntary_switches: (files.status.as_ref()).and_then(|file| {
                    field_number(file.read(buffer)?, "nonvoluntary_ctxt_switches:")
                }),
            });
        }
        // Thread numbers are used again: a file opened for a former owner answers errors.
        open.retain(|&number, _| {
            threads.iter().any(|now| {
                now.thread == number
                    && (now.run_delay.is_some() || now.involuntary_switches.is_some())
            })
        });
        (!threads.is_empty()).then_some(threads)
    }
}

/// `schedstat` is: nanoseconds run, nanoseconds waited, times run (the kernel's
/// Documentation/scheduler/sched-stats.rst). Kernels without scheduler information
/// write three zeros, which is no measurement.
fn parse_run_delay(text: &str) -> Option<Nanos> {
    let mut words = text.split_whitespace();
    let (run, delay, times) = (words.next()?, words.next()?, words.next()?);
    let delay = delay.parse().ok()?;
    (run, delay, times).ne(&("0", 0, "0")).then_some(Nanos(delay))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::fixture::Fixture;

    #[test]
    fn run_delay_is_the_second_number_and_three_zeros_are_unknown() {
        assert_eq!(parse_run_delay("124717 6736401 2\n"), Some(Nanos(6_736_401)));
        assert_eq!(parse_run_delay("124717 0 2\n"), Some(Nanos(0)));
        for text in ["0 0 0\n", "", "1 2", "1 x 3"] {
            assert_eq!(parse_run_delay(text), None, "{text:?}");
        }
    }

    #[test]
    fn threads_come_and_go() {
        let fixture = Fixture::new(&[
            ("proc/7/task/7/schedstat", "10 20 1\n"),
            ("proc/7/task/7/status", "Name: a\nnonvoluntary_ctxt_switches:\t4\n"),
            ("proc/7/task/8/schedstat", "10 30 1\n"),
        ]);
        let worker = WorkerThreads::new(fixture.tree(), 7);
        let mut threads = worker.read(&mut [0; 256]).unwrap();
        threads.sort_by_key(|thread| thread.thread);
        assert_eq!(threads[0].involuntary_switches, Some(4));
        assert_eq!(threads[1].run_delay, Some(Nanos(30)));
        assert_eq!(threads[1].involuntary_switches, None);

        std::fs::remove_dir_all(fixture.root().join("proc/7/task/8")).unwrap();
        assert_eq!(worker.read(&mut [0; 256]).unwrap().len(), 1);
        assert!(WorkerThreads::new(fixture.tree(), 9).read(&mut [0; 256]).is_none());
    }
}
