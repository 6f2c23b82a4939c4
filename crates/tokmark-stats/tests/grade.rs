//! Grades: each threshold from both sides, the texts as people read them.

use tokmark_model::{
    Grade, GradeLetter, MemoryUse, Nanos, Noise, RecordKind, Repetition, Repetitions, Status,
    StopReason, Test, TokensPerSecond,
};
use tokmark_stats::{GradeInput, grade, summarize};

const MS: u64 = 1_000_000;

/// A quiet, converged run of 14 repetitions with every sensor, to be disturbed by a test.
struct Run {
    samples: Vec<Repetition>,
    ask: Repetitions,
    stop: StopReason,
    status: Status,
    kind: RecordKind,
    ceiling_tps: Option<TokensPerSecond>,
}

impl Run {
    fn quiet() -> Self {
        let jitter = [3, 0, 5, 1, 6, 2, 4, 1, 5, 0, 3, 6, 2, 4];
        Run {
            samples: jitter.map(|j| repetition((1_000 + j) * MS)).into(),
            ask: Repetitions::Adaptive {
                half_width: 0.02,
                budget_ns: Nanos(60_000 * MS),
                at_least: 5,
            },
            stop: StopReason::Converged,
            status: Status::Ok,
            kind: RecordKind::Measured,
            ceiling_tps: Some(TokensPerSecond(500.0)),
        }
    }

    /// The same with every repetition's noise changed.
    fn with_noise(change: impl Fn(usize, &mut Noise)) -> Self {
        let mut run = Run::quiet();
        for (i, sample) in run.samples.iter_mut().enumerate() {
            change(i, sample.noise.as_mut().unwrap());
        }
        run
    }

    fn graded(&self) -> Option<Grade> {
        let memory = MemoryUse::default();
        let baseline = [Nanos(10 * MS); 5];
        let summary =
            summarize(&Test::tg(100), &self.samples, &self.ask, self.stop, &memory, &baseline);
        grade(&GradeInput {
            kind: self.kind,
            status: self.status,
            repetitions: &self.ask,
            summary: &summary.unwrap(),
            samples: &self.samples,
            probe_baseline_ns: &baseline,
            n_cpus_allowed: Some(2.0),
            ceiling_tps: self.ceiling_tps,
        })
    }

    fn letter(&self) -> GradeLetter {
        self.graded().unwrap().letter
    }

    /// The only reason.
    #[track_caller]
    fn reason(&self) -> (GradeLetter, String, String) {
        let grade = self.graded().unwrap();
        assert_eq!(grade.reasons.len(), 1, "{:?}", grade.reasons);
        let reason = &grade.reasons[0];
        assert_eq!(grade.letter, reason.letter);
        (reason.letter, reason.code.clone(), reason.text.clone())
    }
}

fn repetition(duration: u64) -> Repetition {
    Repetition {
        duration_ns: Nanos(duration),
        probe_ns: Some(Nanos(10 * MS)),
        noise: Some(Noise {
            wall_ns: Nanos(duration),
            other_cores: Some(0.01),
            steal_ns: Some(Nanos(0)),
            psi_cpu_ns: Some(Nanos(0)),
            psi_memory_ns: Some(Nanos(0)),
            psi_io_ns: Some(Nanos(0)),
            run_delay_ns: Some(Nanos(0)),
            involuntary_switches: Some(3),
            major_faults: Some(0),
            cgroup_throttled_ns: Some(Nanos(0)),
            swap_in_pages: Some(0),
            clock_mhz: Some(3_000.0),
            thermal_throttles: Some(0),
        }),
        ..Repetition::default()
    }
}

#[track_caller]
fn assert_reason(run: &Run, letter: GradeLetter, code: &str, text: &str) {
    assert_eq!(run.reason(), (letter, code.to_owned(), text.to_owned()));
}

#[test]
fn a_quiet_converged_run_is_an_a_without_reasons() {
    let grade = Run::quiet().graded().unwrap();
    assert_eq!((grade.letter, grade.reasons.len()), (GradeLetter::A, 0), "{:?}", grade.reasons);
}

