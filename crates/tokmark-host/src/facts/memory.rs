//! Main memory: size, limit, swap, and the kind of modules where that is readable.

use tokmark_model::{Bytes, MemoryFacts};

use crate::cgroup;
use crate::tree::{Tree, field_number};

/// Everything about main memory that the tree tells.
pub(super) fn memory(tree: &Tree) -> MemoryFacts {
    let meminfo = tree.text("proc/meminfo").unwrap_or_default();
    let bytes = |key| field_number(&meminfo, key).unwrap_or(0).saturating_mul(1024);
    let total = bytes("MemTotal:");
    let limit = cgroup::memory_limits(tree).iter().map(|group| group.limit).min();
    let (kind, speed_mts) = tree
        .bytes("sys/firmware/dmi/tables/DMI")
        .map(|table| modules_from_smbios(&table))
        .or_else(|| tree.text("run/udev/data/+dmi:id").map(|text| modules_from_udev(&text)))
        .map_or((None, None), summarize);
    MemoryFacts {
        total_bytes: Bytes(total),
        allowed_bytes: Bytes(limit.map_or(total, |limit| limit.min(total))),
        swap_bytes: Bytes(bytes("SwapTotal:")),
        kind,
        speed_mts,
    }
}

/// One populated memory slot.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Module {
    kind: Option<String>,
    speed_mts: Option<u32>,
}

/// The kind of all modules where it is one, and the slowest speed: the memory runs at
/// the pace of its slowest module.
fn summarize(modules: Vec<Module>) -> (Option<String>, Option<u32>) {
    let kind = modules.first().and_then(|module| module.kind.clone());
    let uniform = modules.iter().all(|module| module.kind == kind);
    (kind.filter(|_| uniform), modules.iter().filter_map(|module| module.speed_mts).min())
}

/// Populated slots of an SMBIOS table: structures of type 17 (DMTF DSP0134 section
/// 7.18), readable by root only on most systems. Stops at the first malformed one.
fn modules_from_smbios(table: &[u8]) -> Vec<Module> {
    const MEMORY_DEVICE: u8 = 17;
    let mut modules = Vec::new();
    let mut rest = table;
    while let [kind, length, ..] = *rest {
        let Some(formatted) = rest.get(..usize::from(length)).filter(|_| length >= 4) else {
            break;
        };
        if kind == MEMORY_DEVICE {
            modules.extend(module_from_structure(formatted));
        }
        // Strings follow the formatted part and end with two zero bytes.
        let strings = &rest[usize::from(length)..];
        let Some(end) = strings.windows(2).position(|pair| pair == [0, 0]) else {
            break;
        };
        rest = &strings[end + 2..];
    }
    modules
}

/// `None` for an empty slot.
fn module_from_structure(formatted: &[u8]) -> Option<Module> {
    let word = |offset: usize| {
        let bytes = formatted.get(offset..offset + 2)?;
        Some(u16::from_le_bytes([bytes[0], bytes[1]]))
    };
    word(0x0C).filter(|&size| size != 0)?;
    let kind = match *formatted.get(0x12)? {
        0x12 => Some("DDR"),
        0x13 => Some("DDR2"),
        0x18 => Some("DDR3"),
        0x1A => Some("DDR4"),
        0x1B => Some("LPDDR"),
        0x1C => Some("LPDDR2"),
        0x1D => Some("LPDDR3"),
        0x1E => Some("LPDDR4"),
        0x20 => Some("HBM"),
        0x21 => Some("HBM2"),
        0x22 => Some("DDR5"),
        0x23 => Some("LPDDR5"),
        0x24 => Some("HBM3"),
        _ => None,
    };
    let known = |speed: &u16| *speed != 0 && *speed != u16::MAX;
    // What it is set to (since SMBIOS 2.7) matters more than what it could do.
    let speed = word(0x20).filter(known).or_else(|| word(0x15).filter(known));
    Some(Module { kind: kind.map(str::to_owned), speed_mts: speed.map(u32::from) })
}

