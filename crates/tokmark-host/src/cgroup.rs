//! The control groups of this process, version 1 and 2.

use crate::tree::{Tree, field_number};

/// The two generations of control groups.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Version {
    V1,
    V2,
}

/// The folders of one controller that apply to this process: its own group first,
/// then each ancestor up to the top of the mount.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Groups {
    pub(crate) version: Version,
    /// Paths inside the tree.
    pub(crate) folders: Vec<String>,
}

impl Groups {
    /// The groups of `controller` (`cpu`, `memory`, `cpuacct`): version 1 where it is
    /// mounted there, else version 2. `None` without control groups.
    pub(crate) fn of_this_process(tree: &Tree, controller: &str) -> Option<Self> {
        let mounts = tree.text("proc/self/mountinfo")?;
        let membership = tree.text("proc/self/cgroup")?;
        let (version, mount) = mounts
            .lines()
            .find_map(|line| parse_mount(line, Version::V1, controller))
            .map(|mount| (Version::V1, mount))
            .or_else(|| {
                let mount = mounts.lines().find_map(|line| parse_mount(line, Version::V2, ""))?;
                Some((Version::V2, mount))
            })?;
        let path =
            membership.lines().find_map(|line| parse_membership(line, version, controller))?;
        Some(Self { version, folders: ancestors(&mount, path) })
    }

    /// Whether the top of the mount is the machine's root group. In a container it is
    /// the container's. The kernel shows these files at the root alone (version 1:
    /// `release_agent`) or everywhere but there (version 2: `cgroup.type`).
    pub(crate) fn reach_machine_root(&self, tree: &Tree) -> bool {
        self.folders.last().is_some_and(|top| match self.version {
            Version::V1 => tree.exists(format!("{top}/release_agent")),
            Version::V2 => {
                tree.exists(format!("{top}/cgroup.controllers"))
                    && !tree.exists(format!("{top}/cgroup.type"))
            }
        })
    }
}

struct Mount<'a> {
    root: &'a str,
    point: &'a str,
}

/// One line of `mountinfo` (proc(5)): id, parent, device, root, mount point, options,
/// optional fields, `-`, type, source, super options.
fn parse_mount<'a>(line: &'a str, version: Version, controller: &str) -> Option<Mount<'a>> {
    let (head, tail) = line.split_once(" - ")?;
    let mut tail = tail.split(' ');
    let file_system = tail.next()?;
    let fits = match version {
        Version::V1 => {
            file_system == "cgroup" && tail.nth(1)?.split(',').any(|option| option == controller)
        }
        Version::V2 => file_system == "cgroup2",
    };
    let mut head = head.split(' ').skip(3);
    fits.then_some(Mount { root: head.next()?, point: head.next()? })
}

/// One line of `/proc/self/cgroup`: `4:memory:/some/group`, or `0::/group` for version 2.
fn parse_membership<'a>(line: &'a str, version: Version, controller: &str) -> Option<&'a str> {
    let mut parts = line.splitn(3, ':');
    let (id, controllers, path) = (parts.next()?, parts.next()?, parts.next()?);
    let fits = match version {
        Version::V1 => controllers.split(',').any(|name| name == controller),
        Version::V2 => id == "0" && controllers.is_empty(),
    };
    fits.then_some(path)
}

fn ancestors(mount: &Mount, path: &str) -> Vec<String> {
    let root = mount.root.trim_end_matches('/');
    let below = path
        .strip_prefix(root)
        .filter(|rest| rest.is_empty() || rest.starts_with('/'))
        .filter(|rest| !rest.contains(".."))
        .unwrap_or("");
    let mut folders = Vec::new();
    let mut below = below.trim_end_matches('/');
    while !below.is_empty() {
        folders.push(format!("{}{below}", mount.point));
        below = below.rfind('/').map_or("", |slash| &below[..slash]);
    }
    folders.push(mount.point.to_owned());
    folders
}

/// CPUs that the quota of this process's groups allows, the tightest of all levels;
/// `None` without a quota.
pub(crate) fn cpu_quota(tree: &Tree) -> Option<f64> {
    let groups = Groups::of_this_process(tree, "cpu")?;
    groups
        .folders
        .iter()
        .filter_map(|folder| {
            let (quota, period): (f64, f64) = match groups.version {
                Version::V1 => (
                    tree.number(format!("{folder}/cpu.cfs_quota_us"))?,
                    tree.number(format!("{folder}/cpu.cfs_period_us"))?,
                ),
                Version::V2 => {
                    let line = tree.line(format!("{folder}/cpu.max"))?;
                    let (quota, period) = line.split_once(' ')?;
                    (quota.parse().ok()?, period.parse().ok()?)
                }
            };
            (quota > 0.0 && period > 0.0).then(|| quota / period)
        })
        .min_by(f64::total_cmp)
}

/// Memory limit of one group and what is left below it, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct MemoryLimit {
    pub(crate) limit: u64,
    /// Limit less usage, file pages not lately used counted as free: the kernel drops
    /// them before it swaps. `None` where usage cannot be read.
    pub(crate) available: Option<u64>,
}

