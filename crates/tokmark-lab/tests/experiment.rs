//! The loop over arms: what is visited, when it stops, what is continued.

use std::convert::Infallible;

use tokmark_host::BusyProcess;
use tokmark_lab::{Arm, ExperimentObserver, ExperimentPlan, run_experiment};
use tokmark_model::{
    Contest, Design, Looks, Nanos, Question, Record, Repetition, Standing, Status, StatusReason,
    Test, Uuid, Variant, Verdict, Visit,
};
use tokmark_run::Interrupt;

const SECOND: f64 = 1e9;

/// An arm whose times are a rate with seeded noise.
struct Noisy {
    seconds: f64,
    spread: f64,
    state: u64,
    /// Fails from the visit with this number on.
    fails_at: Option<u32>,
    n_visits: u32,
    visited: Vec<Visit>,
}

impl Noisy {
    fn new(seconds: f64, spread: f64, seed: u64) -> Self {
        Noisy { seconds, spread, state: seed, fails_at: None, n_visits: 0, visited: Vec::new() }
    }

    fn noise(&mut self) -> f64 {
        let mut uniform = || {
            self.state = self.state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (self.state >> 11) as f64 / (1u64 << 53) as f64
        };
        (0..12).map(|_| uniform()).sum::<f64>() - 6.0
    }
}

impl Arm for &mut Noisy {
    fn visit(&mut self, visit: &Visit, delay: f64, _: &mut dyn ExperimentObserver) -> Vec<Record> {
        self.n_visits += 1;
        self.visited.push(visit.clone());
        let time = self.seconds * (1.0 + delay) * (self.spread * self.noise()).exp();
        let mut record = blank();
        record.visit = Some(visit.clone());
        if self.fails_at.is_some_and(|at| self.n_visits > at) {
            record.status = Status::Failed;
            let message = "cannot load".to_owned();
            record.status_reason = Some(StatusReason { message, ..StatusReason::default() });
            return vec![record];
        }
        let duration_ns = Nanos((time * SECOND) as u64);
        record.samples = vec![Repetition { duration_ns, ..Repetition::default() }];
        vec![record]
    }
}

fn blank() -> Record {
    let text = include_str!("../../tokmark/tests/fixtures/records.json");
    let records: Vec<Record> = serde_json::from_str(text).unwrap();
    let like = records.into_iter().find(|record| record.test == TEST).unwrap();
    Record { id: Uuid::now_v7(), status: Status::Ok, samples: Vec::new(), grade: None, ..like }
}

const TEST: Test = Test { n_prompt: 0, n_gen: 128, n_depth: 0, n_parallel: 1 };

#[derive(Default)]
struct Seen {
    n_looks: usize,
    left_out: Vec<(usize, String)>,
    n_started: u32,
    interrupt_at: Option<(u32, Interrupt)>,
}

impl ExperimentObserver for Seen {
    fn visit_started(&mut self, _: &Visit, _: u32) {
        self.n_started += 1;
        if let Some((at, interrupt)) = &self.interrupt_at
            && self.n_started == *at
        {
            interrupt.raise();
        }
    }

    fn looked(&mut self, _: &[Contest], _: u32) {
        self.n_looks += 1;
    }

    fn left_out(&mut self, variant: usize, reason: &str) {
        self.left_out.push((variant, reason.to_owned()));
    }

    fn disturbed(&mut self, _: f64, _: &[BusyProcess]) {}
}

fn plan(question: Question, n_variants: usize, planted_delay: Option<f64>) -> ExperimentPlan {
    ExperimentPlan {
        run_id: Uuid::now_v7(),
        question,
        variants: (0..n_variants)
            .map(|i| Variant { name: format!("v{i}"), ..Variant::default() })
            .collect(),
        design: Design {
            tests: vec![TEST],
            n_repetitions: 1,
            n_rounds: 40,
            seed: 7,
            looks: Looks::Sequential { max_pairs: 40 },
            same_within: 0.02,
            planted_delay,
        },
        arguments: Vec::new(),
    }
}