#[test]
fn only_measured_records_are_graded() {
    for kind in [RecordKind::Imported, RecordKind::ImportedSummary, RecordKind::Published] {
        assert_eq!(Run { kind, ..Run::quiet() }.graded(), None);
    }
}

#[test]
fn other_processes_are_named_with_their_cores() {
    let busy = Run::with_noise(|_, noise| noise.other_cores = Some(1.6));
    let text = "other processes used 1.6 of 2 cores";
    assert_reason(&busy, GradeLetter::F, "other_processes", text);
    let half = Run::with_noise(|_, noise| noise.other_cores = Some(0.5));
    assert_eq!(half.letter(), GradeLetter::E);
    let little = Run::with_noise(|_, noise| noise.other_cores = Some(0.09));
    assert_eq!(little.letter(), GradeLetter::A);
}

#[test]
fn other_processes_are_weighted_by_time() {
    // One repetition in fourteen, but half of all the time.
    let run = Run::with_noise(|i, noise| {
        noise.other_cores = Some(if i == 0 { 2.0 } else { 0.0 });
        noise.wall_ns = Nanos(if i == 0 { 13_000 * MS } else { 1_000 * MS });
    });
    assert_reason(&run, GradeLetter::F, "other_processes", "other processes used 1.0 of 2 cores");
}

#[test]
fn stolen_time_counts_as_a_share_of_the_allowed_cpus() {
    let steal = |share: f64| {
        Run::with_noise(move |_, noise| {
            noise.steal_ns = Some(Nanos((noise.wall_ns.0 as f64 * 2.0 * share) as u64));
        })
    };
    assert_eq!(steal(0.01).letter(), GradeLetter::A);
    let text = "the hypervisor took 5 % of the CPU time";
    assert_reason(&steal(0.05), GradeLetter::E, "steal", text);
    assert_eq!(steal(0.2).letter(), GradeLetter::F);
}

#[test]
fn a_probe_that_moved_over_a_tenth_is_an_f() {
    let mut run = Run::quiet();
    for sample in &mut run.samples {
        sample.probe_ns = Some(Nanos(11_400_000));
    }
    let text = "the fixed probe ran 14 % slower than at the start";
    assert_reason(&run, GradeLetter::F, "probe_moved", text);
    for sample in &mut run.samples {
        sample.probe_ns = Some(Nanos(10_900_000));
    }
    assert_eq!(run.letter(), GradeLetter::A);
}

#[test]
fn a_rate_above_the_ceiling_is_an_f() {
    let run = Run { ceiling_tps: Some(TokensPerSecond(90.0)), ..Run::quiet() };
    let text = "99.7 tok/s is above this machine's ceiling of 90.0";
    assert_reason(&run, GradeLetter::F, "above_ceiling", text);
}

#[test]
fn quota_swap_and_heat_are_an_e() {
    let quota = Run::with_noise(|_, noise| noise.cgroup_throttled_ns = Some(Nanos(100 * MS)));
    let text = "the CPU quota held the process back for 10.0 % of the time";
    assert_reason(&quota, GradeLetter::E, "cgroup_throttled", text);
    let swap = Run::with_noise(|_, noise| noise.swap_in_pages = Some(100));
    assert_reason(&swap, GradeLetter::E, "swapped", "the machine swapped in 1400 pages");
    let heat = Run::with_noise(|i, noise| noise.thermal_throttles = Some(u64::from(i == 3)));
    let text = "the processor throttled from heat 1 time";
    assert_reason(&heat, GradeLetter::E, "thermal_throttled", text);
}

#[test]
fn unknown_sensors_are_one_reason_together() {
    let run = Run::with_noise(|_, noise| {
        noise.clock_mhz = None;
        noise.thermal_throttles = None;
    });
    let text = "not readable here: clock, thermal throttling";
    assert_reason(&run, GradeLetter::C, "sensor_unknown", text);
}

#[test]
fn no_noise_and_no_probe_is_one_short_reason() {
    let mut run = Run::quiet();
    for sample in &mut run.samples {
        sample.noise = None;
        sample.probe_ns = None;
    }
    assert_reason(&run, GradeLetter::C, "sensor_unknown", "no sensor was read here");
}

