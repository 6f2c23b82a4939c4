//! Experiments: variants visited in turn until it is known which is faster.
//!
//! An [`Arm`] is one variant that can be visited. A visit is short and begins afresh, with a
//! worker process of its own; its records are saved before the next begins, so that a run that
//! was cut goes on where it stopped. Order, looks and verdicts are data and arithmetic:
//! `tokmark_run::VisitOrder` and `tokmark_stats::judge_experiment`.

mod arm;
mod endpoint;
mod length;

use tokmark_host::BusyProcess;
use tokmark_model::{
    Contest, Design, Experiment, Question, Record, RecordKind, Status, StatusReason, Test,
    Timestamp, Uuid, Variant, Visit, VisitRecords,
};
use tokmark_run::{Interrupt, VisitOrder};
use tokmark_stats::{
    STATISTICS_VERSION, VisitResources, VisitTimes, can_decide_at, is_decided, is_disturbed,
    is_experiment_look, judge_experiment, judge_resources, judge_so_far, n_comparisons, overall,
    visit_flags, visit_resources, visit_times,
};

use crate::record::blank;

pub use arm::LocalArm;
pub use endpoint::EndpointArm;
pub use length::{experiment_length, rounds_within};

/// A variant left alone, because the others failed, is visited this often: then its rates have
/// an interval.
const ROUNDS_ALONE: u32 = 7;

/// One variant, ready to be visited.
pub trait Arm {
    /// Makes the tests of the experiment once, afresh, and gives a record of each in their order;
    /// fewer where one fails or the user interrupts. `delay` is the share by which the worker
    /// makes its steps longer.
    fn visit(
        &mut self,
        visit: &Visit,
        delay: f64,
        observer: &mut dyn ExperimentObserver,
    ) -> Vec<Record>;
}

/// Is told how an experiment goes, between visits only.
pub trait ExperimentObserver {
    /// A visit begins; so many rounds are complete.
    fn visit_started(&mut self, visit: &Visit, n_rounds: u32);
    /// The pairs were looked at.
    fn looked(&mut self, contests: &[Contest], n_rounds: u32);
    /// A variant failed and is left out from now on.
    fn left_out(&mut self, variant: usize, reason: &str);
    /// Other processes took `other_cores` during a visit.
    fn disturbed(&mut self, other_cores: f64, by: &[BusyProcess]);
    /// Whether the experiment has taken its time: it then ends with the block under way, no
    /// sooner than a verdict could come.
    fn is_time_over(&self) -> bool {
        false
    }
}

/// What is to be found out, and how.
#[derive(Debug, Clone)]
pub struct ExperimentPlan {
    /// The run: its visits' records and its own share this name.
    pub run_id: Uuid,
    /// What it asks.
    pub question: Question,
    /// What is compared.
    pub variants: Vec<Variant>,
    /// How.
    pub design: Design,
    /// Arguments of the command that does the same again.
    pub arguments: Vec<String>,
}

impl ExperimentPlan {
    /// The record of this experiment before its first visit, so that it can be found and
    /// continued whatever ends it.
    pub fn begun(&self) -> Record {
        Progress::new(self).record(self, Some("not finished; continue it with --resume"))
    }
}

