//! The clock of the processor now.

use crate::facts::is_virtual_machine;
use crate::tree::{CounterFile, Tree, parse_list};

/// The mean clock of the CPUs that this process may use.
#[derive(Debug)]
pub(super) enum CpuClock {
    /// `scaling_cur_freq` of each CPU, in kHz.
    Governed(Vec<CounterFile>),
    /// `cpu MHz` of `/proc/cpuinfo`, on real hardware without a frequency driver.
    Cpuinfo(CounterFile),
}

impl CpuClock {
    /// `None` in a virtual machine without a frequency driver: its `cpu MHz` is the
    /// nominal clock and never changes.
    pub(super) fn open(tree: &Tree) -> Option<Self> {
        let allowed = crate::facts::allowed_cpus(tree)
            .or_else(|| tree.line("sys/devices/system/cpu/online").map(|list| parse_list(&list)))
            .unwrap_or_default();
        let files: Vec<CounterFile> = allowed
            .iter()
            .filter_map(|cpu| {
                let path = format!("sys/devices/system/cpu/cpu{cpu}/cpufreq/scaling_cur_freq");
                CounterFile::open(&tree.path(path))
            })
            .collect();
        if !files.is_empty() {
            return Some(Self::Governed(files));
        }
        if is_virtual_machine(tree) {
            return None;
        }
        CounterFile::open(&tree.path("proc/cpuinfo")).map(Self::Cpuinfo)
    }

    pub(super) fn read(&self, buffer: &mut [u8]) -> Option<f64> {
        match self {
            Self::Governed(files) => mean(
                files
                    .iter()
                    .filter_map(|file| file.read(buffer)?.trim().parse::<f64>().ok())
                    .map(|khz| khz / 1e3),
            ),
            Self::Cpuinfo(file) => parse_cpuinfo(file.read_all(buffer)?),
        }
    }
}

/// The mean over the CPUs that fit into the buffer.
fn parse_cpuinfo(text: &str) -> Option<f64> {
    mean(
        text.lines()
            .filter_map(|line| line.split_once(':'))
            .filter(|(key, _)| key.trim() == "cpu MHz")
            .filter_map(|(_, value)| value.trim().parse::<f64>().ok()),
    )
}

fn mean(clocks: impl Iterator<Item = f64>) -> Option<f64> {
    let (n, sum) = clocks
        .filter(|mhz| mhz.is_finite() && *mhz > 0.0)
        .fold((0u32, 0.0), |(n, sum), mhz| (n + 1, sum + mhz));
    (n > 0).then(|| sum / f64::from(n))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::fixture::Fixture;

    #[test]
    fn the_mean_over_allowed_cpus_is_taken() {
        let cpu = "sys/devices/system/cpu/cpu";
        let fixture = Fixture::new(&[
            ("proc/self/status", "Cpus_allowed_list:\t0,2\n"),
            (&format!("{cpu}0/cpufreq/scaling_cur_freq"), "2000000\n"),
            (&format!("{cpu}1/cpufreq/scaling_cur_freq"), "9000000\n"),
            (&format!("{cpu}2/cpufreq/scaling_cur_freq"), "3000000\n"),
        ]);
        let clock = CpuClock::open(fixture.tree()).unwrap();
        assert_eq!(clock.read(&mut [0; 64]), Some(2500.0));
    }

    #[test]
    fn a_guests_nominal_clock_is_unknown() {
        let guest = "flags : fpu hypervisor\ncpu MHz : 2100.000\n";
        assert!(CpuClock::open(Fixture::new(&[("proc/cpuinfo", guest)]).tree()).is_none());
        let metal = "flags : fpu\ncpu MHz\t: 2100.0\ncpu MHz : x\ncpu MHz : 2300.0\n";
        let fixture = Fixture::new(&[("proc/cpuinfo", metal)]);
        let clock = CpuClock::open(fixture.tree()).unwrap();
        assert_eq!(clock.read(&mut [0; 4096]), Some(2200.0));
        assert!(CpuClock::open(Fixture::new(&[]).tree()).is_none());
    }
}
