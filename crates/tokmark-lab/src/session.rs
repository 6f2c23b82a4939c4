use std::ops::ControlFlow;
use std::path::Path;
use std::time::{Duration, Instant};

use tokmark_host::{BusyProcess, QuietState};
use tokmark_model::{
    EngineFacts, LoadTime, MachineFacts, MemoryUse, ModelFacts, Nanos, PlannedTest, ProcessParams,
    Record, Repetitions, Status, StatusReason, StopReason, Test, Timestamp, TokenSource, Uuid,
    Visit,
};
use tokmark_run::{
    Command, EngineError, Failure, Interrupt, Limits, LoadRequest, Message, Setup, WorkerCommand,
    WorkerProcess,
};
use tokmark_stats::{Length, Pace};

use crate::measure::{Measuring, measure};
use crate::record::{Draft, without_folders, without_secrets};
use crate::subject::Subject;

/// How a session measures.
#[derive(Debug, Clone)]
pub struct SessionOptions {
    /// How to start a worker; its arguments carry `process`.
    pub worker: WorkerCommand,
    /// What a worker may use.
    pub limits: Limits,
    /// Ctrl-C.
    pub interrupt: Interrupt,
    /// Settings of the worker's process.
    pub process: ProcessParams,
    /// How many repetitions.
    pub repetitions: Repetitions,
    /// Which tokens.
    pub tokens: TokenSource,
    /// Longest warm-up of a test; `None` for none at all. Zero means one repetition.
    pub warm_up: Option<Duration>,
    /// Longest time for one test, loading included.
    pub timeout: Option<Duration>,
    /// Pause before each test.
    pub delay: Duration,
    /// How long to wait before each test until other processes are quiet.
    pub wait_quiet: Option<Duration>,
    /// Drop the model from the page cache before it is loaded.
    pub cold: bool,
    /// The machine.
    pub machine: MachineFacts,
}

/// What a session is doing.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Phase {
    /// Waiting until other processes are quiet; cores that they use now.
    Waiting {
        /// Cores that other processes use.
        other_cores: f64,
    },
    /// Process start, model, context.
    Loading,
    /// Tokens and state at depth, warm-up.
    WarmingUp,
    /// Timed repetitions.
    Measuring(Measuring),
}

/// Is told what a session does, between repetitions only.
pub trait Observer {
    /// Test `index` of `n` begins.
    fn test_started(&mut self, index: usize, n: usize, subject: &Subject, test: &Test);
    /// It has come to another phase, or further in the same.
    fn phase(&mut self, phase: Phase);
    /// Other processes took `other_cores` during a repetition, for the first time in this test;
    /// who they are, the busiest first, as far as they can be named.
    fn disturbed(&mut self, other_cores: f64, by: &[BusyProcess]);
    /// It is over, in whatever way.
    fn test_finished(&mut self, record: &Record);
}

/// How the tests of a run ended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// Measured.
    pub n_ok: usize,
    /// Failed, crashed, timed out.
    pub n_failed: usize,
    /// The user stopped the run.
    pub interrupted: bool,
}

/// A run: planned tests on subjects, a record each, all with one run id.
#[derive(Debug)]
pub struct Session {
    options: SessionOptions,
    run_id: Uuid,
    worker: Option<Running>,
    probe_baseline_ns: Vec<Nanos>,
    peak_is_per_test: bool,
    engine: EngineFacts,
    /// The visit of an experiment that is being made, with the worker's delay.
    visit: Option<(Visit, f64)>,
}

/// A worker with what it has loaded.
#[derive(Debug)]
pub(crate) struct Running {
    pub(crate) process: WorkerProcess,
    request: LoadRequest,
    load: Option<LoadTime>,
}

/// Share of a test's budget that warming up may take, see `docs/metrics.md`.
pub const WARM_UP_SHARE: f64 = 0.2;
/// Probes for the baseline.
const N_BASELINE_PROBES: u32 = 5;
/// Other processes together may use this much of a core and the machine is still quiet.
pub(crate) const QUIET_CORES: f64 = 0.1;
/// The calibration before an estimate.
const CALIBRATION: Test = Test { n_prompt: 64, n_gen: 8, n_depth: 0, n_parallel: 1 };

