mod rows;

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, bail};
use tokmark_compat::spelling::Capability;
use tokmark_compat::{Format, Matrix, validate};
use tokmark_hub::{Hub, Source};
use tokmark_lab::{Session, Subject, WARM_UP_SHARE};
use tokmark_model::{
    MachineFacts, ModelFacts, Numa, PlannedTest, ProcessParams, Record, Repetitions, Status,
};

use crate::args::{BenchArgs, LlamaBenchArgs};
use crate::exit::Exit;
use crate::output;
use crate::upload;
use crate::view::progress::ProgressView;
use crate::view::{devices, plan};
use crate::wiring::{self, Measuring, Records};
use rows::RowPrinter;

/// More tests than this need `--yes`.
const MANY_TESTS: u128 = 1_000;
/// Tests from which the length of a longer list is estimated.
const SAMPLE_OF_TESTS: usize = 1_000;
/// What `--prio` takes.
const PRIORITIES: &str = "-1, 0, 1, 2 or 3";
/// llama-bench's number of repetitions.
const COMPAT_REPETITIONS: u32 = 5;

pub(crate) fn run(args: &BenchArgs) -> anyhow::Result<Exit> {
    let flags = &args.llama_bench;
    if flags.has("--list-devices") {
        tokmark_llama::load_backends();
        return output::print(&devices::list(&tokmark_llama::engine_facts()));
    }
    if flags.has("--version") {
        return output::print(&devices::version(&tokmark_llama::engine_facts()));
    }
    let asked = Asked::read(args)?;
    upload::measuring(&args.store, &args.send, |records| measure(args, asked, records))
}

fn measure(args: &BenchArgs, asked: Asked, records: &Records) -> anyhow::Result<Exit> {
    let flags = &args.llama_bench;
    let hub = wiring::open_hub(flags.has("--offline"), flags.last("--hf-token"))?;
    let opened = open_models(&hub, &asked.matrix.models)?;
    let machine = wiring::machine(&args.measure.conditions);
    let mut session =
        wiring::session(&args.measure.conditions, asked.measuring(args), machine.clone())?;
    Bench { args, asked, records, opened, machine }.run(&mut session)
}

/// What the flags ask for.
struct Asked {
    matrix: Matrix,
    defaults: Matrix,
    process: ProcessParams,
    repetitions: Repetitions,
    delay: Duration,
    output: Output,
    error_output: Option<Format>,
}

/// What goes to standard output.
enum Output {
    Table,
    /// An array of our records.
    Records,
    /// One of our records a line, as soon as it is kept.
    RecordLines,
    LlamaBench(Format),
    Nothing,
}

impl Asked {
    fn read(args: &BenchArgs) -> anyhow::Result<Self> {
        let flags = &args.llama_bench;
        check_supported(flags)?;
        let defaults = defaults(args);
        let matrix = matrix(flags)?.or_defaults(&defaults);
        let repetitions = match (number::<u32>(flags, "--repetitions", "at least 1")?, args.compat)
        {
            (Some(0), _) => bail!("--repetitions is 0; give at least 1"),
            (Some(n), _) => Repetitions::Fixed { n: if args.full { n.max(5) } else { n } },
            (None, true) => Repetitions::Fixed { n: COMPAT_REPETITIONS },
            (None, false) => wiring::adaptive(&args.measure, if args.full { 5 } else { 1 }),
        };
        let output = match (flags.last("--output"), args.compat) {
            (None | Some("table"), false) => Output::Table,
            (None, true) => Output::LlamaBench(Format::Md),
            (Some("tokmark-json"), _) => Output::Records,
            (Some("tokmark-jsonl"), _) => Output::RecordLines,
            (Some(word), _) => match Format::read("--output", word) {
                Ok(Some(format)) => Output::LlamaBench(format),
                Ok(None) => Output::Nothing,
                Err(_) => bail!(
                    "'{word}' is no output format; give table, tokmark-json, tokmark-jsonl, \
                     csv, json, jsonl, md or sql"
                ),
            },
        };
        let error_output = match flags.last("--output-err") {
            Some(word) => Format::read("--output-err", word)?,
            None => None,
        };
        let process = process(flags)?;
        let delay = number(flags, "--delay", "whole seconds, 0 or more")?.unwrap_or(0);
        let delay = Duration::from_secs(delay);
        Ok(Asked { matrix, defaults, process, repetitions, delay, output, error_output })
    }