/// The same from udev's database, where systemd's `dmi_memory_id` leaves it readable
/// for everybody: `E:MEMORY_DEVICE_0_TYPE=DDR4`. Serial numbers there are not read.
fn modules_from_udev(text: &str) -> Vec<Module> {
    let property = |slot: usize, name: &str| {
        let key = format!("E:MEMORY_DEVICE_{slot}_{name}=");
        text.lines().find_map(|line| line.strip_prefix(key.as_str())).map(str::trim)
    };
    let n_slots = property_number(text, "E:MEMORY_ARRAY_NUM_DEVICES=").unwrap_or(64).min(1024);
    (0..n_slots)
        .filter(|&slot| property(slot, "PRESENT") != Some("0"))
        .filter_map(|slot| {
            let kind = property(slot, "TYPE").filter(|kind| *kind != "Unknown");
            let speed_mts = property(slot, "CONFIGURED_SPEED_MTS")
                .or_else(|| property(slot, "SPEED_MTS"))
                .and_then(|speed| speed.parse().ok());
            (kind.is_some() || speed_mts.is_some())
                .then(|| Module { kind: kind.map(str::to_owned), speed_mts })
        })
        .collect()
}

fn property_number(text: &str, key: &str) -> Option<usize> {
    text.lines().find_map(|line| line.strip_prefix(key))?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn memory_device(size: u16, kind: u8, speed: u16, configured: u16) -> Vec<u8> {
        let mut structure = vec![0u8; 0x22];
        structure[0] = 17;
        structure[1] = 0x22;
        structure[0x0C..0x0E].copy_from_slice(&size.to_le_bytes());
        structure[0x12] = kind;
        structure[0x15..0x17].copy_from_slice(&speed.to_le_bytes());
        structure[0x20..0x22].copy_from_slice(&configured.to_le_bytes());
        structure.extend(b"DIMM A\0\0");
        structure
    }

    #[test]
    fn smbios_names_kind_and_slowest_configured_speed() {
        let mut table = vec![1, 4, 0, 0, 0, 0];
        table.extend(memory_device(0, 2, 0, 0));
        table.extend(memory_device(0x4000, 0x22, 5600, 5200));
        table.extend(memory_device(0x4000, 0x22, 4800, 0));
        assert_eq!(summarize(modules_from_smbios(&table)), (Some("DDR5".into()), Some(4800)));
    }

    #[test]
    fn malformed_smbios_tables_end_the_walk() {
        assert!(modules_from_smbios(&[]).is_empty());
        assert!(modules_from_smbios(&[17, 2, 0, 0]).is_empty());
        assert!(modules_from_smbios(&[17, 200, 0, 0]).is_empty());
        assert!(modules_from_smbios(&[17, 4, 0, 0, 0, 0, 17]).is_empty());
        let whole = memory_device(1, 0x1A, 3200, 3200);
        assert_eq!(modules_from_smbios(&whole[..whole.len() - 1]).len(), 1);
    }

    #[test]
    fn udev_tells_everybody_what_smbios_tells_root() {
        let text = "E:MEMORY_ARRAY_NUM_DEVICES=2\nE:MEMORY_DEVICE_0_PRESENT=0\n\
            E:MEMORY_DEVICE_1_TYPE=DDR4\nE:MEMORY_DEVICE_1_SPEED_MTS=3200\n\
            E:MEMORY_DEVICE_1_CONFIGURED_SPEED_MTS=2933\nE:MEMORY_DEVICE_1_SERIAL_NUMBER=12AB\n";
        assert_eq!(summarize(modules_from_udev(text)), (Some("DDR4".into()), Some(2933)));
        assert_eq!(summarize(modules_from_udev("E:ID_VENDOR=x\n")), (None, None));
    }

    #[test]
    fn mixed_kinds_have_no_single_name() {
        let module = |kind: &str| Module { kind: Some(kind.into()), speed_mts: None };
        assert_eq!(summarize(vec![module("DDR4"), module("DDR5")]), (None, None));
    }
}