impl Session {
    /// A session that has measured nothing yet.
    pub fn new(options: SessionOptions) -> Self {
        Session {
            options,
            run_id: Uuid::now_v7(),
            worker: None,
            probe_baseline_ns: Vec::new(),
            peak_is_per_test: false,
            engine: EngineFacts::default(),
            visit: None,
        }
    }

    /// The same; its records belong to the run `run_id`.
    pub fn in_run(self, run_id: Uuid) -> Self {
        Session { run_id, ..self }
    }

    /// The engine of the last worker; without a name before the first.
    pub fn engine(&self) -> &EngineFacts {
        &self.engine
    }

    /// The tests that follow belong to `visit`: a fresh worker makes them, its steps longer by
    /// the share `delay`.
    pub(crate) fn begin_visit(&mut self, visit: &Visit, delay: f64) {
        self.worker = None;
        self.visit = Some((visit.clone(), delay));
    }

    /// Ends a visit and its worker.
    pub(crate) fn end_visit(&mut self) {
        self.worker = None;
        self.visit = None;
    }

    /// Measures `planned` in order and hands each record to `save` before the next test
    /// begins. `planned[i].model` counts in `subjects`.
    ///
    /// # Errors
    /// The first error of `save`.
    pub fn run<E>(
        &mut self,
        subjects: &[Subject],
        planned: &[PlannedTest],
        observer: &mut dyn Observer,
        mut save: impl FnMut(&Record) -> Result<(), E>,
    ) -> Result<Tally, E> {
        let mut tally = Tally::default();
        for (index, test) in planned.iter().enumerate() {
            if self.options.interrupt.is_raised() {
                tally.interrupted = true;
                break;
            }
            let subject = &subjects[test.model];
            observer.test_started(index, planned.len(), subject, &test.test);
            let record = self.measure_one(subject, test, observer);
            observer.test_finished(&record);
            match record.status {
                Status::Ok => tally.n_ok += 1,
                Status::Interrupted => tally.interrupted = true,
                _ => tally.n_failed += 1,
            }
            save(&record)?;
        }
        Ok(tally)
    }

    /// The record of a test that could not begin, because its model is no model. `folder` is
    /// taken out of the message.
    pub fn refuse(
        &self,
        model: ModelFacts,
        planned: &PlannedTest,
        message: String,
        folder: Option<&Path>,
    ) -> Record {
        let reason = StatusReason { message, ..StatusReason::default() };
        let reason = without_folders(reason, folder);
        let mut draft = self.draft(model, planned);
        draft.probe_baseline_ns.clear();
        draft.finish(StopReason::CutShort, Status::Failed, Some(reason))
    }

    /// How long one visit to `subject` takes: its load, and each test warmed up once and repeated
    /// as often as asked. `Err` says why the engine cannot do it.
    ///
    /// # Errors
    /// The reason that a record of the failure would have.
    pub fn visit_length(
        &mut self,
        subject: &Subject,
        planned: &[PlannedTest],
    ) -> Result<Duration, StatusReason> {
        let Some(first) = planned.first() else { return Ok(Duration::ZERO) };
        let calibration = PlannedTest { test: CALIBRATION, ..first.clone() };
        let begun = Instant::now();
        let pace = self.pace(subject, &calibration);
        self.worker = None;
        let pace = pace
            .map_err(|failure| without_folders(failure.into_status().1, subject.path.parent()))?;
        let pace = Pace { load: begun.elapsed(), ..pace };
        let n = match self.options.repetitions {
            Repetitions::Fixed { n } => n,
            Repetitions::Adaptive { at_least, .. } => at_least,
        };
        let tests: Vec<Test> = planned.iter().map(|planned| planned.test).collect();
        Ok(pace.visit(&tests, n))
    }

    /// How long `planned` will take, from one short run on the first subject, scaled to
    /// the others by their size. `None` when that run fails; the tests then say why.
    pub fn estimate(&mut self, subjects: &[Subject], planned: &[PlannedTest]) -> Option<Length> {
        let first = planned.first()?;
        let subject = &subjects[first.model];
        let calibration = PlannedTest { test: CALIBRATION, ..first.clone() };
        let pace = self.pace(subject, &calibration).ok()?;
        let size = |subject: &Subject| subject.facts.file_size_bytes.get().max(1) as f64;
        let total = planned.iter().fold(Length::ZERO, |sum, planned| {
            let scale = size(&subjects[planned.model]) / size(subject);
            let pace = pace.scaled(scale);
            let (one, depth) = (pace.repetition(&planned.test), pace.depth(&planned.test));
            sum.add(one, depth, &self.options.repetitions)
        });
        Some(total)
    }

