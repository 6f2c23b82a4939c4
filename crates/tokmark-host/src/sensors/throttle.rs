//! Being held back: by a control group's quota, and by heat.

use std::collections::BTreeSet;

use tokmark_model::Nanos;

use super::micros;
use crate::cgroup::{Groups, Version};
use crate::tree::{CounterFile, Tree, field_number};

/// Time throttled by CPU quotas, summed over this process's group and its ancestors:
/// each level throttles on its own.
#[derive(Debug)]
pub(super) struct CgroupThrottle {
    version: Version,
    files: Vec<CounterFile>,
}

impl CgroupThrottle {
    /// `None` without control groups. Where no level has the counter and the top is
    /// the machine's root, nothing can be throttled and the sum is a true 0.
    pub(super) fn open(tree: &Tree) -> Option<Self> {
        let groups = Groups::of_this_process(tree, "cpu")?;
        let files: Vec<CounterFile> = groups
            .folders
            .iter()
            .filter_map(|folder| {
                let path = tree.path(format!("{folder}/cpu.stat"));
                let file = CounterFile::open(&path)?;
                throttled(&file, groups.version, &mut [0; 4096]).map(|_| file)
            })
            .collect();
        let is_known = !files.is_empty() || groups.reach_machine_root(tree);
        is_known.then_some(Self { version: groups.version, files })
    }

    pub(super) fn read(&self, buffer: &mut [u8]) -> Option<Nanos> {
        self.files.iter().try_fold(Nanos(0), |sum, file| {
            Some(Nanos(sum.0.saturating_add(throttled(file, self.version, buffer)?.0)))
        })
    }
}

/// `throttled_time` is in nanoseconds (version 1), `throttled_usec` in microseconds.
fn throttled(file: &CounterFile, version: Version, buffer: &mut [u8]) -> Option<Nanos> {
    let text = file.read(buffer)?;
    match version {
        Version::V1 => field_number(text, "throttled_time").map(Nanos),
        Version::V2 => field_number(text, "throttled_usec").map(micros),
    }
}

/// Thermal throttle events: each core's count once, each package's once. Intel only;
/// a virtual machine and other processors have no such counters.
#[derive(Debug)]
pub(super) struct ThermalThrottle(Vec<CounterFile>);

impl ThermalThrottle {
    pub(super) fn open(tree: &Tree) -> Option<Self> {
        const CPUS: &str = "sys/devices/system/cpu";
        let mut seen = BTreeSet::new();
        let mut files = Vec::new();
        for name in tree.names(CPUS) {
            let cpu = format!("{CPUS}/{name}");
            let topology = |file: &str| tree.line(format!("{cpu}/topology/{file}"));
            let package = topology("physical_package_id").unwrap_or_default();
            let core = topology("thread_siblings_list").unwrap_or_else(|| name.clone());
            for (file, owner) in [
                ("core_throttle_count", format!("core {core}")),
                ("package_throttle_count", format!("package {package}")),
            ] {
                let path = tree.path(format!("{cpu}/thermal_throttle/{file}"));
                if let Some(file) = CounterFile::open(&path)
                    && seen.insert(owner)
                {
                    files.push(file);
                }
            }
        }
        (!files.is_empty()).then_some(Self(files))
    }

    pub(super) fn read(&self, buffer: &mut [u8]) -> u64 {
        self.0
            .iter()
            .filter_map(|file| file.read(buffer)?.trim().parse::<u64>().ok())
            .fold(0, u64::saturating_add)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::fixture::Fixture;

    #[test]
    fn throttled_time_of_all_levels_is_summed() {
        let fixture = Fixture::new(&[
            ("proc/self/mountinfo", "24 23 0:20 / /cg rw - cgroup2 cgroup rw\n"),
            ("proc/self/cgroup", "0::/a/b\n"),
            ("cg/a/b/cpu.stat", "usage_usec 9\nthrottled_usec 5\n"),
            ("cg/a/cpu.stat", "usage_usec 9\nthrottled_usec 7\n"),
            ("cg/cpu.stat", "usage_usec 9\n"),
        ]);
        let throttle = CgroupThrottle::open(fixture.tree()).unwrap();
        assert_eq!(throttle.read(&mut [0; 256]), Some(Nanos(12_000)));
    }

    #[test]
    fn the_machines_root_group_cannot_be_throttled() {
        let fixture = Fixture::new(&[
            ("proc/self/mountinfo", "24 23 0:20 / /cg rw - cgroup2 cgroup rw\n"),
            ("proc/self/cgroup", "0::/\n"),
            ("cg/cgroup.controllers", "cpu\n"),
        ]);
        let throttle = CgroupThrottle::open(fixture.tree()).unwrap();
        assert_eq!(throttle.read(&mut [0; 256]), Some(Nanos(0)));
        fixture.write("cg/cgroup.type", "domain\n");
        assert!(CgroupThrottle::open(fixture.tree()).is_none());
    }

    #[test]
    fn siblings_and_packages_count_once() {
        let cpu = "sys/devices/system/cpu/cpu";
        let fixture = Fixture::new(&[]);
        for (number, core) in [("0", "0,1"), ("1", "0,1"), ("2", "2")] {
            fixture.write(&format!("{cpu}{number}/topology/physical_package_id"), "0\n");
            fixture.write(&format!("{cpu}{number}/topology/thread_siblings_list"), core);
            fixture.write(&format!("{cpu}{number}/thermal_throttle/core_throttle_count"), "3\n");
            fixture
                .write(&format!("{cpu}{number}/thermal_throttle/package_throttle_count"), "100\n");
        }
        let thermal = ThermalThrottle::open(fixture.tree()).unwrap();
        assert_eq!(thermal.read(&mut [0; 64]), 106);
        assert!(ThermalThrottle::open(Fixture::new(&[]).tree()).is_none());
    }
}
