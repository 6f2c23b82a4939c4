use tokmark_host::{Probe, Reading, Sensors};
use tokmark_model::{Nanos, Noise};
use tokmark_run::Guard;

/// The machine's sensors and the probe, as the runner's guard.
#[derive(Debug)]
pub struct HostGuard {
    sensors: Sensors,
    /// Made when first run: filling its memory is no part of a model's load time.
    probe: Option<Probe>,
    before: Reading,
    /// Start of the window over which other processes are told from our own.
    window: Reading,
}

impl HostGuard {
    /// A guard for this process as worker, with the processes in `own` not counted as others.
    pub fn new(own: &[u32]) -> Self {
        let me = std::process::id();
        let mut pids = vec![me];
        pids.extend(own.iter().filter(|&&pid| pid != me));
        let sensors = Sensors::new(me, &pids);
        let before = sensors.read();
        HostGuard { window: before.clone(), before, sensors, probe: None }
    }
}

impl Guard for HostGuard {
    fn before(&mut self) {
        self.before = self.sensors.read();
    }

    /// A repetition too short to tell other processes from our own has none of its own
    /// figure; the one that completes a long enough window carries that window's.
    fn after(&mut self) -> Noise {
        let now = self.sensors.read();
        let mut noise = now.since(&self.before);
        if noise.other_cores.is_none() {
            noise.other_cores = now.since(&self.window).other_cores;
        }
        if noise.other_cores.is_some() {
            self.window = now;
        }
        noise
    }

    fn probe(&mut self) -> Option<Nanos> {
        Some(self.probe.get_or_insert_with(Probe::new).run())
    }
}
