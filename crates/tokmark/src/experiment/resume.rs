//! Continuing an experiment: only under the conditions under which it was begun.

use std::fs::{File, TryLockError};
use std::path::PathBuf;

use anyhow::{Context, bail, ensure};
use tokmark_model::{
    Design, EngineFacts, Experiment, Looks, MachineFacts, Question, Record, RecordId, Status, Uuid,
    Variant,
};
use tokmark_stats::STATISTICS_VERSION;
use tokmark_store::Filter;

use crate::args::{Conditions, ExperimentArgs};
use crate::wiring::{self, Records};

/// An experiment that was cut, with what it has measured.
pub(super) struct Before {
    /// As the user named it.
    id: String,
    pub(super) record: Record,
    experiment: Experiment,
    pub(super) visits: Vec<Record>,
    lock: Lock,
}

/// One program at a time measures an experiment: two would disturb each other, and one would
/// lose its verdict. Whatever ends the program ends it.
pub(super) struct Lock {
    file: PathBuf,
    _held: File,
}

impl Lock {
    pub(super) fn take(run_id: Uuid) -> anyhow::Result<Self> {
        let file = std::env::temp_dir().join(format!("tokmark-{run_id}.lock"));
        let held = File::options().write(true).create(true).truncate(false).open(&file);
        let held = held.with_context(|| format!("can't write {}", file.display()))?;
        match held.try_lock() {
            Ok(()) => Ok(Lock { file, _held: held }),
            Err(TryLockError::WouldBlock) => bail!(
                "another tokmark is measuring this experiment; wait for it, or end it and \
                 continue with --resume"
            ),
            Err(TryLockError::Error(error)) => {
                Err(error).with_context(|| format!("can't lock {}", file.display()))
            }
        }
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.file);
    }
}

/// What this call would measure, and on what.
pub(super) struct Asked<'a> {
    pub(super) question: Question,
    pub(super) variants: &'a [Variant],
    /// The engine of each variant, as far as it is known.
    pub(super) engines: &'a [EngineFacts],
    pub(super) design: &'a Design,
    /// The user gave the number of rounds.
    pub(super) is_rounds_given: bool,
    pub(super) conditions: &'a Conditions,
}

impl Before {
    /// The experiment that the arguments name, if they name one.
    pub(super) fn find(args: &ExperimentArgs, records: &Records) -> anyhow::Result<Option<Self>> {
        let Some(id) = &args.resume else { return Ok(None) };
        let found = crate::history::find_experiment(records, id)?;
        let record = records.wait(records.store().get(found))?;
        let lock = Lock::take(record.run_id)?;
        // Another program may have ended it meanwhile.
        let record = records.wait(records.store().get(record.id))?;
        let Some(experiment) = record.experiment.as_deref().cloned() else {
            bail!("{id} is no experiment; tokmark history lists which records are");
        };
        ensure!(
            record.status == Status::Interrupted || can_try_again(&record),
            "experiment {id} is finished: nothing to continue"
        );
        let filter =
            Filter { run_id: Some(record.run_id), is_visit: Some(true), ..Filter::default() };
        let mut visits = records.wait(records.store().records(&filter))?;
        // Of two variants a visit that failed is made again, and the pairs before it stay.
        let is_ab = experiment.question == Question::Ab;
        visits.retain(|visit| !is_ab || visit.status == Status::Ok);
        Ok(Some(Before { id: id.clone(), record, experiment, visits, lock }))
    }

    pub(super) fn into_parts(self) -> (RecordId, Vec<Record>, Lock) {
        (self.record.id, self.visits, self.lock)
    }

    pub(super) fn run_id(&self) -> Uuid {
        self.record.run_id
    }

    /// Its design, which it keeps.
    pub(super) fn design(&self) -> Design {
        self.experiment.design.clone()
    }

    /// Refuses to go on with something else, by name: figures of both would be mixed.
    pub(super) fn check(&self, asked: &Asked<'_>) -> anyhow::Result<()> {
        let id = &self.id;
        if let Some(what) = self.differs(asked) {
            bail!("{what} differ from those of experiment {id}; give the same arguments again");
        }
        for (what, then, now) in self.conditions(asked) {
            ensure!(
                then == now,
                "{what} is {now} here and {then} in experiment {id}, and both would be mixed; \
                 begin a new experiment without --resume"
            );
        }
        Ok(())
    }

