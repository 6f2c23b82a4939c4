//! The commands that measure variants in turn: `ab` and `compare`.

pub(crate) mod ab;
pub(crate) mod compare;
mod environment;
mod variant;

use std::time::Duration;

use anyhow::{bail, ensure};
use tokmark_lab::{Arm, ExperimentPlan, run_experiment};
use tokmark_model::{
    Design, Looks, ProcessParams, Question, Record, Repetitions, Status, Uuid, Variant, Verdict,
};
use tokmark_store::Filter;

use crate::args::{self, ExperimentArgs};
use crate::exit::Exit;
use crate::output;
use crate::view::experiment::{self as view, ExperimentView};
use crate::wiring::{self, Measuring, Records};

/// Timed repetitions of each test in a visit.
const REPETITIONS_IN_VISIT: u32 = 3;
/// How a visit measures: each test warmed up once, at the tested depth and length, and repeated
/// `n` times.
fn measuring(process: ProcessParams, n: u32) -> Measuring {
    Measuring {
        process,
        repetitions: Repetitions::Fixed { n },
        warm_up: Some(Duration::ZERO),
        delay: Duration::ZERO,
    }
}

/// What is measured, by whom, and where it is kept.
struct Run<'a> {
    args: &'a ExperimentArgs,
    records: &'a Records,
    plan: ExperimentPlan,
    /// The record of the same experiment so far.
    before: Option<Record>,
}

impl<'a> Run<'a> {
    /// A new experiment, or the one that is to be continued. `design` has the rounds that are
    /// asked for now; a continued one keeps its own.
    fn new(
        args: &'a ExperimentArgs,
        records: &'a Records,
        question: Question,
        variants: Vec<Variant>,
        design: Design,
    ) -> anyhow::Result<Self> {
        let arguments = args::given().iter().map(|argument| view::as_kept(argument)).collect();
        let plan = ExperimentPlan { run_id: Uuid::now_v7(), question, variants, design, arguments };
        let Some(id) = &args.resume else {
            return Ok(Run { args, records, plan, before: None });
        };
        let before = find(records, id)?;
        let Some(experiment) = before.experiment.as_deref() else {
            bail!("{id} is no experiment; tokmark history lists which records are");
        };
        ensure!(
            before.status == Status::Interrupted,
            "experiment {id} is finished: nothing to continue"
        );
        let asked = Design { n_rounds: experiment.design.n_rounds, ..plan.design.clone() };
        let looks = |design: &Design| matches!(design.looks, Looks::Once);
        let differs = [
            ("the command", experiment.question != plan.question),
            ("the variants", !same_variants(&experiment.variants, &plan.variants)),
            ("the tests", experiment.design.tests != asked.tests),
            (
                "the design",
                Design { looks: asked.looks, ..experiment.design.clone() } != asked
                    || looks(&experiment.design) != looks(&asked),
            ),
        ];
        if let Some((what, _)) = differs.iter().find(|(_, differs)| *differs) {
            bail!("{what} differ from those of experiment {id}; give the same arguments again");
        }
        let design = experiment.design.clone();
        let plan = ExperimentPlan { run_id: before.run_id, design, ..plan };
        Ok(Run { args, records, plan, before: Some(before) })
    }

    /// Measures until it is decided, keeps and shows it.
    fn measure(self, arms: &mut [Box<dyn Arm + '_>], output: &str) -> anyhow::Result<Exit> {
        let store = self.records.store();
        let wait_save = |record: &Record| self.records.wait(store.save(record)).map(|_| ());
        let earlier = match &self.before {
            None => Vec::new(),
            Some(_) => {
                let visits = Filter {
                    run_id: Some(self.plan.run_id),
                    is_visit: Some(true),
                    ..Filter::default()
                };
                self.records.wait(store.records(&visits))?
            }
        };
        // From here on it can be found and continued, whatever ends it.
        let begun = match self.before {
            Some(before) => before.id,
            None => {
                let begun = self.plan.begun();
                wait_save(&begun)?;
                begun.id
            }
        };
        let mut view = ExperimentView::new(&self.plan);
        view.tell_how_to_resume(begun);
        let interrupt = wiring::interrupt();
        let record = run_experiment(&self.plan, &earlier, arms, &interrupt, &mut view, wait_save)?;
        view.clear();
        self.records.wait(store.replace(begun, &record))?;
        let is_reported = match &self.args.html {
            Some(file) => output::write_report(file, &view::page(&record)),
            None => true,
        };
        match output {
            "json" => output::print_json(&record)?,
            "md" => output::print(&view::markdown(&record))?,
            _ => output::print(&view::table(&record, self.records.place()))?,
        };
        if record.status == Status::Interrupted {
            output::say!("{}", view::how_to_resume(record.id, &args::given()));
        }
        Ok(match exit(&record) {
            Exit::Done if !is_reported => Exit::FailedRows,
            exit => exit,
        })
    }
}

/// The exit code of an experiment's record.
fn exit(record: &Record) -> Exit {
    let experiment = record.experiment.as_deref();
    let has_failed =
        experiment.is_some_and(|e| e.variants.iter().any(|variant| variant.failure.is_some()));
    match record.status {
        Status::Interrupted => Exit::Interrupted,
        Status::Ok if !has_failed => match experiment.and_then(|e| e.overall) {
            Some(Verdict::Slower) => Exit::Worse,
            _ => Exit::Done,
        },
        _ => Exit::FailedRows,
    }
}

fn find(records: &Records, id: &str) -> anyhow::Result<Record> {
    let id = crate::history::find(records, id)?;
    Ok(records.wait(records.store().get(id))?)
}

/// Whether these are the same things under the same settings, wherever their files lie.
fn same_variants(before: &[Variant], now: &[Variant]) -> bool {
    let essence = |variant: &Variant| {
        let Variant { model, params, process, endpoint, .. } = variant.clone();
        (model.sha256, params, process, endpoint)
    };
    before.iter().map(essence).eq(now.iter().map(essence))
}