    fn measuring(&self, args: &BenchArgs) -> Measuring {
        let flags = &args.llama_bench;
        let longest = args.measure.budget.mul_f64(WARM_UP_SHARE);
        let warm_up = match (flags.has("--no-warmup"), args.compat) {
            (true, _) => None,
            // One repetition, as llama-bench, but at the tested depth and length.
            (false, true) => Some(Duration::ZERO),
            (false, false) => Some(longest),
        };
        Measuring {
            process: self.process.clone(),
            repetitions: self.repetitions,
            warm_up,
            delay: self.delay,
        }
    }
}

/// Refuses flags that this build's engine cannot obey.
pub(crate) fn check_supported(flags: &LlamaBenchArgs) -> anyhow::Result<()> {
    for (flag, _) in flags.given() {
        flag.check_supported(|capability| match capability {
            Capability::Rpc => tokmark_llama::supports_rpc(),
            Capability::Fit => false,
            _ => true,
        })?;
    }
    Ok(())
}

/// Settings of the engine's process.
pub(crate) fn process(flags: &LlamaBenchArgs) -> anyhow::Result<ProcessParams> {
    let process = ProcessParams {
        numa: flags.last("--numa").map_or(Ok(Numa::Disabled), numa)?,
        prio: number(flags, "--prio", PRIORITIES)?.unwrap_or(0),
        rpc: flags
            .values("--rpc")
            .iter()
            .flat_map(|list| list.split(','))
            .map(str::to_owned)
            .collect(),
        verbose: flags.has("--verbose"),
        ..ProcessParams::default()
    };
    if !(-1..=3).contains(&process.prio) {
        bail!("there is no priority {}; give {PRIORITIES}", process.prio);
    }
    Ok(process)
}

/// Defaults of this call: llama-bench's, or the full suite's.
fn defaults(args: &BenchArgs) -> Matrix {
    let mut defaults = Matrix::defaults(tokmark_host::n_math_threads());
    if args.full {
        defaults.n_prompt = vec![512, 1024, 4096];
        defaults.n_gen = vec![128, 256];
    }
    if !args.compat {
        defaults.models.clear();
    }
    defaults
}

/// The lists that the flags give.
pub(crate) fn matrix(flags: &LlamaBenchArgs) -> anyhow::Result<Matrix> {
    const NOT_LISTS: [&str; 11] = [
        "--repetitions",
        "--output",
        "--output-err",
        "--numa",
        "--prio",
        "--delay",
        "--rpc",
        "--hf-repo",
        "--hf-file",
        "--hf-token",
        "--model",
    ];
    let mut matrix = Matrix::default();
    for (flag, values) in flags.given() {
        for value in values {
            if !NOT_LISTS.contains(&flag.long) {
                matrix.read(flag.long, value)?;
            }
        }
    }
    for value in flags.values("--model") {
        matrix.read("--model", value)?;
    }
    let files: Vec<&str> =
        flags.values("--hf-file").iter().flat_map(|list| list.split(',')).collect();
    let repos = flags.values("--hf-repo").iter().flat_map(|list| list.split(','));
    for (i, repo) in repos.enumerate() {
        let model = match files.get(i).filter(|file| !file.is_empty()) {
            // The file overrides the quantization, as in llama-bench.
            Some(file) => format!("hf:{}/{file}", repo.split(':').next().unwrap_or(repo)),
            None => format!("hf:{repo}"),
        };
        matrix.models.push(model);
    }
    Ok(matrix)
}

fn number<T: std::str::FromStr>(
    flags: &LlamaBenchArgs,
    long: &str,
    expected: &str,
) -> anyhow::Result<Option<T>> {
    let Some(text) = flags.last(long) else { return Ok(None) };
    match text.parse() {
        Ok(number) => Ok(Some(number)),
        Err(_) => bail!("invalid value '{text}' for {long}; give {expected}"),
    }
}