    fn pace(&mut self, subject: &Subject, calibration: &PlannedTest) -> Result<Pace, Failure> {
        let deadline = self.deadline();
        let mut last = None;
        self.options.interrupt.set_expendable(true);
        let set_up = self.set_up(subject, calibration, deadline, &mut |_| {}, &mut |_| {});
        let done = set_up.and_then(|()| {
            let worker = self.worker.as_mut().expect("set_up has started it");
            let repeat = Command::Repeat { n: 2, probe: false, delay: 0.0 };
            worker.process.ask(&repeat, deadline, |message, _| {
                if let Message::Repeated(repetition) = message {
                    last = Some(*repetition);
                }
            })
        });
        if done.is_err() {
            self.worker = None;
        }
        let measured = last.and_then(|repetition| Some((repetition.prompt_ns?, repetition)));
        let Some((prompt, repetition)) = measured else {
            return Err(done.err().unwrap_or_else(gave_no_times));
        };
        let steps: u64 = repetition.token_ns.iter().map(|step| step.get()).sum();
        Ok(Pace {
            prompt_token: Duration::from(prompt) / CALIBRATION.n_prompt,
            step: Duration::from_nanos(steps) / CALIBRATION.n_gen,
            load: Duration::ZERO,
        })
    }

    fn deadline(&self) -> Option<Instant> {
        self.options.timeout.and_then(|timeout| Instant::now().checked_add(timeout))
    }

    fn draft(&self, model: ModelFacts, planned: &PlannedTest) -> Draft {
        Draft {
            run_id: self.run_id,
            created_at: Timestamp::now(),
            planned: planned.clone(),
            process: without_secrets(&self.options.process),
            ask: self.options.repetitions,
            tokens: self.options.tokens.clone(),
            model,
            engine: self.engine.clone(),
            machine: self.options.machine.clone(),
            devices_used: Vec::new(),
            load: None,
            memory: MemoryUse::default(),
            warmup_ns: Vec::new(),
            probe_baseline_ns: self.probe_baseline_ns.clone(),
            samples: Vec::new(),
            flags: Vec::new(),
            delay: self.visit.as_ref().map_or(0.0, |(_, delay)| *delay),
            visit: self.visit.as_ref().map(|(visit, _)| visit.clone()),
        }
    }

    pub(crate) fn measure_one(
        &mut self,
        subject: &Subject,
        planned: &PlannedTest,
        observer: &mut dyn Observer,
    ) -> Record {
        self.pause(observer);
        let folder = subject.path.parent().map(Path::to_path_buf);
        let mut draft = self.draft(subject.facts.clone(), planned);
        if f64::from(planned.params.n_threads) > self.options.machine.cpu.n_allowed {
            draft.flags.push("threads_over_cores".to_owned());
        }
        match self.try_measure(subject, planned, &mut draft, observer) {
            Ok(StopReason::Interrupted) => {
                let reason =
                    StatusReason { message: "interrupted".to_owned(), ..Default::default() };
                draft.finish(StopReason::Interrupted, Status::Interrupted, Some(reason))
            }
            Ok(stop) => draft.finish(stop, Status::Ok, None),
            Err(failure) => {
                self.worker = None;
                let (status, reason) = failure.into_status();
                let reason = without_folders(reason, folder.as_deref());
                draft.finish(StopReason::CutShort, status, Some(reason))
            }
        }
    }