fn run(
    plan: &ExperimentPlan,
    arms: &mut [Noisy],
    earlier: &[Record],
    seen: &mut Seen,
    interrupt: &Interrupt,
) -> (Record, Vec<Record>) {
    let mut saved = Vec::new();
    let mut arms: Vec<Box<dyn Arm + '_>> =
        arms.iter_mut().map(|arm| Box::new(arm) as Box<dyn Arm>).collect();
    let record = run_experiment(plan, earlier, &mut arms, interrupt, seen, |record| {
        saved.push(record.clone());
        Ok::<(), Infallible>(())
    });
    (record.unwrap(), saved)
}

fn finished(plan: &ExperimentPlan, arms: &mut [Noisy]) -> Record {
    run(plan, arms, &[], &mut Seen::default(), &Interrupt::default()).0
}

#[test]
fn a_clear_difference_is_found_early_and_its_power_is_told() {
    let plan = plan(Question::Ab, 2, Some(0.03));
    let mut arms = [Noisy::new(1.0, 0.01, 1), Noisy::new(1.2, 0.01, 2)];
    let record = finished(&plan, &mut arms);
    let experiment = record.experiment.unwrap();
    assert_eq!(experiment.overall, Some(Verdict::Slower));
    let contest = &experiment.contests[0];
    let comparison = &contest.pairings[0].comparison;
    assert!((comparison.ratio - 1.0 / 1.2).abs() < 0.02, "{comparison:?}");
    assert!(comparison.n_pairs < 40, "{comparison:?}");
    assert_eq!(contest.standings, [Standing::Best, Standing::Behind]);
    let power = contest.power.unwrap();
    assert!(power.n_planted_pairs >= 2, "{power:?}");
    assert!((power.planted_seen.unwrap() - 0.03).abs() < 0.03, "{power:?}");
}

#[test]
fn planted_visits_enter_no_figure() {
    let with = plan(Question::Ab, 2, Some(0.5));
    let mut arms = [Noisy::new(1.0, 0.005, 1), Noisy::new(1.0, 0.005, 2)];
    let record = finished(&with, &mut arms);
    let contest = &record.experiment.unwrap().contests[0];
    assert_eq!(contest.pairings[0].comparison.verdict, Verdict::Same);
    assert!((contest.rates[0].unwrap().rate_tps.get() - 128.0).abs() < 1.5);
    assert_eq!(contest.power.unwrap().n_found, contest.power.unwrap().n_tries);
}

#[test]
fn equal_models_are_tied_and_the_slow_one_is_behind() {
    let plan = plan(Question::Compare, 3, None);
    let mut arms = [Noisy::new(1.0, 0.01, 1), Noisy::new(1.001, 0.01, 2), Noisy::new(1.5, 0.01, 3)];
    let record = finished(&plan, &mut arms);
    let experiment = record.experiment.unwrap();
    assert_eq!(experiment.contests[0].pairings.len(), 3);
    assert_eq!(
        experiment.contests[0].standings,
        [Standing::Tied, Standing::Tied, Standing::Behind]
    );
    assert_eq!(experiment.overall, None);
}

#[test]
fn a_model_that_fails_is_left_out_and_the_others_finish() {
    let plan = plan(Question::Compare, 3, None);
    let mut arms = [Noisy::new(1.0, 0.01, 1), Noisy::new(1.0, 0.01, 2), Noisy::new(1.5, 0.01, 3)];
    arms[1].fails_at = Some(2);
    let mut seen = Seen::default();
    let (record, saved) = run(&plan, &mut arms, &[], &mut seen, &Interrupt::default());
    assert_eq!(record.status, Status::Ok);
    assert_eq!(seen.left_out, [(1, "cannot load".to_owned())]);
    assert_eq!(saved.iter().filter(|record| record.status == Status::Failed).count(), 1);
    let experiment = record.experiment.unwrap();
    assert_eq!(experiment.variants[1].failure.as_deref(), Some("cannot load"));
    assert_eq!(experiment.contests[0].standings[0], Standing::Best);
    assert_eq!(experiment.contests[0].standings[2], Standing::Behind);
    assert!(arms[0].n_visits > 3 && arms[1].n_visits == 3);
}

