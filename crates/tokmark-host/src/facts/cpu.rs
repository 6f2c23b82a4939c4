//! The processor: names, counts, caches, clock.

use std::collections::BTreeSet;

use tokmark_model::{Bytes, Cache, CpuFacts};

use super::isa;
use crate::cgroup;
use crate::tree::{Tree, field, parse_list};

const CPUS: &str = "sys/devices/system/cpu";

/// Everything about the processor that the tree tells.
pub(super) fn cpu(tree: &Tree) -> CpuFacts {
    let cpuinfo = tree.text("proc/cpuinfo").unwrap_or_default();
    let online = online_cpus(tree, &cpuinfo);
    let n_logical = match online.len() {
        0 => std::thread::available_parallelism().map_or(1, |n| n.get() as u32),
        n => n as u32,
    };
    CpuFacts {
        vendor: vendor(&cpuinfo),
        model: model(tree, &cpuinfo),
        arch: std::env::consts::ARCH.to_owned(),
        n_physical: n_physical(tree, &online),
        n_logical,
        n_allowed: n_allowed(tree, &online).unwrap_or(f64::from(n_logical)),
        caches: caches(tree, online.first().copied().unwrap_or(0)),
        isa: isa::isa(&cpuinfo, tree.is_live()),
        governor: governor(tree, &online),
        max_mhz: max_mhz(tree, &online),
        n_numa: tree
            .line("sys/devices/system/node/online")
            .map(|list| parse_list(&list).len() as u32)
            .filter(|&n| n > 0),
    }
}

fn online_cpus(tree: &Tree, cpuinfo: &str) -> Vec<u32> {
    let listed = tree.line(format!("{CPUS}/online")).map(|list| parse_list(&list));
    listed.filter(|cpus| !cpus.is_empty()).unwrap_or_else(|| {
        cpuinfo_values(cpuinfo, "processor").filter_map(|number| number.parse().ok()).collect()
    })
}

/// Values of `key : value` lines, of all processors in turn.
pub(super) fn cpuinfo_values<'a>(cpuinfo: &'a str, key: &'a str) -> impl Iterator<Item = &'a str> {
    cpuinfo
        .lines()
        .filter_map(|line| line.split_once(':'))
        .filter(move |(name, _)| name.trim() == key)
        .map(|(_, value)| value.trim())
}

fn vendor(cpuinfo: &str) -> Option<String> {
    if let Some(vendor) = cpuinfo_values(cpuinfo, "vendor_id").next() {
        return Some(vendor.to_owned());
    }
    let implementer = cpuinfo_values(cpuinfo, "CPU implementer").next()?;
    // Implementer codes: Arm Architecture Reference Manual, MIDR_EL1.
    Some(match implementer {
        "0x41" => "ARM".to_owned(),
        "0x42" => "Broadcom".to_owned(),
        "0x46" => "Fujitsu".to_owned(),
        "0x48" => "HiSilicon".to_owned(),
        "0x4e" => "NVIDIA".to_owned(),
        "0x51" => "Qualcomm".to_owned(),
        "0x61" => "Apple".to_owned(),
        "0xc0" => "Ampere".to_owned(),
        code => format!("implementer {code}"),
    })
}

/// The model name; on ARM, where none is given, the part number of the last listed
/// core (the large ones come last) and the board's name.
fn model(tree: &Tree, cpuinfo: &str) -> Option<String> {
    if let Some(name) = cpuinfo_values(cpuinfo, "model name").next() {
        return Some(name.to_owned());
    }
    let part = cpuinfo_values(cpuinfo, "CPU part").last().map(|part| match part {
        "0xd03" => "Cortex-A53".to_owned(),
        "0xd05" => "Cortex-A55".to_owned(),
        "0xd08" => "Cortex-A72".to_owned(),
        "0xd0b" => "Cortex-A76".to_owned(),
        "0xd0c" => "Neoverse-N1".to_owned(),
        "0xd40" => "Neoverse-V1".to_owned(),
        "0xd41" => "Cortex-A78".to_owned(),
        "0xd44" => "Cortex-X1".to_owned(),
        "0xd49" => "Neoverse-N2".to_owned(),
        "0xd4f" => "Neoverse-V2".to_owned(),
        part => format!("part {part}"),
    });
    let board = tree.line("proc/device-tree/model");
    match (part, board) {
        (Some(part), Some(board)) => Some(format!("{part} ({board})")),
        (part, board) => part.or(board),
    }
}

