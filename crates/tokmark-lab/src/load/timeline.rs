//! The server's counters and this machine's sensors while a point runs, read by a thread of
//! their own.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tokmark_host::Sensors;
use tokmark_http::{Endpoint, Scraper, ServerGauges};
use tokmark_model::{Bytes, Nanos, TimelinePoint};

/// Time between two readings.
const EVERY: Duration = Duration::from_millis(500);
/// Readings kept; beyond, every other one is dropped and the pace halved.
const MOST: usize = 1_200;

/// What was read.
#[derive(Debug, Default)]
pub(super) struct Readings {
    pub(super) points: Vec<TimelinePoint>,
    /// Mean of the cores that other processes used, where known.
    pub(super) other_cores: Option<f64>,
    /// CPU time that the hypervisor took.
    pub(super) stolen: Option<Nanos>,
    /// Tokens drafted and accepted meanwhile by the server's own counters.
    pub(super) drafted: Option<(u64, u64)>,
    /// How long was read.
    pub(super) length: Duration,
    /// Largest sum of the server's resident memory.
    pub(super) server_bytes: Option<Bytes>,
}

/// A thread that reads.
pub(super) struct Timeline {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<Readings>,
}

impl Timeline {
    /// Starts reading. `server_pids` are the processes of a local server.
    pub(super) fn start(endpoint: &Endpoint, server_pids: &[u32]) -> Option<Self> {
        let scraper = Scraper::new(endpoint).ok().flatten();
        let stop = Arc::new(AtomicBool::new(false));
        let pids = server_pids.to_vec();
        let is_over = stop.clone();
        let thread = std::thread::Builder::new()
            .name("timeline".to_owned())
            .spawn(move || read(scraper.as_ref(), &pids, &is_over))
            .ok()?;
        Some(Timeline { stop, thread })
    }

    pub(super) fn finish(self) -> Readings {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.thread().unpark();
        self.thread.join().unwrap_or_default()
    }
}

fn read(scraper: Option<&Scraper>, server_pids: &[u32], is_over: &AtomicBool) -> Readings {
    let begun = Instant::now();
    let me = std::process::id();
    let client = Sensors::new(me, &[]);
    let own: Vec<u32> = server_pids.iter().copied().chain([me]).collect();
    let machine = (!server_pids.is_empty()).then(|| Sensors::new(me, &own));
    let first = (client.read(), machine.as_ref().map(Sensors::read));
    let mut before = first.clone();
    let counted = scraper.and_then(Scraper::read);
    let mut every = EVERY;
    let mut readings = Readings::default();
    while !is_over.load(Ordering::Relaxed) {
        std::thread::park_timeout(every);
        let now = (client.read(), machine.as_ref().map(Sensors::read));
        let gauges = scraper.and_then(Scraper::read).unwrap_or_default();
        let server_bytes = server_memory(server_pids);
        readings.server_bytes = readings.server_bytes.max(server_bytes);
        let noise = now.0.since(&before.0);
        let share = |time: Option<Nanos>| {
            let window = noise.wall_ns.get();
            time.filter(|_| window > 0).map(|time| time.get() as f64 / window as f64)
        };
        let is_local = machine.is_some();
        readings.points.push(TimelinePoint {
            at_ns: begun.elapsed().into(),
            running: gauges.running,
            waiting: gauges.waiting,
            kv_cache_share: gauges.kv_cache_share,
            busy_cores: now.1.as_ref().zip(before.1.as_ref()).and_then(|(n, b)| n.busy_cores(b)),
            client_cores: now.0.own_cores(&before.0),
            stolen_cores: share(noise.steal_ns),
            cpu_pressure: share(noise.psi_cpu_ns).map(|share| share.min(1.0)),
            clock_mhz: noise.clock_mhz.filter(|_| is_local),
            thermal_throttles: noise.thermal_throttles.filter(|_| is_local),
            server_bytes,
        });
        readings.drafted =
            counted.as_ref().and_then(|before| drafted(before, &gauges)).or(readings.drafted);
        before = now;
        if readings.points.len() > MOST {
            let mut position = 0;
            readings.points.retain(|_| {
                position += 1;
                position % 2 == 1
            });
            every *= 2;
        }
    }
    if let (Some(sensors), Some(first)) = (&machine, &first.1) {
        readings.other_cores = sensors.read().since(first).other_cores;
    }
    let last = client.read();
    readings.stolen = last.since(&first.0).steal_ns;
    readings.length = last.wall_since(&first.0);
    readings
}

/// What both counters grew by; `None` where the server has none, and where they began anew.
fn drafted(before: &ServerGauges, now: &ServerGauges) -> Option<(u64, u64)> {
    // A counter that was not there when the others were read began with 0 since.
    let grown = |before: Option<f64>, now: Option<f64>| {
        let grown = now? - before.unwrap_or(0.0);
        (grown >= 0.0).then_some(grown.round() as u64)
    };
    Some((grown(before.n_drafted, now.n_drafted)?, grown(before.n_accepted, now.n_accepted)?))
}

fn server_memory(pids: &[u32]) -> Option<Bytes> {
    let resident = pids.iter().filter_map(|&pid| tokmark_host::process_memory(pid));
    let sum: u64 = resident.map(|memory| memory.resident.get()).sum();
    (sum > 0).then_some(Bytes(sum))
}
