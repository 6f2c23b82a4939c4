//! Memory of one process.

use std::fs;

use tokmark_model::Bytes;

use crate::tree::{Tree, field_number};

/// Resident memory of a process, from `/proc/PID/status`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProcessMemory {
    /// Resident now (`VmRSS`): anonymous, file-mapped and shared memory.
    pub resident: Bytes,
    /// The highest `resident` since the process began or since [`reset_peak`] (`VmHWM`).
    pub peak: Bytes,
    /// The part now mapped from files (`RssFile`): a memory-mapped model's weights.
    pub file_mapped: Bytes,
    /// The part now anonymous or shared (`RssAnon` + `RssShmem`): buffers and caches.
    pub anonymous: Bytes,
}

/// Memory of `pid` now; `None` when there is no such process, it is a kernel thread or
/// a zombie, or the system has no `/proc`. The kernel keeps these counts per CPU and
/// adds them up late: they may be off by some hundred KiB.
pub fn process_memory(pid: u32) -> Option<ProcessMemory> {
    memory_below(&Tree::live(), pid)
}

fn memory_below(tree: &Tree, pid: u32) -> Option<ProcessMemory> {
    let status = tree.text(format!("proc/{pid}/status"))?;
    let bytes = |key| field_number(&status, key).map(|kib| kib.saturating_mul(1024));
    Some(ProcessMemory {
        resident: Bytes(bytes("VmRSS:")?),
        peak: Bytes(bytes("VmHWM:")?),
        file_mapped: Bytes(bytes("RssFile:")?),
        anonymous: Bytes(bytes("RssAnon:")?.saturating_add(bytes("RssShmem:").unwrap_or(0))),
    })
}

/// Sets the peak of `pid` to what is resident now (writes 5 to `/proc/PID/clear_refs`,
/// proc(5)). False when the system cannot or the process belongs to somebody else; the
/// peak then still covers the whole life of the process.
pub fn reset_peak(pid: u32) -> bool {
    let path = Tree::live().path(format!("proc/{pid}/clear_refs"));
    // Opened without creating: elsewhere no such file may appear.
    fs::OpenOptions::new()
        .write(true)
        .open(path)
        .and_then(|mut file| std::io::Write::write_all(&mut file, b"5"))
        .is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::fixture::Fixture;

    #[test]
    fn file_mapped_memory_is_told_apart() {
        let status = "Name:\tworker\nVmHWM:\t  3000 kB\nVmRSS:\t  2000 kB\nRssAnon:\t  400 kB\n\
            RssFile:\t  1500 kB\nRssShmem:\t   100 kB\n";
        let fixture = Fixture::new(&[("proc/5/status", status), ("proc/6/status", "Name: k\n")]);
        let memory = memory_below(fixture.tree(), 5).unwrap();
        assert_eq!(memory.peak, Bytes(3_072_000));
        assert_eq!(memory.file_mapped, Bytes(1_536_000));
        assert_eq!(memory.anonymous, Bytes(512_000));
        assert_eq!(memory_below(fixture.tree(), 6), None);
        assert_eq!(memory_below(fixture.tree(), 7), None);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn the_peak_can_be_reset_after_memory_was_given_back() {
        const SIZE: usize = 64 << 20;
        let pid = std::process::id();
        drop(std::hint::black_box(vec![1u8; SIZE]));
        let high = process_memory(pid).unwrap();
        assert!(high.peak.0 >= SIZE as u64);
        assert!(reset_peak(pid));
        let low = process_memory(pid).unwrap();
        assert!(low.peak.0 <= high.peak.0, "{low:?} {high:?}");
        assert!(!reset_peak(u32::MAX));
    }
}