#[test]
fn one_of_two_models_alone_still_gets_an_interval() {
    let plan = plan(Question::Compare, 2, None);
    let mut arms = [Noisy::new(1.0, 0.01, 1), Noisy::new(1.0, 0.01, 2)];
    arms[1].fails_at = Some(0);
    let record = finished(&plan, &mut arms);
    let experiment = record.experiment.unwrap();
    assert_eq!(arms[0].n_visits, 7);
    assert!(experiment.contests[0].rates[0].unwrap().interval.is_some());
    assert_eq!(experiment.contests[0].standings, [Standing::Alone, Standing::Absent]);
}

#[test]
fn nothing_is_left_to_compare_when_one_of_two_variants_fails() {
    let plan = plan(Question::Ab, 2, Some(0.03));
    let mut arms = [Noisy::new(1.0, 0.01, 1), Noisy::new(1.0, 0.01, 2)];
    arms[1].fails_at = Some(0);
    let record = finished(&plan, &mut arms);
    assert_eq!(record.status, Status::Failed);
    assert_eq!(record.status_reason.unwrap().message, "cannot load");
}

#[test]
fn an_interrupted_experiment_goes_on_with_the_same_blocks() {
    let plan = plan(Question::Ab, 2, Some(0.03));
    let arms = || [Noisy::new(1.0, 0.05, 1), Noisy::new(1.02, 0.05, 2)];
    let visits = |arms: &[Noisy]| {
        let mut all: Vec<Visit> = arms.iter().flat_map(|arm| arm.visited.clone()).collect();
        all.sort_by_key(|visit| visit.position);
        all
    };
    let mut whole = arms();
    let uncut = finished(&plan, &mut whole);

    let (mut cut, interrupt) = (arms(), Interrupt::default());
    let mut seen = Seen { interrupt_at: Some((13, interrupt.clone())), ..Seen::default() };
    let (interrupted, saved) = run(&plan, &mut cut, &[], &mut seen, &interrupt);
    assert_eq!(interrupted.status, Status::Interrupted);
    assert_eq!(saved.len(), 13);
    assert_eq!(interrupted.run_id, plan.run_id);
    // The visits that are made go on with the same noise, so that nothing else may differ.
    let (resumed, more) = run(&plan, &mut cut, &saved, &mut Seen::default(), &Interrupt::default());
    assert_eq!(visits(&cut), visits(&whole));
    assert_eq!(saved.len() + more.len(), visits(&whole).len());
    let figures = |record: &Record| record.experiment.as_ref().unwrap().contests.clone();
    assert_eq!(figures(&resumed), figures(&uncut));
}

#[test]
fn a_visit_that_was_cut_is_made_again() {
    let plan = plan(Question::Ab, 2, None);
    let mut arms = [Noisy::new(1.0, 0.01, 1), Noisy::new(1.2, 0.01, 2)];
    let mut cut = blank();
    cut.status = Status::Interrupted;
    cut.visit = Some(Visit { variant: 0, position: 0, planted: false, delayed: false });
    let (record, saved) =
        run(&plan, &mut arms, &[cut.clone()], &mut Seen::default(), &Interrupt::default());
    assert!(saved.iter().any(|made| made.visit.as_ref().unwrap().position == 0));
    let visits = record.experiment.unwrap().visits;
    assert!(visits.iter().all(|visit| !visit.records.contains(&cut.id)));
}

/// Two tests a visit; cut in the second one where a visit is the `n`-th, for each of `cuts`.
struct CutInTheSecond<'a> {
    n_visits: &'a mut u32,
    cuts: &'a [u32],
    interrupt: Interrupt,
}

impl Arm for CutInTheSecond<'_> {
    fn visit(&mut self, visit: &Visit, _: f64, _: &mut dyn ExperimentObserver) -> Vec<Record> {
        *self.n_visits += 1;
        let record = |test: Test| {
            let duration_ns = Nanos(1_000_000_000 + 1_000_000 * u64::from(*self.n_visits));
            let samples = vec![Repetition { duration_ns, ..Repetition::default() }];
            Record { test, visit: Some(visit.clone()), samples, ..blank() }
        };
        let mut records = vec![record(PROMPT), record(TEST)];
        if self.cuts.contains(self.n_visits) {
            records[1].status = Status::Interrupted;
            records[1].samples.clear();
            self.interrupt.raise();
        }
        records
    }
}