/// Cores, siblings of one core counted once: distinct pairs of package and core.
fn n_physical(tree: &Tree, online: &[u32]) -> Option<u32> {
    let cores: BTreeSet<(i64, String)> = online
        .iter()
        .filter_map(|cpu| {
            let topology = format!("{CPUS}/cpu{cpu}/topology");
            // Siblings tell cores apart where core numbers repeat in each cluster.
            let siblings = tree
                .line(format!("{topology}/thread_siblings_list"))
                .or_else(|| tree.line(format!("{topology}/core_id")))?;
            Some((tree.number(format!("{topology}/physical_package_id")).unwrap_or(0), siblings))
        })
        .collect();
    (!cores.is_empty()).then_some(cores.len() as u32)
}

/// The smaller of the CPUs that affinity (which holds cpusets) allows and the quota.
fn n_allowed(tree: &Tree, online: &[u32]) -> Option<f64> {
    let by_affinity = allowed_cpus(tree)
        .map(|allowed| allowed.iter().filter(|cpu| online.contains(cpu)).count() as f64)
        .filter(|&n| n > 0.0);
    let by_quota = cgroup::cpu_quota(tree);
    match (by_affinity, by_quota) {
        (Some(affinity), Some(quota)) => Some(affinity.min(quota)),
        (affinity, None) => affinity,
        (None, Some(quota)) => Some(quota.min(online.len().max(1) as f64)),
    }
}

/// CPUs that this process's affinity names, offline ones included.
pub(crate) fn allowed_cpus(tree: &Tree) -> Option<Vec<u32>> {
    let status = tree.text("proc/self/status")?;
    field(&status, "Cpus_allowed_list:").map(parse_list)
}

/// Caches of one CPU, in the order of the system's index folders.
fn caches(tree: &Tree, cpu: u32) -> Vec<Cache> {
    let folder = format!("{CPUS}/cpu{cpu}/cache");
    tree.names(&folder)
        .iter()
        .filter(|name| name.starts_with("index"))
        .filter_map(|index| {
            Some(Cache {
                level: tree.number(format!("{folder}/{index}/level"))?,
                kind: tree.line(format!("{folder}/{index}/type"))?.to_lowercase(),
                size_bytes: parse_size(&tree.line(format!("{folder}/{index}/size"))?)?,
            })
        })
        .collect()
}

/// `48K`, `2M`, `1G` or bytes.
fn parse_size(size: &str) -> Option<Bytes> {
    let (digits, shift) = match size.strip_suffix(['K', 'M', 'G']) {
        Some(digits) if size.ends_with('K') => (digits, 10),
        Some(digits) if size.ends_with('M') => (digits, 20),
        Some(digits) => (digits, 30),
        None => (size, 0),
    };
    digits.parse::<u64>().ok()?.checked_mul(1 << shift).map(Bytes)
}

/// The governor; where CPUs differ, all of them, joined by `+`.
fn governor(tree: &Tree, online: &[u32]) -> Option<String> {
    let governors: BTreeSet<String> = online
        .iter()
        .filter_map(|cpu| tree.line(format!("{CPUS}/cpu{cpu}/cpufreq/scaling_governor")))
        .collect();
    (!governors.is_empty()).then(|| Vec::from_iter(governors).join("+"))
}

/// The highest clock that any CPU may reach, in MHz; the files are in kHz.
fn max_mhz(tree: &Tree, online: &[u32]) -> Option<f64> {
    let highest = online
        .iter()
        .filter_map(|cpu| tree.number::<u64>(format!("{CPUS}/cpu{cpu}/cpufreq/cpuinfo_max_freq")))
        .max()?;
    (highest > 0).then_some(highest as f64 / 1e3)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_binary_suffixes() {
        assert_eq!(parse_size("48K"), Some(Bytes(49_152)));
        assert_eq!(parse_size("2M"), Some(Bytes(2_097_152)));
        assert_eq!(parse_size("1G"), Some(Bytes(1_073_741_824)));
        assert_eq!(parse_size("512"), Some(Bytes(512)));
        assert_eq!(parse_size("K"), None);
        assert_eq!(parse_size("99999999999999999999K"), None);
        assert_eq!(parse_size("18446744073709551615G"), None);
    }

    #[test]
    fn arm_cores_are_named_by_their_codes() {
        let text = "processor\t: 0\nCPU implementer\t: 0x41\nCPU part\t: 0xd05\n\n\
            processor\t: 1\nCPU implementer\t: 0x41\nCPU part\t: 0xd4f\n";
        let tree =
            crate::facts::fixture::Fixture::new(&[("proc/device-tree/model", "Board One\0")]);
        assert_eq!(vendor(text).as_deref(), Some("ARM"));
        assert_eq!(model(tree.tree(), text).as_deref(), Some("Neoverse-V2 (Board One)"));
        assert_eq!(model(tree.tree(), "").as_deref(), Some("Board One"));
        assert_eq!(vendor("CPU implementer : 0x99").as_deref(), Some("implementer 0x99"));
        assert_eq!(vendor("no colon here"), None);
    }
}
