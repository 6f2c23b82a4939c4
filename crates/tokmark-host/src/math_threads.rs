//! llama-bench's default number of threads.

use std::collections::BTreeSet;

use crate::tree::{Tree, parse_list};

/// The number of threads that llama-bench takes without `-t`, so that unasked runs
/// compare with it: physical cores; on hybrid x86-64 Linux the performance cores.
///
/// Source: `common_cpu_get_num_math` and `common_cpu_get_num_physical_cores` in
/// llama.cpp's `common/common.cpp`. Like these it heeds neither affinity nor control
/// groups: compare with [`CpuFacts::n_allowed`](tokmark_model::CpuFacts).
pub fn n_math_threads() -> u32 {
    let n_logical = std::thread::available_parallelism().map_or(0, |n| n.get() as u32);
    math_threads_below(&Tree::live())
        .or_else(physical_elsewhere)
        .unwrap_or_else(|| guess(n_logical))
}

/// llama.cpp's last resort: half of the logical CPUs when there are more than four,
/// four when even that is unknown.
fn guess(n_logical: u32) -> u32 {
    match n_logical {
        0 => 4,
        1..=4 => n_logical,
        n => n / 2,
    }
}

fn math_threads_below(tree: &Tree) -> Option<u32> {
    performance_cores(tree).or_else(|| {
        // As in llama.cpp: CPUs 0, 1, ... up to the first without a topology.
        let siblings: BTreeSet<String> = (0..)
            .map_while(|cpu| {
                tree.text(format!("sys/devices/system/cpu/cpu{cpu}/topology/thread_siblings"))
            })
            .collect();
        (!siblings.is_empty()).then_some(siblings.len() as u32)
    })
}

/// Performance cores of a hybrid Intel processor, whose Linux lists their CPUs under
/// the performance counters' name. llama.cpp runs CPUID on each CPU instead, and skips
/// the CPU after each performance core as its hyperthread, present or not: so does this.
fn performance_cores(tree: &Tree) -> Option<u32> {
    tree.line("sys/devices/cpu_atom/cpus")?;
    let performance = parse_list(&tree.line("sys/devices/cpu_core/cpus")?);
    let n_cpus = parse_list(&tree.line("sys/devices/system/cpu/online")?).len() as u32;
    let (mut cpu, mut n_cores) = (0, 0);
    while cpu < n_cpus {
        if performance.contains(&cpu) {
            cpu += 1;
            n_cores += 1;
        }
        cpu += 1;
    }
    (n_cores > 0).then_some(n_cores)
}

/// macOS counts its performance cores, then all cores.
#[cfg(target_os = "macos")]
fn physical_elsewhere() -> Option<u32> {
    [c"hw.perflevel0.physicalcpu", c"hw.physicalcpu"].into_iter().find_map(|name| {
        let mut n_cores: i32 = 0;
        let mut length = size_of::<i32>();
        // SAFETY: the name is terminated; the value has the length given.
        let code = unsafe {
            libc::sysctlbyname(
                name.as_ptr(),
                (&raw mut n_cores).cast(),
                &mut length,
                std::ptr::null_mut(),
                0,
            )
        };
        u32::try_from(n_cores).ok().filter(|&n| code == 0 && n > 0)
    })
}

#[cfg(not(any(target_os = "linux", target_os = "macos")))]
fn physical_elsewhere() -> Option<u32> {
    sysinfo::System::physical_core_count().ok().map(|n| n as u32).filter(|&n| n > 0)
}

#[cfg(target_os = "linux")]
fn physical_elsewhere() -> Option<u32> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::fixture::Fixture;

    fn with_siblings(siblings: &[&str]) -> Fixture {
        let fixture = Fixture::new(&[]);
        for (cpu, mask) in siblings.iter().enumerate() {
            fixture.write(
                &format!("sys/devices/system/cpu/cpu{cpu}/topology/thread_siblings"),
                format!("{mask}\n"),
            );
        }
        fixture
    }

    #[test]
    fn hyperthreads_of_one_core_count_once() {
        let fixture = with_siblings(&["5", "a", "5", "a"]);
        assert_eq!(math_threads_below(fixture.tree()), Some(2));
        assert_eq!(math_threads_below(with_siblings(&["1", "2"]).tree()), Some(2));
        assert_eq!(math_threads_below(Fixture::new(&[]).tree()), None);
    }

    #[test]
    fn hybrid_processors_count_performance_cores() {
        let fixture = with_siblings(&["3", "3", "c", "c", "10", "20"]);
        fixture.write("sys/devices/cpu_core/cpus", "0-3\n");
        fixture.write("sys/devices/cpu_atom/cpus", "4-5\n");
        fixture.write("sys/devices/system/cpu/online", "0-5\n");
        assert_eq!(math_threads_below(fixture.tree()), Some(2));
    }

    #[test]
    fn the_last_resort_is_llama_cpps() {
        assert_eq!([0, 1, 4, 5, 16].map(guess), [4, 1, 4, 2, 8]);
        assert!(n_math_threads() >= 1);
    }
}