fn numa(word: &str) -> anyhow::Result<Numa> {
    match word {
        "" | "distribute" => Ok(Numa::Distribute),
        "isolate" => Ok(Numa::Isolate),
        "numactl" => Ok(Numa::Numactl),
        _ => bail!("'{word}' is no NUMA mode; give distribute, isolate or numactl"),
    }
}

/// Models by position in the matrix: a subject, or why there is none.
struct Opened {
    subjects: Vec<Subject>,
    /// For each model of the matrix the position in `subjects`, or name and reason.
    models: Vec<Result<usize, (String, anyhow::Error)>>,
}

fn open_models(hub: &Hub, names: &[String]) -> anyhow::Result<Opened> {
    let mut opened = Opened { subjects: Vec::new(), models: Vec::new() };
    if names.is_empty() {
        let local = wiring::fetch_default(hub)?;
        opened.subjects.push(wiring::open_subject(hub, &local, &local.path.to_string_lossy())?);
        opened.models.push(Ok(0));
        return Ok(opened);
    }
    for name in names {
        let subject = (|| {
            let local = wiring::fetch(hub, &Source::parse(name)?)?;
            let shown = match Source::parse(name)? {
                Source::Path(_) => name.clone(),
                _ => local.path.to_string_lossy().into_owned(),
            };
            wiring::open_subject(hub, &local, &shown)
        })();
        opened.models.push(match subject {
            Ok(subject) => {
                opened.subjects.push(subject);
                Ok(opened.subjects.len() - 1)
            }
            Err(error) => Err((name.clone(), error)),
        });
    }
    if opened.subjects.is_empty() {
        for (name, error) in opened.models.iter().skip(1).filter_map(|model| model.as_ref().err()) {
            crate::output::say!("error: {name}: {error:#}");
        }
        let first = opened.models.into_iter().find_map(Result::err);
        return Err(first.expect("no model was opened, so one failed").1);
    }
    Ok(opened)
}

struct Bench<'a> {
    args: &'a BenchArgs,
    asked: Asked,
    records: &'a Records,
    opened: Opened,
    machine: MachineFacts,
}