    fn try_measure(
        &mut self,
        subject: &Subject,
        planned: &PlannedTest,
        draft: &mut Draft,
        observer: &mut dyn Observer,
    ) -> Result<StopReason, Failure> {
        let deadline = self.deadline();
        self.options.interrupt.set_expendable(true);
        observer.phase(Phase::Loading);
        let set_up = self.set_up(
            subject,
            planned,
            deadline,
            &mut |loaded| {
                draft.devices_used = loaded.devices_used;
                draft.memory.gpu_share_percent = loaded.gpu_share_percent;
                draft.memory.device_peak_bytes = loaded.device_bytes;
                draft.model.description = Some(loaded.description);
                draft.model.tensor_bytes = Some(loaded.tensor_bytes);
                draft.model.n_params = Some(loaded.n_params);
                if planned.test.n_ctx() > u64::from(loaded.n_ctx_train) {
                    draft.flags.push("context_over_trained".to_owned());
                }
                observer.phase(Phase::WarmingUp);
            },
            &mut |tokens| draft.tokens = tokens,
        );
        draft.engine = self.engine.clone();
        set_up?;
        let worker = self.worker.as_mut().expect("set_up has started it");
        draft.load = worker.load.clone();
        draft.memory.host_peak_is_per_test = self.peak_is_per_test;
        if self.probe_baseline_ns.is_empty() {
            let probe = Command::Probe { n: N_BASELINE_PROBES };
            let baseline = &mut self.probe_baseline_ns;
            worker.process.ask(&probe, deadline, |message, _| {
                if let Message::Probed { durations_ns } = message {
                    *baseline = durations_ns;
                }
            })?;
        }
        draft.probe_baseline_ns = self.probe_baseline_ns.clone();
        measure(&mut worker.process, &self.options, deadline, draft, observer)
    }

    /// Brings a worker to where `planned` can be repeated, starting one where the last
    /// can't be used.
    fn set_up(
        &mut self,
        subject: &Subject,
        planned: &PlannedTest,
        deadline: Option<Instant>,
        on_opened: &mut dyn FnMut(tokmark_run::Loaded),
        on_tokens: &mut dyn FnMut(TokenSource),
    ) -> Result<(), Failure> {
        let request = LoadRequest {
            path: subject.path.clone(),
            params: planned.params.clone(),
            process: self.options.process.clone(),
        };
        let keep = self.worker.as_ref().is_some_and(|worker| {
            worker.request.path == request.path && worker.request.params.same_load(&request.params)
        });
        let mut resident_share = None;
        if !keep {
            self.worker = None;
            if self.options.cold {
                // Where pages can't be dropped, the resident share says that it was warm.
                let _ = tokmark_host::evict(&subject.path);
            }
            resident_share = tokmark_host::resident_share(&subject.path);
            let process = WorkerProcess::start(
                &self.options.worker,
                self.options.limits,
                self.options.interrupt.clone(),
                deadline,
            )?;
            self.engine = process.engine().clone();
            self.worker = Some(Running { process, request: request.clone(), load: None });
        }
        let worker = self.worker.as_mut().expect("kept or just started");
        if keep {
            worker.process.ask(&Command::Close, deadline, |_, _| {})?;
        }
        self.peak_is_per_test = tokmark_host::reset_peak(worker.process.pid());
        let setup = Command::Setup(Box::new(Setup {
            load: request,
            test: planned.test,
            tokens: self.options.tokens.clone(),
        }));
        let load = &mut worker.load;
        worker.process.ask(&setup, deadline, |message, process| match message {
            Message::Opened { loaded, fresh } => {
                if fresh {
                    *load = Some(LoadTime { duration_ns: process.age(), resident_share });
                }
                on_opened(loaded);
            }
            Message::Ready { tokens } => on_tokens(tokens),
            _ => {}
        })
    }

    /// Cools off and waits for quiet, as far as asked.
    fn pause(&self, observer: &mut dyn Observer) {
        let interrupt = &self.options.interrupt;
        let begun = Instant::now();
        let left = || self.options.delay.saturating_sub(begun.elapsed());
        while !left().is_zero() && !interrupt.is_raised() {
            std::thread::sleep(left().min(Duration::from_millis(100)));
        }
        let Some(limit) = self.options.wait_quiet else { return };
        let mut own = vec![std::process::id()];
        own.extend(self.worker.as_ref().map(|worker| worker.process.pid()));
        let on_wait = &mut |state: &QuietState| {
            observer.phase(Phase::Waiting { other_cores: state.other_cores });
            if interrupt.is_raised() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        };
        tokmark_host::wait_quiet(limit, QUIET_CORES, &own, on_wait);
    }
}

fn gave_no_times() -> Failure {
    Failure::Refused(EngineError::failed("the engine gave no times"), Vec::new())
}