/// Visits the arms in the order of the plan's design until every comparison has its verdict or
/// the rounds are over, and gives the experiment's record. `earlier` are the records of visits
/// that were made before it was interrupted. `save` gets each new record of a visit.
///
/// # Errors
/// The first error of `save`.
pub fn run_experiment<E>(
    plan: &ExperimentPlan,
    earlier: &[Record],
    arms: &mut [Box<dyn Arm + '_>],
    interrupt: &Interrupt,
    observer: &mut dyn ExperimentObserver,
    mut save: impl FnMut(&Record) -> Result<(), E>,
) -> Result<Record, E> {
    let design = &plan.design;
    let mut progress = Progress::new(plan);
    let planted = design.planted_delay.is_some();
    let family = n_comparisons(plan.variants.len(), design.tests.len());
    for visit in VisitOrder::new(plan.variants.len(), design.seed, planted) {
        let begins_block = visit.position.is_multiple_of(2 * plan.variants.len() as u32);
        let can_decide = can_decide_at(family, design.looks, progress.n_rounds);
        if progress.is_over(plan) || (begins_block && can_decide && observer.is_time_over()) {
            break;
        }
        let variant = visit.variant as usize;
        if progress.lost[variant].is_some() {
            continue;
        }
        let kept = made_before(earlier, &visit, &design.tests);
        let records = if kept.is_empty() {
            if interrupt.is_raised() {
                return Ok(progress.record(plan, Some("interrupted")));
            }
            observer.visit_started(&visit, progress.n_rounds);
            let delay = design.planted_delay.filter(|_| visit.delayed).unwrap_or(0.0);
            let records = arms[variant].visit(&visit, delay, observer);
            records.iter().try_for_each(&mut save)?;
            records
        } else {
            kept
        };
        if records.iter().any(|record| record.status == Status::Interrupted) {
            return Ok(progress.record(plan, Some("interrupted")));
        }
        let was_lost = progress.lost[variant].is_some();
        progress.add(visit, &records, plan);
        if let Some(reason) = progress.lost[variant].as_ref().filter(|_| !was_lost) {
            observer.left_out(variant, reason);
        }
        if progress.look(plan) {
            observer.looked(&progress.contests, progress.n_rounds);
        }
    }
    Ok(progress.record(plan, None))
}

/// The records that a visit has already, one for each test in their order, or those up to the
/// first that failed; none where it has to be made again. What a cut left behind, and what it
/// made before it was repeated, is passed over: of each test the newest record counts.
fn made_before(earlier: &[Record], visit: &Visit, tests: &[Test]) -> Vec<Record> {
    let mut left: Vec<&Record> = earlier
        .iter()
        .filter(|record| record.visit.as_ref() == Some(visit))
        .filter(|record| record.status != Status::Interrupted)
        .collect();
    left.sort_by_key(|record| (record.created_at, record.id));
    // A load point stands for every test of its visit.
    if let Some(point) = left.iter().rfind(|record| record.serving.is_some()) {
        return vec![(*point).clone()];
    }
    // From the last test to the first: the same test may stand there twice.
    let mut newest: Vec<Option<&Record>> = Vec::new();
    for test in tests.iter().rev() {
        let at = left.iter().rposition(|record| record.test == *test);
        newest.push(at.map(|at| left.remove(at)));
    }
    newest.reverse();
    let mut records = Vec::new();
    for found in newest {
        let Some(record) = found else { return Vec::new() };
        records.push(record.clone());
        if record.status != Status::Ok {
            break;
        }
    }
    records
}

/// An experiment so far.
struct Progress {
    created_at: Timestamp,
    template: Option<Record>,
    visits: Vec<VisitRecords>,
    times: Vec<VisitTimes>,
    resources: Vec<VisitResources>,
    /// What has to be known of a variant's figures.
    flags: Vec<Vec<&'static str>>,
    /// Why a variant was left out.
    lost: Vec<Option<String>>,
    n_visits: Vec<u32>,
    n_rounds: u32,
    n_disturbed: u32,
    contests: Vec<Contest>,
    decided: bool,
}

impl Progress {
    fn new(plan: &ExperimentPlan) -> Self {
        let n = plan.variants.len();
        Progress {
            created_at: Timestamp::now(),
            template: None,
            visits: Vec::new(),
            times: Vec::new(),
            resources: Vec::new(),
            flags: vec![Vec::new(); n],
            lost: vec![None; n],
            n_visits: vec![0; n],
            n_rounds: 0,
            n_disturbed: 0,
            contests: Vec::new(),
            decided: false,
        }
    }

    fn n_living(&self) -> usize {
        self.lost.iter().filter(|lost| lost.is_none()).count()
    }

    fn is_over(&self, plan: &ExperimentPlan) -> bool {
        let n_rounds = plan.design.n_rounds;
        let last = if self.n_living() == 1 { n_rounds.min(ROUNDS_ALONE) } else { n_rounds };
        let has_nothing_to_compare = plan.question == Question::Ab && self.n_living() < 2;
        self.decided || has_nothing_to_compare || self.n_living() == 0 || self.n_rounds >= last
    }

    fn add(&mut self, visit: Visit, records: &[Record], plan: &ExperimentPlan) {
        let variant = visit.variant as usize;
        let tests = &plan.design.tests;
        let times = visit_times(records, tests);
        let failed = records.iter().find(|record| record.status != Status::Ok);
        if let Some(failed) = failed {
            let reason = failed.status_reason.as_ref().map(|reason| reason.message.clone());
            self.lost[variant] = Some(reason.unwrap_or_else(|| "failed".to_owned()));
        } else if times.iter().any(Option::is_none) {
            self.lost[variant] = Some("gave no figures".to_owned());
        }
        if let Some(first) = records.first() {
            self.created_at = self.created_at.min(first.created_at);
            self.template.get_or_insert_with(|| first.clone());
        }
        self.n_disturbed += u32::from(records.iter().any(is_disturbed));
        if !visit.planted && self.lost[variant].is_none() {
            self.n_visits[variant] += 1;
        }
        for flag in records.iter().flat_map(visit_flags) {
            if !self.flags[variant].contains(&flag) {
                self.flags[variant].push(flag);
            }
        }
        self.resources.push(visit_resources(&visit, records));
        let ids = records.iter().map(|record| record.id).collect();
        self.visits.push(VisitRecords { visit: visit.clone(), records: ids });
        self.times.push(VisitTimes { visit, times });
    }

    /// Looks at the pairs if a round was completed that is a look.
    fn look(&mut self, plan: &ExperimentPlan) -> bool {
        let living = self.n_visits.iter().zip(&self.lost).filter(|(_, lost)| lost.is_none());
        let n_rounds = living.map(|(n, _)| *n).min().unwrap_or(self.n_rounds);
        let is_new = n_rounds > self.n_rounds;
        self.n_rounds = n_rounds;
        if !is_new || !is_experiment_look(&plan.design, n_rounds) {
            return false;
        }
        self.contests = judge_so_far(&plan.design, &self.is_measured(), &self.times);
        self.decided = is_decided(&self.contests);
        true
    }

    fn is_measured(&self) -> Vec<bool> {
        self.lost.iter().map(Option::is_none).collect()
    }

    /// The record: of an unfinished experiment with the figures so far, and why.
    fn record(mut self, plan: &ExperimentPlan, unfinished: Option<&str>) -> Record {
        let is_measured = self.is_measured();
        self.contests = judge_experiment(&plan.design, &is_measured, &self.times);
        let all_failed = !self.visits.is_empty() && self.n_living() == 0;
        let verdict = (plan.question == Question::Ab).then(|| overall(&self.contests));
        let resources = judge_resources(&plan.design, &is_measured, &self.resources);
        let mut variants = plan.variants.clone();
        for ((variant, lost), flags) in variants.iter_mut().zip(self.lost).zip(self.flags) {
            variant.failure = lost;
            variant.flags = flags.into_iter().map(str::to_owned).collect();
        }
        let first_failure = variants.iter().find_map(|variant| variant.failure.clone());
        let has_failed = all_failed || (plan.question == Question::Ab && first_failure.is_some());
        let (status, reason) = match unfinished {
            Some(reason) => (Status::Interrupted, Some(reason.to_owned())),
            None if has_failed => (Status::Failed, first_failure),
            None => (Status::Ok, None),
        };
        let mut models = variants.iter().map(|variant| &variant.model);
        let first_model = models.next().cloned().unwrap_or_default();
        let one_model = models.all(|model| model.sha256 == first_model.sha256);
        let names: Vec<&str> = variants.iter().map(|variant| variant.name.as_str()).collect();
        let together = names.join(" | ");
        let model = if one_model {
            first_model
        } else {
            tokmark_model::ModelFacts { name: together, ..Default::default() }
        };
        let experiment = Experiment {
            question: plan.question,
            variants,
            design: plan.design.clone(),
            visits: self.visits,
            n_disturbed: self.n_disturbed,
            contests: self.contests,
            resources,
            overall: verdict,
            statistics_version: STATISTICS_VERSION,
            arguments: plan.arguments.clone(),
        };
        let record = Record {
            status,
            status_reason: reason
                .map(|message| StatusReason { message, ..StatusReason::default() }),
            model,
            experiment: Some(Box::new(experiment)),
            ..blank(plan.run_id, RecordKind::Measured, self.created_at)
        };
        let test = plan.design.tests.first().copied();
        match self.template {
            Some(visited) => Record {
                test: test.unwrap_or(visited.test),
                engine: visited.engine,
                machine: visited.machine,
                devices_used: visited.devices_used,
                ..record
            },
            None => Record { test: test.unwrap_or(record.test), ..record },
        }
    }
}