impl Bench<'_> {
    fn run(&self, session: &mut Session) -> anyhow::Result<Exit> {
        let n_tests = self.asked.matrix_with_models(&self.opened).len();
        if n_tests == 0 {
            bail!("nothing to measure: give -p, -n or -pg a number of tokens above 0");
        }
        if n_tests > MANY_TESTS && !self.args.yes && !self.args.compat {
            return self.ask_for_yes(session, n_tests);
        }
        let mut planned = Vec::new();
        let mut refused = Vec::new();
        for test in self.asked.matrix_with_models(&self.opened).expand() {
            validate(&test)?;
            match &self.opened.models[test.model] {
                Ok(subject) => planned.push(PlannedTest { model: *subject, ..test }),
                Err(_) => refused.push(test),
            }
            // llama-bench ends at the first model that it cannot load.
            if self.args.compat && !refused.is_empty() {
                break;
            }
        }
        let estimate = self.announce(session, &planned);
        let mut printer = RowPrinter::new(self);
        let mut progress = ProgressView::new(estimate);
        if self.args.llama_bench.has("--progress") {
            progress.say_each_test();
        }
        if self.args.compat {
            progress.silence();
        }
        let n_failed = refused.len();
        if !self.args.compat {
            self.keep_refused(session, &refused, &mut printer, &progress)?;
        }
        let shown =
            self.opened.subjects.iter().map(|subject| subject.asked_as.clone()).collect::<Vec<_>>();
        let mut index = 0;
        let mut stop_compat = false;
        let view = progress.clone();
        let tally = session.run(&self.opened.subjects, &planned, &mut progress, |record| {
            let name = &shown[planned[index].model];
            index += 1;
            printer.row(record, name, &view)?;
            self.keep(record)?;
            if self.args.compat && !matches!(record.status, Status::Ok | Status::Interrupted) {
                stop_compat = true;
                bail!("stopped at the first failure, as llama-bench does");
            }
            anyhow::Ok(())
        });
        progress.clear();
        if self.args.compat && !stop_compat && tally.is_ok() {
            self.keep_refused(session, &refused, &mut printer, &progress)?;
            stop_compat = !refused.is_empty();
        }
        if stop_compat {
            // llama-bench leaves its output open here; ours is closed.
            printer.close_records()?;
            return Ok(Exit::FailedRows);
        }
        // Also when a record could not be kept: what was measured is shown.
        printer.finish()?;
        let mut tally = tally?;
        tally.n_failed += n_failed;
        Ok(Exit::of(&tally))
    }

    /// Rows for tests whose model is none.
    fn keep_refused(
        &self,
        session: &Session,
        refused: &[PlannedTest],
        printer: &mut RowPrinter<'_>,
        progress: &ProgressView,
    ) -> anyhow::Result<()> {
        for test in refused {
            let Err((name, error)) = &self.opened.models[test.model] else { continue };
            let facts = ModelFacts {
                name: file_name(name),
                file_name: file_name(name),
                ..Default::default()
            };
            let folder = Path::new(name).parent();
            let record = session.refuse(facts, test, format!("{error:#}"), folder);
            self.keep(&record)?;
            printer.row(&record, name, progress)?;
        }
        Ok(())
    }

    fn keep(&self, record: &Record) -> anyhow::Result<()> {
        self.records.save(record)?;
        Ok(())
    }

    /// Says what will be done and how long it will take; silent in compat mode.
    fn announce(
        &self,
        session: &mut Session,
        planned: &[PlannedTest],
    ) -> Option<tokmark_stats::Length> {
        let first = planned.first().filter(|_| !self.args.compat)?;
        let subject = &self.opened.subjects[first.model];
        crate::output::say!("{}", plan::subject(subject, &self.machine, first.params.n_threads));
        for (model, subject) in self.opened.subjects.iter().enumerate() {
            let of_it: Vec<PlannedTest> =
                planned.iter().filter(|planned| planned.model == model).cloned().collect();
            crate::view::warn_of_memory(subject, &of_it, &self.machine);
        }
        let estimate = session.estimate(&self.opened.subjects, planned);
        let measure = &self.args.measure;
        let longest = match self.asked.repetitions {
            Repetitions::Fixed { .. } => measure.conditions.timeout,
            Repetitions::Adaptive { .. } => measure.budget,
        };
        crate::output::say!("{}", plan::tests(planned, estimate, longest));
        estimate
    }

    fn ask_for_yes(&self, session: &mut Session, n_tests: u128) -> anyhow::Result<Exit> {
        let matrix = self.asked.matrix_with_models(&self.opened);
        let sample: Vec<PlannedTest> = matrix
            .expand()
            .take(SAMPLE_OF_TESTS)
            .filter_map(|test| {
                let model = *self.opened.models[test.model].as_ref().ok()?;
                Some(PlannedTest { model, ..test })
            })
            .collect();
        let estimate = session
            .estimate(&self.opened.subjects, &sample)
            .context("the engine could not run a short test, so the length of this run is unknown");
        let length = estimate.map_or_else(
            |_| "unknown".to_owned(),
            |estimate| plan::duration(estimate.of_all(n_tests, sample.len()).expected),
        );
        bail!("these lists stand for {n_tests} tests, about {length}; add --yes to run them all")
    }
}

impl Asked {
    /// The matrix with as many models as were named, the default one counted.
    fn matrix_with_models(&self, opened: &Opened) -> Matrix {
        let mut matrix = self.matrix.clone();
        if matrix.models.is_empty() {
            matrix.models = opened.subjects.iter().map(|s| s.asked_as.clone()).collect();
        }
        matrix
    }
}

/// The last part of a path or address, without what an address may hide behind it.
fn file_name(name: &str) -> String {
    let address = name.split(['?', '#']).next().unwrap_or(name);
    address.rsplit(['/', '\\']).next().unwrap_or(address).to_owned()
}
