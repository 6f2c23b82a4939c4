//! Assembles [`MachineFacts`] and computes the fingerprint.

mod cpu;
#[cfg(not(target_os = "linux"))]
mod elsewhere;
#[cfg(test)]
pub(crate) mod fixture;
mod gpu;
mod isa;
mod memory;
mod power;
mod system;
mod virtualization;

pub(crate) use cpu::allowed_cpus;
pub(crate) use virtualization::{has_steal_clock, is_virtual_machine};

use std::fmt::Write as _;

use sha2::{Digest, Sha256};
use tokmark_model::MachineFacts;

use crate::tree::Tree;

/// What [`machine_facts`] may read beyond hardware and system.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct FactOptions {
    /// Include the host name. Off by default: names never enter a record unasked.
    pub host_name: bool,
}

/// Reads what this machine is. Takes some milliseconds (longer where an NVIDIA driver
/// must wake a GPU); read it once. What cannot be read is `None`, never zero, except
/// that sizes of main memory, which the model keeps as plain numbers, are 0.
pub fn machine_facts(options: &FactOptions) -> MachineFacts {
    facts_below(&Tree::live(), options)
}

/// [`machine_facts`] of the tree's machine.
pub(crate) fn facts_below(tree: &Tree, options: &FactOptions) -> MachineFacts {
    let mut facts = MachineFacts {
        fingerprint: String::new(),
        cpu: cpu::cpu(tree),
        memory: memory::memory(tree),
        gpus: gpu::gpus(tree),
        os: system::os(tree),
        virtualization: virtualization::virtualization(tree),
        power_source: system::power_source(tree),
        power_cap_w: power::cap_w(tree),
        host_name: options.host_name.then(|| system::host_name(tree)).flatten(),
    };
    #[cfg(not(target_os = "linux"))]
    elsewhere::fill(&mut facts, options);
    facts.fingerprint = fingerprint(&facts);
    facts
}

/// The first 16 bytes of a SHA-256, in hexadecimal, over hardware facts alone:
/// architecture, vendor, model and core counts of the processor, its instruction set
/// extensions and caches, memory rounded to whole GiB, names of the GPUs in sorted
/// order. Two machines of one make have the same one, by intent. Affinity, control
/// groups, swap, kernel, clock and governor do not enter. A GPU's name may depend on
/// whether its driver is installed.
pub(crate) fn fingerprint(facts: &MachineFacts) -> String {
    const GIB: f64 = (1u64 << 30) as f64;
    let mut isa = facts.cpu.isa.clone();
    isa.sort();
    let mut gpus: Vec<&str> = facts.gpus.iter().map(|gpu| gpu.name.as_str()).collect();
    gpus.sort_unstable();
    let caches: Vec<String> = facts
        .cpu
        .caches
        .iter()
        .map(|cache| format!("{}:{}:{}", cache.level, cache.kind, cache.size_bytes.0))
        .collect();
    let gib = (facts.memory.total_bytes.0 as f64 / GIB).round();
    // Debug formatting quotes strings, so that no two machines share one text.
    let text = format!(
        "1|{:?}|{:?}|{:?}|{:?}|{}|{isa:?}|{caches:?}|{gib}|{gpus:?}",
        facts.cpu.arch,
        facts.cpu.vendor,
        facts.cpu.model,
        facts.cpu.n_physical,
        facts.cpu.n_logical,
    );
    Sha256::digest(text.as_bytes())[..16].iter().fold(String::new(), |mut hex, byte| {
        // Writing to a String cannot fail.
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

#[cfg(test)]
mod tests;