/// The limits of all levels, own group first. Version 1 says "no limit" by a number
/// near 2^63, which is left out.
pub(crate) fn memory_limits(tree: &Tree) -> Vec<MemoryLimit> {
    const NO_LIMIT: u64 = 1 << 62;
    let Some(groups) = Groups::of_this_process(tree, "memory") else {
        return Vec::new();
    };
    let (limit_file, usage_file, inactive_key) = match groups.version {
        Version::V1 => ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
        Version::V2 => ("memory.max", "memory.current", "inactive_file"),
    };
    groups
        .folders
        .iter()
        .filter_map(|folder| {
            let limit: u64 = tree.number(format!("{folder}/{limit_file}"))?;
            let inactive = tree
                .text(format!("{folder}/memory.stat"))
                .and_then(|text| field_number(&text, inactive_key))
                .unwrap_or(0);
            let available = tree
                .number::<u64>(format!("{folder}/{usage_file}"))
                .map(|usage| limit.saturating_sub(usage.saturating_sub(inactive)));
            (limit < NO_LIMIT).then_some(MemoryLimit { limit, available })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::fixture::Fixture;

    const V1_MOUNTS: &str = "31 23 0:28 / /sys/fs/cgroup rw - tmpfs tmpfs rw,mode=755\n\
        32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw,relatime - cgroup cgroup rw,cpu,cpuacct\n\
        35 31 0:32 / /sys/fs/cgroup/memory rw shared:9 - cgroup cgroup rw,memory\n\
        41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n";
    const V1_MEMBERSHIP: &str = "4:memory:/a/b\n1:cpu,cpuacct:/a\n0::/\n";

    #[test]
    fn version_1_limits_are_the_tightest_of_all_levels() {
        let fixture = Fixture::new(&[
            ("proc/self/mountinfo", V1_MOUNTS),
            ("proc/self/cgroup", V1_MEMBERSHIP),
            ("sys/fs/cgroup/cpu,cpuacct/a/cpu.cfs_quota_us", "150000\n"),
            ("sys/fs/cgroup/cpu,cpuacct/a/cpu.cfs_period_us", "100000\n"),
            ("sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us", "-1\n"),
            ("sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us", "100000\n"),
            ("sys/fs/cgroup/cpu,cpuacct/release_agent", "\n"),
            ("sys/fs/cgroup/memory/a/b/memory.limit_in_bytes", "9223372036854771712\n"),
            ("sys/fs/cgroup/memory/a/memory.limit_in_bytes", "1000000\n"),
            ("sys/fs/cgroup/memory/a/memory.usage_in_bytes", "700000\n"),
            ("sys/fs/cgroup/memory/a/memory.stat", "inactive_file 1\ntotal_inactive_file 200000\n"),
        ]);
        assert_eq!(cpu_quota(fixture.tree()), Some(1.5));
        let limits = memory_limits(fixture.tree());
        assert_eq!(limits, [MemoryLimit { limit: 1_000_000, available: Some(500_000) }]);
        let groups = Groups::of_this_process(fixture.tree(), "cpu").unwrap();
        assert!(groups.reach_machine_root(fixture.tree()));
    }

    #[test]
    fn version_2_in_a_container_is_no_machine_root() {
        let fixture = Fixture::new(&[
            ("proc/self/mountinfo", "24 23 0:20 / /sys/fs/cgroup ro - cgroup2 cgroup rw\n"),
            ("proc/self/cgroup", "0::/\n"),
            ("sys/fs/cgroup/cpu.max", "250000 100000\n"),
            ("sys/fs/cgroup/cgroup.controllers", "cpu memory\n"),
            ("sys/fs/cgroup/cgroup.type", "domain\n"),
            ("sys/fs/cgroup/memory.max", "max\n"),
        ]);
        assert_eq!(cpu_quota(fixture.tree()), Some(2.5));
        assert_eq!(memory_limits(fixture.tree()), []);
        let groups = Groups::of_this_process(fixture.tree(), "cpu").unwrap();
        assert_eq!(groups.folders, ["/sys/fs/cgroup"]);
        assert!(!groups.reach_machine_root(fixture.tree()));
    }

    #[test]
    fn paths_outside_the_mount_stop_at_its_top() {
        let mount = Mount { root: "/docker/x", point: "/sys/fs/cgroup/cpu" };
        assert_eq!(
            ancestors(&mount, "/docker/x/y"),
            ["/sys/fs/cgroup/cpu/y", "/sys/fs/cgroup/cpu"]
        );
        assert_eq!(ancestors(&mount, "/docker/xy"), ["/sys/fs/cgroup/cpu"]);
        assert_eq!(ancestors(&mount, "/../other"), ["/sys/fs/cgroup/cpu"]);
    }

    #[test]
    fn malformed_files_give_no_limit() {
        let fixture = Fixture::new(&[
            ("proc/self/mountinfo", "rubbish\n - cgroup2\n24 23 0:20 / /cg ro - cgroup2 x rw\n"),
            ("proc/self/cgroup", "::\n0::/\n"),
            ("cg/cpu.max", "100000\n"),
            ("cg/memory.max", "-3\n"),
        ]);
        assert_eq!(cpu_quota(fixture.tree()), None);
        assert_eq!(memory_limits(fixture.tree()), []);
        assert_eq!(cpu_quota(Fixture::new(&[]).tree()), None);
    }
}
