//! macOS and Windows: what `sysinfo` tells, in place of `/proc` and `/sys`.

use sysinfo::{CpuRefreshKind, MemoryRefreshKind, RefreshKind, System};
use tokmark_model::{Bytes, MachineFacts};

use super::FactOptions;

/// Fills in what the file readers left unknown.
pub(super) fn fill(facts: &mut MachineFacts, options: &FactOptions) {
    let cpu_and_memory = RefreshKind::nothing()
        .with_cpu(CpuRefreshKind::nothing())
        .with_memory(MemoryRefreshKind::everything());
    if let Ok(system) = System::new_with_specifics(cpu_and_memory) {
        if let Some(cpu) = system.cpus().first() {
            let known = |text: &str| (!text.trim().is_empty()).then(|| text.trim().to_owned());
            facts.cpu.vendor = known(cpu.vendor_id());
            facts.cpu.model = known(cpu.brand());
            facts.cpu.n_logical = system.cpus().len() as u32;
        }
        facts.memory.total_bytes = Bytes(system.total_memory());
        facts.memory.allowed_bytes = facts.memory.total_bytes;
        facts.memory.swap_bytes = Bytes(system.total_swap());
    }
    facts.cpu.n_physical = System::physical_core_count().ok().map(|n| n as u32);
    facts.cpu.n_allowed = std::thread::available_parallelism()
        .map_or(f64::from(facts.cpu.n_logical), |n| n.get() as f64);
    if let Ok(name) = System::name() {
        facts.os.name = name;
    }
    facts.os.version = System::os_version().ok();
    facts.os.kernel = System::kernel_version().ok();
    facts.host_name = options.host_name.then(|| System::host_name().ok()).flatten();
}
