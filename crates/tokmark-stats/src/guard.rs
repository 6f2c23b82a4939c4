//! What the noise guard's sensors mean for a grade.

use tokmark_model::{GradeLetter, GradeReason, Noise, Repetition};

use crate::grade::{GradeInput, reason};
use crate::probe::probe_ratio;

/// Cores used by other processes from which on the figure is touched (E).
pub const OTHER_CORES_TOUCHED: f64 = 0.1;
/// Cores used by other processes above which it is worthless (F).
pub const OTHER_CORES_WORTHLESS: f64 = 0.5;
/// Share of the allowed CPU time stolen by the hypervisor from which on the figure is
/// touched (E).
pub const STEAL_TOUCHED: f64 = 0.02;
/// Share of the allowed CPU time stolen above which it is worthless (F).
pub const STEAL_WORTHLESS: f64 = 0.10;
/// Share by which the median probe may differ from the baseline's; above it, F.
pub const PROBE_MOVED: f64 = 0.10;
/// Share of the time throttled by the cgroup's quota above which the figure is touched (E).
pub const CGROUP_THROTTLED: f64 = 0.001;
/// Pages swapped in, machine-wide, above which the figure is touched (E): 1 MiB of 4 KiB ones.
pub const SWAPPED_IN_PAGES: u64 = 256;
/// Waiting for a CPU, memory, or input and output, as a share of the time, that is flagged (B).
pub const PRESSURE_FLAGGED: f64 = 0.05;
/// Change of the clock within the test, (max - min) / max, that is flagged (B).
pub const CLOCK_FLAGGED: f64 = 0.05;

/// Reads one sensor of one repetition, in its own unit.
type Read = fn(&Noise) -> Option<f64>;

/// One sensor with its name for people.
type Sensor = (&'static str, Read);

/// Every sensor whose absence caps the grade, in the order in which they are listed.
const SENSORS: [Sensor; 12] = [
    ("other processes", |noise| noise.other_cores),
    ("steal", |noise| noise.steal_ns.map(|time| time.0 as f64)),
    ("CPU pressure", |noise| noise.psi_cpu_ns.map(|time| time.0 as f64)),
    ("memory pressure", |noise| noise.psi_memory_ns.map(|time| time.0 as f64)),
    ("I/O pressure", |noise| noise.psi_io_ns.map(|time| time.0 as f64)),
    ("run-queue delay", |noise| noise.run_delay_ns.map(|time| time.0 as f64)),
    ("context switches", |noise| noise.involuntary_switches.map(|count| count as f64)),
    ("major faults", |noise| noise.major_faults.map(|count| count as f64)),
    ("cgroup throttling", |noise| noise.cgroup_throttled_ns.map(|time| time.0 as f64)),
    ("swapping", |noise| noise.swap_in_pages.map(|count| count as f64)),
    ("clock", |noise| noise.clock_mhz),
    ("thermal throttling", |noise| noise.thermal_throttles.map(|count| count as f64)),
];

/// Everything that the sensors and the probe say against a figure, in no particular order.
pub(crate) fn reasons(input: &GradeInput<'_>) -> Vec<GradeReason> {
    let readings = Readings::of(input.samples);
    [
        other_processes(input, &readings),
        steal(input, &readings),
        probe_moved(input),
        cgroup_throttled(&readings),
        swapped(&readings),
        thermal(&readings),
        clock_moved(input.samples),
        unknown_sensors(input),
    ]
    .into_iter()
    .flatten()
    .chain(pressures(&readings))
    .collect()
}

/// Sums over the repetitions that had the sensor.
struct Readings<'a> {
    noises: Vec<&'a Noise>,
}

impl<'a> Readings<'a> {
    fn of(samples: &'a [Repetition]) -> Self {
        Readings { noises: samples.iter().filter_map(|sample| sample.noise.as_ref()).collect() }
    }

    /// Sum of a sensor, and the wall time in ns of the repetitions that had it. `None` if none
    /// had it or no time passed.
    fn sum(&self, sensor: impl Fn(&Noise) -> Option<f64>) -> Option<(f64, f64)> {
        let known = self.noises.iter().filter_map(|n| Some((sensor(n)?, n.wall_ns.0 as f64)));
        let (total, wall) = known.fold((0.0, 0.0), |sum, one| (sum.0 + one.0, sum.1 + one.1));
        (wall > 0.0).then_some((total, wall))
    }

    /// A time in ns as a share of the wall time.
    fn share(&self, sensor: impl Fn(&Noise) -> Option<f64>) -> Option<f64> {
        self.sum(sensor).map(|(total, wall)| total / wall)
    }
}

/// The worse letter above `worthless`, the milder from `touched` on.
fn letter(value: f64, touched: f64, worthless: f64) -> Option<GradeLetter> {
    if value > worthless {
        Some(GradeLetter::F)
    } else {
        (value >= touched).then_some(GradeLetter::E)
    }
}

/// Time-weighted mean of the cores that other processes used.
fn other_processes(input: &GradeInput<'_>, readings: &Readings<'_>) -> Option<GradeReason> {
    let cores = readings.share(|n| Some(n.other_cores? * n.wall_ns.0 as f64))?;
    let letter = letter(cores, OTHER_CORES_TOUCHED, OTHER_CORES_WORTHLESS)?;
    let text = match input.n_cpus_allowed {
        Some(allowed) => format!("other processes used {cores:.1} of {} cores", count(allowed)),
        None => format!("other processes used {cores:.1} cores"),
    };
    Some(reason(letter, "other_processes", text))
}