    fn differs(&self, asked: &Asked<'_>) -> Option<&'static str> {
        let before = &self.experiment;
        let n_rounds =
            if asked.is_rounds_given { asked.design.n_rounds } else { before.design.n_rounds };
        let is_once = |design: &Design| matches!(design.looks, Looks::Once);
        // How often it is looked at follows from the rounds.
        let now = Design {
            n_rounds: before.design.n_rounds,
            looks: before.design.looks,
            ..asked.design.clone()
        };
        [
            ("the command", before.question != asked.question),
            ("the variants", !super::same_variants(&before.variants, asked.variants)),
            ("the tests", before.design.tests != asked.design.tests),
            ("the rounds (--pairs, --repetitions)", before.design.n_rounds != n_rounds),
            (
                "the rounds (--pairs, --repetitions)",
                is_once(&before.design) != is_once(asked.design),
            ),
            (
                "the seed, the tolerance, a visit's repetitions or the planted delays",
                before.design != now,
            ),
        ]
        .into_iter()
        .find_map(|(what, differs)| differs.then_some(what))
    }

    /// Each condition, then and now.
    fn conditions(&self, asked: &Asked<'_>) -> Vec<(String, String, String)> {
        let given = &self.experiment.arguments;
        let tokens = value(given, "--tokens").unwrap_or("random");
        let word = |is_cold: bool| if is_cold { "cold" } else { "as it lies" };
        let is_cold = given.iter().any(|argument| argument == "--cold");
        let version = |version: u32| version.to_string();
        let mut all = vec![
            ("the kind of --tokens", tokens.to_owned(), asked.conditions.tokens.clone()),
            ("the file (--cold)", word(is_cold).to_owned(), word(asked.conditions.cold).to_owned()),
            (
                "the version of the statistics",
                version(self.experiment.statistics_version),
                version(STATISTICS_VERSION),
            ),
        ];
        let measured = self.visits.iter().find(|visit| !visit.machine.fingerprint.is_empty());
        if let Some(visit) = measured {
            let (then, now) = (&visit.machine, wiring::machine(asked.conditions));
            all.push(("the machine", then.fingerprint.clone(), now.fingerprint.clone()));
            // What the fingerprint leaves out, since a machine stays the same with another.
            all.extend(
                software(then)
                    .into_iter()
                    .zip(software(&now))
                    .filter_map(|((what, then), (_, now))| Some((what, then?, now?))),
            );
        }
        let mut all: Vec<_> =
            all.into_iter().map(|(what, then, now)| (what.to_owned(), then, now)).collect();
        for (n, (variant, now)) in asked.variants.iter().zip(asked.engines).enumerate() {
            let of_variant = |record: &&Record| {
                record.visit.as_ref().is_some_and(|visit| visit.variant as usize == n)
            };
            let mut then = self.visits.iter().filter(of_variant).map(|record| &record.engine);
            let then = then.rfind(|engine| !engine.name.is_empty());
            if let Some(then) = then.filter(|_| !now.name.is_empty()) {
                all.push((format!("the engine of {}", variant.name), build(then), build(now)));
            }
        }
        all
    }
}

/// Whether it ended with a visit that failed, so that there are pairs and no verdict.
pub(super) fn can_try_again(record: &Record) -> bool {
    let is_ab = |experiment: &Experiment| experiment.question == Question::Ab;
    record.status == Status::Failed && record.experiment.as_deref().is_some_and(is_ab)
}

/// What of a machine an update or its owner changes, where it is known.
fn software(machine: &MachineFacts) -> [(&'static str, Option<String>); 4] {
    let drivers = machine.gpus.iter().filter_map(|gpu| gpu.driver.clone());
    let drivers = drivers.collect::<Vec<_>>().join(", ");
    [
        ("the kernel", machine.os.kernel.clone()),
        ("the number of allowed CPUs", Some(machine.cpu.n_allowed.to_string())),
        ("the governor of the clock", machine.cpu.governor.clone()),
        ("the driver", Some(drivers).filter(|drivers| !drivers.is_empty())),
    ]
}

/// All that tells two builds of an engine apart.
fn build(engine: &EngineFacts) -> String {
    let said = [
        Some(engine.name.as_str()),
        Some(engine.version.as_str()),
        engine.commit.as_deref(),
        engine.ggml_version.as_deref(),
        engine.binding.as_deref(),
        Some(engine.backends.as_str()),
        engine.build.build_type.as_deref(),
        engine.build.compiler.as_deref(),
        engine.system_info.as_deref(),
    ];
    let words: Vec<&str> = said.into_iter().flatten().filter(|word| !word.is_empty()).collect();
    words.join(" ")
}

/// The value of a flag among recorded arguments.
fn value<'a>(arguments: &'a [String], flag: &str) -> Option<&'a str> {
    let at = arguments.iter().rposition(|argument| {
        argument == flag || argument.strip_prefix(flag).is_some_and(|rest| rest.starts_with('='))
    })?;
    match arguments[at].split_once('=') {
        Some((_, value)) => Some(value),
        None => arguments.get(at + 1).map(String::as_str),
    }
}
