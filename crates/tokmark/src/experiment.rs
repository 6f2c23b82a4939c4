//! The commands that measure variants in turn: `ab` and `compare`.

pub(crate) mod ab;
pub(crate) mod compare;
mod environment;
mod resume;
mod variant;

use std::time::Duration;

use tokmark_lab::{Arm, ExperimentPlan, run_experiment};
use tokmark_model::{
    Design, EngineFacts, ProcessParams, Question, Record, Repetitions, Status, Uuid, Variant,
    Verdict,
};

use crate::args::{self, ExperimentArgs};
use crate::exit::Exit;
use crate::output;
use crate::view::experiment::{self as view, ExperimentView};
use crate::wiring::{self, Measuring, Records};
use resume::{Asked, Before, Lock};

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
    before: Option<Before>,
}

impl<'a> Run<'a> {
    /// A new experiment.
    fn new(
        args: &'a ExperimentArgs,
        records: &'a Records,
        question: Question,
        variants: Vec<Variant>,
        design: Design,
    ) -> Self {
        let arguments = view::arguments(&args::given());
        let plan = ExperimentPlan { run_id: Uuid::now_v7(), question, variants, design, arguments };
        Run { args, records, plan, before: None }
    }

    /// The same as the continuation of `before`, if that is one and was begun with all of this.
    fn continuing(
        mut self,
        before: Option<Before>,
        engines: &[EngineFacts],
        is_rounds_given: bool,
    ) -> anyhow::Result<Self> {
        let Some(before) = before else { return Ok(self) };
        before.check(&Asked {
            question: self.plan.question,
            variants: &self.plan.variants,
            engines,
            design: &self.plan.design,
            is_rounds_given,
            conditions: &self.args.conditions,
        })?;
        self.plan.run_id = before.run_id();
        self.plan.design = before.design();
        self.before = Some(before);
        Ok(self)
    }

    /// Measures until it is decided, keeps and shows it.
    fn measure(self, arms: &mut [Box<dyn Arm + '_>], output: &str) -> anyhow::Result<Exit> {
        let store = self.records.store();
        // From here on it can be found and continued, whatever ends it.
        let (begun, earlier, _lock) = match self.before {
            Some(before) => before.into_parts(),
            None => {
                let lock = Lock::take(self.plan.run_id)?;
                let begun = self.plan.begun();
                self.records.wait(store.save(&begun))?;
                (begun.id, Vec::new(), lock)
            }
        };
        let mut view = ExperimentView::new(&self.plan, self.args.budget);
        view.tell_how_to_resume();
        let interrupt = wiring::interrupt();
        let save = |record: &Record| self.records.save(record);
        let record = run_experiment(&self.plan, &earlier, arms, &interrupt, &mut view, save)?;
        view.clear();
        self.records.replace(begun, &record)?;
        let is_reported = match &self.args.html {
            Some(file) => output::write_report(file, &view::page(&record)),
            None => true,
        };
        match output {
            "json" => output::print_json(&record)?,
            "md" => output::print(&view::markdown(&record))?,
            _ => output::print(&view::table(&record, self.records.place()))?,
        };
        if record.status == Status::Interrupted || resume::can_try_again(&record) {
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

/// Whether these are the same things under the same settings, wherever their files lie.
fn same_variants(before: &[Variant], now: &[Variant]) -> bool {
    let essence = |variant: &Variant| {
        let Variant { model, params, process, endpoint, .. } = variant.clone();
        // Of a server only the name of its model is known.
        let served = endpoint.as_ref().map(|_| model.name);
        (model.sha256, served, params, process, endpoint)
    };
    before.iter().map(essence).eq(now.iter().map(essence))
}

#[cfg(test)]
mod tests {
    use tokmark_model::ModelFacts;

    use super::*;

    #[test]
    fn a_server_with_another_model_is_another_variant() {
        let served = |model: &str| Variant {
            model: ModelFacts { name: model.to_owned(), ..ModelFacts::default() },
            endpoint: Some("http://127.0.0.1:8080".to_owned()),
            ..Variant::default()
        };
        assert!(same_variants(&[served("a")], &[served("a")]));
        assert!(!same_variants(&[served("a")], &[served("b")]));
        // Of a file the content counts, not its name.
        let file = |name: &str| Variant { endpoint: None, ..served(name) };
        assert!(same_variants(&[file("a")], &[file("b")]));
    }
}