const PROMPT: Test = Test { n_prompt: 512, n_gen: 0, n_depth: 0, n_parallel: 1 };

#[test]
fn a_visit_that_was_cut_twice_loses_nothing() {
    let mut plan = plan(Question::Compare, 2, None);
    plan.design.tests = vec![PROMPT, TEST];
    let (mut n_visits, mut all) = ([0, 0], Vec::new());
    let mut go_on = |all: &mut Vec<Record>, cuts: &[u32]| {
        let interrupt = Interrupt::default();
        let mut arms: Vec<Box<dyn Arm + '_>> = Vec::new();
        for n_visits in &mut n_visits {
            let interrupt = interrupt.clone();
            arms.push(Box::new(CutInTheSecond { n_visits, cuts, interrupt }));
        }
        let earlier = all.clone();
        let seen = &mut Seen::default();
        let record = run_experiment(&plan, &earlier, &mut arms, &interrupt, seen, |record| {
            all.push(record.clone());
            Ok::<(), Infallible>(())
        });
        record.unwrap()
    };
    // The third visit to one of the two is cut, and once more when it is made again.
    let first = go_on(&mut all, &[3]);
    assert_eq!(first.status, Status::Interrupted);
    let cut = all.last().unwrap().visit.clone().unwrap();
    let second = go_on(&mut all, &[4]);
    assert_eq!(second.status, Status::Interrupted);
    assert_eq!(all.last().unwrap().visit, Some(cut.clone()), "the same visit was cut again");
    let third = go_on(&mut all, &[]);
    // And once more from what is kept, in another order.
    all.reverse();
    let n_before = all.len();
    let fourth = go_on(&mut all, &[]);
    assert_eq!(all.len(), n_before, "nothing was left to be measured");
    for record in [third, fourth] {
        let experiment = record.experiment.unwrap();
        assert_eq!(record.status, Status::Ok);
        assert!(experiment.variants.iter().all(|variant| variant.failure.is_none()));
        for visit in &experiment.visits {
            let of = |id| all.iter().find(|record| record.id == id).unwrap();
            let tests: Vec<Test> = visit.records.iter().map(|&id| of(id).test).collect();
            assert_eq!(tests, [PROMPT, TEST], "{visit:?}");
            let [prompt, generation] = [0, 1].map(|n| of(visit.records[n]).samples[0].duration_ns);
            assert_eq!(prompt, generation, "of one worker: {visit:?}");
        }
        assert!(experiment.visits.iter().any(|visit| visit.visit == cut));
    }
}

#[test]
fn a_visit_that_failed_after_it_was_cut_is_not_made_again() {
    let plan = plan(Question::Compare, 2, None);
    let visit = Visit { variant: 0, position: 0, planted: false, delayed: false };
    let of = |status| Record { status, visit: Some(visit.clone()), ..blank() };
    let earlier = [of(Status::Interrupted), of(Status::Crashed)];
    let first = tokmark_run::VisitOrder::new(2, plan.design.seed, false).next().unwrap();
    let earlier = earlier.map(|record| Record { visit: Some(first.clone()), ..record });
    let mut arms = [Noisy::new(1.0, 0.01, 1), Noisy::new(1.0, 0.01, 2)];
    let (record, _) = run(&plan, &mut arms, &earlier, &mut Seen::default(), &Interrupt::default());
    let variants = record.experiment.unwrap().variants;
    assert!(variants[first.variant as usize].failure.is_some());
    assert_eq!(arms[first.variant as usize].n_visits, 0);
}

#[test]
fn a_fixed_number_of_rounds_is_looked_at_once() {
    let mut plan = plan(Question::Compare, 2, None);
    plan.design.looks = Looks::Once;
    plan.design.n_rounds = 6;
    let mut seen = Seen::default();
    let mut arms = [Noisy::new(1.0, 0.001, 1), Noisy::new(1.5, 0.001, 2)];
    let (record, saved) = run(&plan, &mut arms, &[], &mut seen, &Interrupt::default());
    assert_eq!((seen.n_looks, saved.len()), (1, 12));
    assert_eq!(record.experiment.unwrap().contests[0].standings[0], Standing::Best);
}
