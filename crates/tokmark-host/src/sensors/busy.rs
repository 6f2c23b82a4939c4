//! CPU time that all processes of the machine used, and the time stolen from it.

use tokmark_model::Nanos;

use crate::cgroup::{Groups, Version};
use crate::tree::{CounterFile, Tree, parse_list};

/// One tick of `/proc/stat`: 10 ms, since USER_HZ is 100 on every Linux that Rust's
/// standard library supports.
pub(super) const TICK: Nanos = Nanos(10_000_000);

/// The scheduler brings a running thread's time up to date at its own tick: at most
/// 4 ms apart at the usual CONFIG_HZ of 250 and above.
const SCHEDULER_TICK: Nanos = Nanos(4_000_000);

/// The machine's CPU time, from the best source there is.
#[derive(Debug)]
pub(crate) struct MachineBusy {
    source: Source,
    n_cpus: u32,
}

#[derive(Debug)]
enum Source {
    /// `cpuacct.usage` of the machine's root group, version 1: the same nanosecond
    /// clock that process times come from, so that the two subtract exactly.
    RootGroup(CounterFile),
    /// `/proc/stat`: ticks, sampled by most kernels. Idle, waiting for I/O and stolen
    /// time are not busy; a guest's time is inside `user` already.
    Stat(CounterFile),
}

impl MachineBusy {
    pub(crate) fn open(tree: &Tree) -> Option<Self> {
        let stat = CounterFile::open(&tree.path("proc/stat"));
        let source = match root_group(tree) {
            Some(file) => Source::RootGroup(file),
            None => Source::Stat(stat?),
        };
        let online = tree.line("sys/devices/system/cpu/online");
        let n_cpus = online.map_or(1, |list| parse_list(&list).len().max(1)) as u32;
        let busy = Self { source, n_cpus };
        busy.read(&mut [0; 1024]).is_some().then_some(busy)
    }

    pub(crate) fn read(&self, buffer: &mut [u8]) -> Option<Nanos> {
        match &self.source {
            Source::RootGroup(file) => file.read(buffer)?.trim().parse().ok().map(Nanos),
            Source::Stat(file) => read_stat(file, buffer).map(|stat| ticks_to_nanos(stat.busy)),
        }
    }

    /// How far the difference of two readings may be off. Each CPU's counter is late by
    /// up to one tick, independently, so the sum grows with the square root of their
    /// number; `/proc/stat` also rounds the sum itself down.
    pub(crate) fn resolution(&self) -> Nanos {
        let spread = f64::from(self.n_cpus).sqrt();
        match self.source {
            Source::RootGroup(_) => Nanos((SCHEDULER_TICK.0 as f64 * spread) as u64),
            Source::Stat(_) => Nanos((TICK.0 as f64 * (1.0 + spread)) as u64),
        }
    }
}

fn root_group(tree: &Tree) -> Option<CounterFile> {
    let groups = Groups::of_this_process(tree, "cpuacct")?;
    if groups.version != Version::V1 || !groups.reach_machine_root(tree) {
        return None;
    }
    CounterFile::open(&tree.path(format!("{}/cpuacct.usage", groups.folders.last()?)))
}

/// Ticks since boot, all CPUs together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct StatTicks {
    pub(super) busy: u64,
    pub(super) steal: u64,
}

pub(super) fn read_stat(file: &CounterFile, buffer: &mut [u8]) -> Option<StatTicks> {
    // The first line is all that is wanted; a short read costs least.
    let length = buffer.len().min(512);
    parse_stat(file.read(&mut buffer[..length])?)
}

/// The `cpu` line (proc(5)): user, nice, system, idle, iowait, irq, softirq, steal;
/// guest times follow and are inside user and nice. Columns that an old kernel lacks
/// count as 0, except the first four.
fn parse_stat(text: &str) -> Option<StatTicks> {
    let columns = text.lines().next()?.strip_prefix("cpu ")?;
    let mut ticks = [0u64; 8];
    let mut n_columns = 0;
    for (slot, word) in ticks.iter_mut().zip(columns.split_whitespace()) {
        *slot = word.parse().ok()?;
        n_columns += 1;
    }
    let [user, nice, system, _idle, _iowait, irq, softirq, steal] = ticks;
    let busy = [user, nice, system, irq, softirq].into_iter().fold(0, u64::saturating_add);
    (n_columns >= 4).then_some(StatTicks { busy, steal })
}

pub(super) fn ticks_to_nanos(ticks: u64) -> Nanos {
    Nanos(ticks.saturating_mul(TICK.0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::fixture::Fixture;

    #[test]
    fn idle_iowait_steal_and_guest_are_not_busy() {
        let text = "cpu  100 20 30 4000 500 6 7 80 90 10\ncpu0 1 2 3\n";
        assert_eq!(parse_stat(text), Some(StatTicks { busy: 163, steal: 80 }));
        assert_eq!(parse_stat("cpu  1 2 3 4\n"), Some(StatTicks { busy: 6, steal: 0 }));
    }

    #[test]
    fn malformed_stat_lines_give_nothing() {
        for text in ["", "cpu0 1 2 3 4 5 6 7 8", "cpu  1 2 x 4", "cpu  1 2 3", "cpu  -1 2 3 4"] {
            assert_eq!(parse_stat(text), None, "{text:?}");
        }
        let huge = format!("cpu  {} {} 3 4\n", u64::MAX, u64::MAX);
        assert_eq!(parse_stat(&huge).map(|stat| stat.busy), Some(u64::MAX));
    }

    #[test]
    fn the_machines_root_group_wins_over_ticks_and_a_containers_does_not() {
        let files = [
            ("proc/stat", "cpu  1 0 0 9 0 0 0 0\n"),
            ("sys/devices/system/cpu/online", "0-3\n"),
            ("proc/self/mountinfo", "33 31 0:30 / /cg/cpuacct rw - cgroup cgroup rw,cpuacct\n"),
            ("proc/self/cgroup", "2:cpuacct:/\n"),
            ("cg/cpuacct/cpuacct.usage", "123456789\n"),
        ];
        let fixture = Fixture::new(&files);
        let in_container = MachineBusy::open(fixture.tree()).unwrap();
        assert_eq!(in_container.read(&mut [0; 1024]), Some(Nanos(10_000_000)));
        assert_eq!(in_container.resolution(), Nanos(30_000_000));

        fixture.write("cg/cpuacct/release_agent", "\n");
        let on_machine = MachineBusy::open(fixture.tree()).unwrap();
        assert_eq!(on_machine.read(&mut [0; 1024]), Some(Nanos(123_456_789)));
        assert_eq!(on_machine.resolution(), Nanos(8_000_000));
    }

    #[test]
    fn without_a_usable_source_there_is_none() {
        assert!(MachineBusy::open(Fixture::new(&[]).tree()).is_none());
        assert!(MachineBusy::open(Fixture::new(&[("proc/stat", "rubbish\n")]).tree()).is_none());
    }
}
