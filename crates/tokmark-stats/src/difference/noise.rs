//! What the machine did meanwhile, where it differs enough to matter.

use tokmark_model::{Nanos, Noise, Record, Repetition};

use super::findings::Findings;
use super::{Group, Weight};
use crate::guard::{
    CGROUP_THROTTLED, CLOCK_FLAGGED, OTHER_CORES_TOUCHED, PRESSURE_FLAGGED, PROBE_MOVED,
    STEAL_TOUCHED, SWAPPED_IN_PAGES,
};
use crate::order::median;
use crate::probe::probe_level;

/// How two readings are told to differ.
#[derive(Clone, Copy)]
enum Apart {
    /// By so much at least, in the reading's unit.
    By(f64),
    /// By a larger share than this of the larger one.
    ByShare(f64),
}

impl Apart {
    fn holds(self, a: f64, b: f64) -> bool {
        match self {
            Apart::By(least) => (a - b).abs() >= least,
            Apart::ByShare(most) => (a - b).abs() > most * a.max(b),
        }
    }
}

/// Every sensor of a repetition. A reading that one session lacks is a difference; one that
/// both lack is none.
pub(super) fn compare(findings: &mut Findings, a: &Record, b: &Record) {
    if a.samples.is_empty() || b.samples.is_empty() {
        return;
    }
    let (a, b) = (Session(a), Session(b));
    let mut tell =
        |field: &str, text: fn(f64) -> String, apart: Apart, values: [Option<f64>; 2]| {
            let differ = match values {
                [Some(a), Some(b)] => apart.holds(a, b),
                [None, None] => false,
                _ => true,
            };
            if differ {
                let [a, b] = values.map(|value| value.map(text));
                findings.of(Group::Noise, None).differ(Weight::Matters, field, a, b);
            }
        };
    let both = |read: &dyn Fn(&Session<'_>) -> Option<f64>| [read(&a), read(&b)];
    if a.is_machine_of(&b) {
        let probes = both(&|s| probe_level(&s.probes()));
        tell("probe", milliseconds, Apart::ByShare(PROBE_MOVED), probes);
        let baselines = both(&|s| probe_level(&s.0.probe_baseline_ns));
        tell("probe at the start", milliseconds, Apart::ByShare(PROBE_MOVED), baselines);
    }
    // Taken apart so that a new sensor is considered here.
    let Noise {
        wall_ns: _,
        other_cores: _,
        steal_ns: _,
        psi_cpu_ns: _,
        psi_memory_ns: _,
        psi_io_ns: _,
        run_delay_ns: _,
        // Kept and not judged, here as in the grade.
        involuntary_switches: _,
        major_faults: _,
        cgroup_throttled_ns: _,
        swap_in_pages: _,
        clock_mhz: _,
        thermal_throttles: _,
    } = Noise::default();
    let others = both(&|s| s.median(|n| n.other_cores));
    tell("cores used by others", cores, Apart::By(OTHER_CORES_TOUCHED), others);
    let steal = both(&|s| Some(s.share(|n| n.steal_ns)? / s.n_cpus()));
    tell("steal", percent, Apart::By(STEAL_TOUCHED), steal);
    let throttled = both(&|s| s.total_share(|n| n.cgroup_throttled_ns));
    tell("held back by the CPU quota", percent, Apart::By(CGROUP_THROTTLED), throttled);
    let thermal = both(&|s| s.total(|n| n.thermal_throttles));
    tell("thermal throttles", count, Apart::By(1.0), thermal);
    let clock = both(&|s| s.median(|n| n.clock_mhz));
    tell("clock", megahertz, Apart::ByShare(CLOCK_FLAGGED), clock);
    let swapped = both(&|s| s.total(|n| n.swap_in_pages));
    tell("pages swapped in", count, Apart::By(SWAPPED_IN_PAGES as f64), swapped);
    let pressure = Apart::By(PRESSURE_FLAGGED);
    tell("CPU pressure", percent, pressure, both(&|s| s.share(|n| n.psi_cpu_ns)));
    tell("memory pressure", percent, pressure, both(&|s| s.share(|n| n.psi_memory_ns)));
    tell("I/O pressure", percent, pressure, both(&|s| s.share(|n| n.psi_io_ns)));
    tell("run-queue delay", percent, pressure, both(&|s| s.share(|n| n.run_delay_ns)));
    let faults = both(&|s| s.total(|n| n.major_faults));
    tell("major faults", count, Apart::By(1.0), faults);
}

struct Session<'a>(&'a Record);

impl Session<'_> {
    fn noises(&self) -> impl Iterator<Item = &Noise> {
        self.0.samples.iter().filter_map(|sample| sample.noise.as_ref())
    }

    /// Median over the repetitions that had the sensor.
    fn median(&self, read: impl Fn(&Noise) -> Option<f64>) -> Option<f64> {
        median(&self.noises().filter_map(read).collect::<Vec<_>>())
    }

    /// The same of a time as a share of the repetition's wall time.
    fn share(&self, read: impl Fn(&Noise) -> Option<Nanos>) -> Option<f64> {
        let share = |noise: &Noise| {
            let wall = noise.wall_ns.0;
            (wall > 0).then_some(read(noise)?.0 as f64 / wall as f64)
        };
        self.median(share)
    }

    /// Total over the repetitions that had the sensor: the median of rare events is 0.
    fn total(&self, read: impl Fn(&Noise) -> Option<u64>) -> Option<f64> {
        let known: Vec<u64> = self.noises().filter_map(read).collect();
        (!known.is_empty()).then(|| known.iter().map(|n| *n as f64).sum())
    }

    fn total_share(&self, read: impl Fn(&Noise) -> Option<Nanos>) -> Option<f64> {
        let known = || self.noises().filter_map(|noise| Some((read(noise)?.0, noise.wall_ns.0)));
        let wall: f64 = known().map(|(_, wall)| wall as f64).sum();
        (wall > 0.0).then(|| known().map(|(time, _)| time as f64).sum::<f64>() / wall)
    }

    fn probes(&self) -> Vec<Nanos> {
        let probe = |sample: &Repetition| sample.probe_ns;
        self.0.samples.iter().filter_map(probe).collect()
    }

    /// One where their number is unknown, as in the grade.
    fn n_cpus(&self) -> f64 {
        Some(self.0.machine.cpu.n_allowed).filter(|n| *n > 0.0).unwrap_or(1.0)
    }

    /// Another machine's probe takes another time, and that is no noise.
    fn is_machine_of(&self, other: &Session<'_>) -> bool {
        let (own, other) = (&self.0.machine.fingerprint, &other.0.machine.fingerprint);
        own == other && !own.is_empty()
    }
}

fn milliseconds(ns: f64) -> String {
    format!("{:.2} ms", ns * 1e-6)
}

fn cores(n: f64) -> String {
    format!("{n:.2}")
}

fn percent(share: f64) -> String {
    format!("{:.1} %", share * 100.0)
}

fn count(n: f64) -> String {
    format!("{n:.0}")
}

fn megahertz(mhz: f64) -> String {
    format!("{mhz:.0} MHz")
}
