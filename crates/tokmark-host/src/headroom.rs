//! Whether what a run needs fits into memory, told before the machine starts to swap.

use tokmark_model::{Bytes, MachineFacts};

use crate::cgroup;
use crate::tree::{Tree, field_number};

/// Above this share of what is available the need is [`Headroom::Approaching`].
pub const APPROACHING_SHARE: f64 = 0.80;

/// Above this share it is [`Headroom::Above`]. Not 1: `MemAvailable` is the kernel's
/// estimate, page tables and other processes' growth come on top, and reclaiming the
/// last pages makes a machine crawl before it swaps.
pub const ABOVE_SHARE: f64 = 0.95;

/// How a need compares with the memory that can be had without swapping.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Headroom {
    /// There is enough.
    Fits,
    /// More than [`APPROACHING_SHARE`] of what is available.
    Approaching {
        /// What is needed.
        need: Bytes,
        /// What is available.
        available: Bytes,
    },
    /// More than [`ABOVE_SHARE`] of what is available: expect swapping or a kill.
    Above {
        /// What is needed.
        need: Bytes,
        /// What is available.
        available: Bytes,
    },
    /// The system tells neither available nor total memory.
    Unknown,
}

/// Compares `need` (weights, cache and buffers in main memory) with
/// [`available_memory`]. Where that is unknown, the facts' allowed memory stands in.
pub fn memory_headroom(need: Bytes, facts: &MachineFacts) -> Headroom {
    let allowed = Some(facts.memory.allowed_bytes).filter(|bytes| bytes.0 > 0);
    let available = match (available_memory(), allowed) {
        (Some(available), Some(allowed)) => Some(Bytes(available.0.min(allowed.0))),
        (available, allowed) => available.or(allowed),
    };
    available.map_or(Headroom::Unknown, |available| compare(need, available))
}

fn compare(need: Bytes, available: Bytes) -> Headroom {
    let share = |share: f64| available.0 as f64 * share;
    let need_bytes = need.0 as f64;
    if need_bytes > share(ABOVE_SHARE) {
        Headroom::Above { need, available }
    } else if need_bytes > share(APPROACHING_SHARE) {
        Headroom::Approaching { need, available }
    } else {
        Headroom::Fits
    }
}

/// Memory that this process can get now without swapping: the smaller of the system's
/// `MemAvailable` and what every control group above leaves. Page cache that can be
/// dropped counts as available, a model file already cached therefore too.
pub fn available_memory() -> Option<Bytes> {
    available_below(&Tree::live()).or_else(available_elsewhere)
}

fn available_below(tree: &Tree) -> Option<Bytes> {
    let meminfo = tree.text("proc/meminfo")?;
    let of_system = field_number(&meminfo, "MemAvailable:")?.saturating_mul(1024);
    let of_groups = cgroup::memory_limits(tree).iter().filter_map(|group| group.available).min();
    Some(Bytes(of_groups.map_or(of_system, |bytes| bytes.min(of_system))))
}

#[cfg(not(target_os = "linux"))]
fn available_elsewhere() -> Option<Bytes> {
    let mut system = sysinfo::System::new().ok()?;
    system.refresh_memory();
    Some(Bytes(system.available_memory())).filter(|bytes| bytes.0 > 0)
}

#[cfg(target_os = "linux")]
fn available_elsewhere() -> Option<Bytes> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::fixture::Fixture;

    #[test]
    fn the_two_thresholds_part_three_answers() {
        let available = Bytes(1_000);
        assert_eq!(compare(Bytes(800), available), Headroom::Fits);
        assert_eq!(
            compare(Bytes(801), available),
            Headroom::Approaching { need: Bytes(801), available }
        );
        assert_eq!(compare(Bytes(951), available), Headroom::Above { need: Bytes(951), available });
        assert_eq!(compare(Bytes(0), Bytes(0)), Headroom::Fits);
        assert!(matches!(compare(Bytes(1), Bytes(0)), Headroom::Above { .. }));
    }

    #[test]
    fn the_control_group_may_leave_less_than_the_system() {
        let fixture = Fixture::new(&[
            ("proc/meminfo", "MemTotal: 9000 kB\nMemAvailable:    8000 kB\n"),
            ("proc/self/mountinfo", "24 23 0:20 / /cg rw - cgroup2 cgroup rw\n"),
            ("proc/self/cgroup", "0::/job\n"),
            ("cg/job/memory.max", "2000000\n"),
            ("cg/job/memory.current", "1500000\n"),
            ("cg/job/memory.stat", "anon 1\ninactive_file 400000\n"),
        ]);
        assert_eq!(available_below(fixture.tree()), Some(Bytes(900_000)));
        fixture.write("cg/job/memory.max", "max\n");
        assert_eq!(available_below(fixture.tree()), Some(Bytes(8_192_000)));
    }

    #[test]
    fn missing_figures_are_unknown() {
        assert_eq!(available_below(Fixture::new(&[]).tree()), None);
        let old_kernel = Fixture::new(&[("proc/meminfo", "MemTotal: 9000 kB\n")]);
        assert_eq!(available_below(old_kernel.tree()), None);
    }

    #[test]
    fn what_no_machine_has_is_above() {
        let facts = crate::machine_facts(&crate::FactOptions::default());
        assert!(matches!(memory_headroom(Bytes(u64::MAX), &facts), Headroom::Above { .. }));
        assert_eq!(memory_headroom(Bytes(1), &facts), Headroom::Fits);
    }
}