/// `2` for a whole number, `1.5` otherwise.
fn count(cpus: f64) -> String {
    if cpus.fract() == 0.0 { format!("{cpus:.0}") } else { format!("{cpus:.1}") }
}

/// Stolen CPU time over wall time x allowed CPUs; one CPU is assumed where their number is
/// unknown.
fn steal(input: &GradeInput<'_>, readings: &Readings<'_>) -> Option<GradeReason> {
    let cores = readings.share(|n| n.steal_ns.map(|time| time.0 as f64))?;
    stolen(cores / input.n_cpus_allowed.filter(|n| *n > 0.0).unwrap_or(1.0))
}

/// The reason against figures of a machine of whose CPU time this share was stolen.
pub(crate) fn stolen(share: f64) -> Option<GradeReason> {
    let letter = letter(share, STEAL_TOUCHED, STEAL_WORTHLESS)?;
    let text = format!("the hypervisor took {:.0} % of the CPU time", share * 100.0);
    Some(reason(letter, "steal", text))
}

fn probe_moved(input: &GradeInput<'_>) -> Option<GradeReason> {
    let ratio = probe_ratio(input.samples, input.probe_baseline_ns)?;
    let direction = if ratio > 1.0 { "slower" } else { "faster" };
    let change = (ratio - 1.0).abs();
    let text = format!("the fixed probe ran {:.0} % {direction} than at the start", change * 100.0);
    (change > PROBE_MOVED).then(|| reason(GradeLetter::F, "probe_moved", text))
}

fn cgroup_throttled(readings: &Readings<'_>) -> Option<GradeReason> {
    let share = readings.share(|n| n.cgroup_throttled_ns.map(|time| time.0 as f64))?;
    let text =
        format!("the CPU quota held the process back for {:.1} % of the time", share * 100.0);
    (share > CGROUP_THROTTLED).then(|| reason(GradeLetter::E, "cgroup_throttled", text))
}

fn swapped(readings: &Readings<'_>) -> Option<GradeReason> {
    let (pages, _) = readings.sum(|n| n.swap_in_pages.map(|count| count as f64))?;
    let text = format!("the machine swapped in {pages:.0} pages");
    (pages > SWAPPED_IN_PAGES as f64).then(|| reason(GradeLetter::E, "swapped", text))
}

fn thermal(readings: &Readings<'_>) -> Option<GradeReason> {
    let (events, _) = readings.sum(|n| n.thermal_throttles.map(|count| count as f64))?;
    let plural = if events == 1.0 { "" } else { "s" };
    let text = format!("the processor throttled from heat {events:.0} time{plural}");
    (events > 0.0).then(|| reason(GradeLetter::E, "thermal_throttled", text))
}

fn clock_moved(samples: &[Repetition]) -> Option<GradeReason> {
    let clocks = samples.iter().filter_map(|sample| sample.noise.as_ref()?.clock_mhz);
    let (low, high) = clocks.fold((f64::INFINITY, 0.0), |(low, high): (f64, f64), clock| {
        (low.min(clock), high.max(clock))
    });
    let text = format!("the clock moved between {low:.0} and {high:.0} MHz");
    (high - low > CLOCK_FLAGGED * high).then(|| reason(GradeLetter::B, "clock_moved", text))
}

/// Flags that explain a spread but do not by themselves move a median.
fn pressures(readings: &Readings<'_>) -> Vec<GradeReason> {
    let mut flags = Vec::new();
    let waits: [(&str, &str, Read); 3] = [
        ("cpu_pressure", "processes waited for a CPU", |n| Some(n.psi_cpu_ns?.0 as f64)),
        ("memory_pressure", "processes waited for memory", |n| Some(n.psi_memory_ns?.0 as f64)),
        ("io_pressure", "processes waited for I/O", |n| Some(n.psi_io_ns?.0 as f64)),
    ];
    for (code, what, sensor) in waits {
        if let Some(share) = readings.share(sensor).filter(|share| *share > PRESSURE_FLAGGED) {
            let text = format!("{what} for {:.0} % of the time", share * 100.0);
            flags.push(reason(GradeLetter::B, code, text));
        }
    }
    let delay = readings.share(|n| Some(n.run_delay_ns?.0 as f64));
    if let Some(share) = delay.filter(|share| *share > PRESSURE_FLAGGED) {
        let text = format!("the engine's threads together waited {share:.2} s a second for a CPU");
        flags.push(reason(GradeLetter::B, "run_delay", text));
    }
    if let Some((faults, _)) = readings.sum(|n| n.major_faults.map(|count| count as f64))
        && faults > 0.0
    {
        let text = format!("the engine read {faults:.0} pages from disk");
        flags.push(reason(GradeLetter::B, "major_faults", text));
    }
    flags
}

/// One reason for all that could not be read. A sensor counts that no repetition had: some,
/// like the cores of others, need a longer window than one short repetition.
fn unknown_sensors(input: &GradeInput<'_>) -> Option<GradeReason> {
    let missing = |sensor: Read| {
        let mut noises = input.samples.iter().filter_map(|sample| sample.noise.as_ref());
        !noises.any(|noise| sensor(noise).is_some())
    };
    let mut names: Vec<&str> =
        SENSORS.iter().filter(|(_, sensor)| missing(*sensor)).map(|(name, _)| *name).collect();
    if probe_ratio(input.samples, input.probe_baseline_ns).is_none() {
        names.push("the fixed probe");
    }
    let text = if names.len() > SENSORS.len() {
        "no sensor was read here".to_owned()
    } else {
        format!("not readable here: {}", names.join(", "))
    };
    (!names.is_empty()).then(|| reason(GradeLetter::C, "sensor_unknown", text))
}