#[test]
fn a_sensor_that_needs_longer_windows_counts_where_it_has_read() {
    let run = Run::with_noise(|i, noise| {
        noise.other_cores = if i == 0 { None } else { Some(1.0) };
    });
    let grade = run.graded().unwrap();
    let codes: Vec<&str> = grade.reasons.iter().map(|reason| reason.code.as_str()).collect();
    assert_eq!(codes, ["other_processes"]);
}

#[test]
fn the_budget_is_named_with_both_precisions() {
    let mut run = Run { stop: StopReason::Budget, ..Run::quiet() };
    for (i, sample) in run.samples.iter_mut().enumerate() {
        sample.duration_ns = Nanos((1_000 + [30, 0, 50, 10, 60, 20, 40][i % 7]) * MS);
    }
    let (letter, code, text) = run.reason();
    assert_eq!((letter, code.as_str()), (GradeLetter::C, "not_converged"));
    assert!(text.starts_with("stopped by the time budget at ±"), "{text}");
    assert!(text.ends_with(" %, asked ±2 %"), "{text}");
}

/// Between two looks the budget can end a run that has reached what was asked.
#[test]
fn what_is_known_as_well_as_asked_is_no_c_however_it_ended() {
    let run = Run { stop: StopReason::Budget, ..Run::quiet() };
    assert_eq!(run.graded(), Run::quiet().graded());
}

#[test]
fn five_repetitions_are_a_c() {
    let mut run = Run { ask: Repetitions::Fixed { n: 5 }, stop: StopReason::Fixed, ..Run::quiet() };
    run.samples.truncate(5);
    assert_reason(&run, GradeLetter::C, "too_few", "5 repetitions, no interval");
    run.samples.truncate(1);
    assert_reason(&run, GradeLetter::C, "too_few", "1 repetition, no interval");
}

#[test]
fn a_fixed_number_that_is_precise_enough_counts_as_converged() {
    let run = Run { ask: Repetitions::Fixed { n: 14 }, stop: StopReason::Fixed, ..Run::quiet() };
    assert_eq!(run.letter(), GradeLetter::A);
}

#[test]
fn a_drifting_run_is_a_d_with_its_size() {
    let mut run = Run { stop: StopReason::Budget, ..Run::quiet() };
    for (i, sample) in run.samples.iter_mut().enumerate() {
        sample.duration_ns = Nanos((1_000 + 10 * i as u64) * MS);
    }
    let grade = run.graded().unwrap();
    assert_eq!(grade.letter, GradeLetter::D);
    let texts: Vec<&str> = grade.reasons.iter().map(|reason| reason.text.as_str()).collect();
    assert!(texts.contains(&"repetitions became 13 % slower over the test"), "{texts:?}");
    assert!(texts.iter().any(|text| text.starts_with("repetitions are correlated (lag 1: 0.")));
}

#[test]
fn an_outlier_is_a_b() {
    let mut run = Run::quiet();
    run.samples[4].duration_ns = Nanos(1_500 * MS);
    assert_reason(&run, GradeLetter::B, "outliers", "1 of 14 repetitions is an outlier");
}

#[test]
fn a_run_that_a_crash_ended_is_a_c_at_best() {
    let run = Run { status: Status::Crashed, ..Run::quiet() };
    assert_reason(&run, GradeLetter::C, "ended_early", "ended early by a crash");
}

#[test]
fn the_worst_reason_decides_and_comes_first() {
    let mut run = Run::with_noise(|_, noise| {
        noise.clock_mhz = None;
        noise.other_cores = Some(0.2);
        noise.swap_in_pages = Some(1_000);
    });
    run.ceiling_tps = Some(TokensPerSecond(1.0));
    let grade = run.graded().unwrap();
    assert_eq!(grade.letter, GradeLetter::F);
    assert_eq!(grade.reasons.len(), 4);
    assert!(grade.reasons.is_sorted_by(|a, b| a.letter >= b.letter));
}
