use super::*;
use crate::facts::fixture::Fixture;

const PID: u32 = 4_000_007;

fn machine() -> Fixture {
    Fixture::new(&[
        ("proc/stat", "cpu  1000 0 500 9000 100 0 0 70 0 0\ncpu0 1 2 3\n"),
        ("proc/cpuinfo", "flags : fpu hypervisor\n"),
        ("proc/meminfo", "SwapTotal: 100 kB\n"),
        ("proc/vmstat", "nr_free_pages 5\npswpin 40\npswpout 3\n"),
        ("proc/pressure/cpu", "some avg10=0.00 avg60=0.00 avg300=0.00 total=100\n"),
        ("proc/4000007/stat", "4000007 (w) S 1 1 1 0 -1 0 0 0 6 0 300 100 0 0"),
        ("proc/4000007/task/4000007/schedstat", "4000000000 1000 9\n"),
        ("proc/4000007/task/4000007/status", "nonvoluntary_ctxt_switches:\t11\n"),
    ])
}

#[test]
fn a_guest_without_some_counters_names_them() {
    let fixture = machine();
    let sensors = Sensors::below(fixture.tree(), PID, &[]);
    assert_eq!(
        sensors.unknown(),
        ["psi_memory", "psi_io", "cgroup_throttled", "clock", "thermal_throttles"]
    );
    assert_eq!(sensors.min_window(), Some(Duration::from_millis(400)));
}

#[test]
fn differences_of_all_counters_reach_the_noise() {
    let fixture = machine();
    let sensors = Sensors::below(fixture.tree(), PID, &[]);
    let before = sensors.read();
    fixture.write("proc/stat", "cpu  1100 0 500 9000 900 0 0 73 0 0\n");
    fixture.write("proc/vmstat", "pswpin 42\n");
    fixture.write("proc/pressure/cpu", "some avg10=0.00 total=350\n");
    fixture.write("proc/4000007/stat", "4000007 (w) S 1 1 1 0 -1 0 0 0 8 0 350 100 0 0");
    fixture.write("proc/4000007/task/4000007/schedstat", "4000000000 1500 9\n");
    fixture.write("proc/4000007/task/4000007/status", "nonvoluntary_ctxt_switches:\t15\n");
    let mut after = sensors.read();
    after.at = before.at + Duration::from_secs(1);
    let noise = after.since(&before);
    assert_eq!(noise.other_cores, Some(0.5)); // 100 ticks busy, 50 of them own
    assert_eq!(noise.steal_ns, Some(Nanos(30_000_000)));
    assert_eq!(noise.psi_cpu_ns, Some(Nanos(250_000)));
    assert_eq!(noise.psi_io_ns, None);
    assert_eq!(noise.run_delay_ns, Some(Nanos(500)));
    assert_eq!(noise.involuntary_switches, Some(4));
    assert_eq!(noise.major_faults, Some(2));
    assert_eq!(noise.swap_in_pages, Some(2));
}

#[test]
fn a_system_without_any_counter_has_only_wall_time() {
    let fixture = Fixture::new(&[]);
    let sensors = Sensors::below(fixture.tree(), PID, &[PID]);
    let before = sensors.read();
    let noise = sensors.read().since(&before);
    let wall_only = tokmark_model::Noise { wall_ns: noise.wall_ns, ..Default::default() };
    assert_eq!(noise, wall_only);
    assert_eq!(sensors.unknown().len(), 12);
    assert_eq!(sensors.min_window(), None);
}

#[test]
fn without_swap_nothing_was_swapped_in() {
    let fixture = Fixture::new(&[("proc/meminfo", "SwapTotal: 0 kB\n")]);
    let sensors = Sensors::below(fixture.tree(), PID, &[]);
    assert_eq!(sensors.read().swap_in, Some(0));
}

/// A child that uses CPU until it is dropped; its own limit ends it if the test dies.
#[cfg(target_os = "linux")]
struct BusyChild(std::process::Child);

#[cfg(target_os = "linux")]
impl BusyChild {
    fn start() -> Self {
        let mut command = std::process::Command::new("sh");
        Self(command.args(["-c", "ulimit -t 60; while :; do :; done"]).spawn().unwrap())
    }
}

#[cfg(target_os = "linux")]
impl Drop for BusyChild {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The machine may be busy otherwise, so both sensors look at the same window: what
/// differs between them is the child alone. The window ends when the child has used
/// enough CPU to be told from the counters' resolution, however long that takes.
#[cfg(target_os = "linux")]
#[test]
fn a_child_is_other_unless_it_is_own() {
    let child = BusyChild::start();
    let pid = child.0.id();
    let me = std::process::id();
    let (strangers, family) = (Sensors::new(me, &[me]), Sensors::new(me, &[me, pid]));
    let clock = ProcessClock::new(&Tree::live(), pid);
    let used = || clock.read(&mut [0; 64]).unwrap().0;

    let before = (strangers.read(), family.read());
    let used_before = used();
    let window = strangers.min_window().unwrap();
    let mut after = (strangers.read(), family.read());
    while after.0.wall_since(&before.0) < window || used() - used_before < 200_000_000 {
        std::thread::sleep(Duration::from_millis(20));
        after = (strangers.read(), family.read());
    }
    let as_other = after.0.since(&before.0).other_cores.unwrap();
    let as_own = after.1.since(&before.1).other_cores.unwrap();
    assert!(as_other > 0.0, "{as_other}");
    assert!(as_own < as_other, "own {as_own}, other {as_other}");
}

#[cfg(target_os = "linux")]
#[test]
fn an_own_process_that_ends_within_the_window_is_noticed() {
    let child = BusyChild::start();
    let me = std::process::id();
    let sensors = Sensors::new(me, &[child.0.id()]);
    let before = sensors.read();
    drop(child);
    let mut after = sensors.read();
    after.at = before.at + Duration::from_secs(10);
    assert_eq!(after.since(&before).other_cores, None);
}
