//! `tokmark ab`: two variants of one thing.

use anyhow::{Context, bail, ensure};
use tokmark_compat::{Matrix, validate};
use tokmark_hub::{Hub, Source};
use tokmark_lab::{Arm, LocalArm, Session, Subject, rounds_within};
use tokmark_model::{
    Design, EngineFacts, Looks, PlannedTest, ProcessParams, Question, REPETITIONS_IN_VISIT, Test,
    Variant,
};

use super::resume::Before;
use super::variant::{VariantWords, check_single, read};
use super::{Run, environment, measuring};
use crate::args::{AbArgs, BothArgs, ExperimentArgs, LlamaBenchArgs};
use crate::exit::Exit;
use crate::output;
use crate::upload;
use crate::view::experiment as view;
use crate::wiring::{self, Records};

/// Most pairs that the budget alone decides on.
const MOST_PAIRS: u32 = 100;

/// A variant with what it takes to visit it.
struct Prepared {
    variant: Variant,
    subject: Subject,
    planned: Vec<PlannedTest>,
    process: ProcessParams,
    session: Session,
}

pub(crate) fn run(args: &AbArgs) -> anyhow::Result<Exit> {
    let output = match args.both.0.last("--output") {
        None => "table",
        Some(word @ ("table" | "md" | "json")) => word,
        Some(word) => bail!("'{word}' is no output format of ab; give table, md or json"),
    };
    let words = [read("--a", &args.a)?, read("--b", &args.b)?];
    environment::check("--a", &words[0].env)?;
    environment::check("--b", &words[1].env)?;
    args.experiment.html.as_deref().map_or(Ok(()), output::check_report)?;
    check_base(&args.both.0)?;
    let ExperimentArgs { store, send, .. } = &args.experiment;
    upload::measuring(store, send, |records| measure(args, &words, records, output))
}

fn measure(
    args: &AbArgs,
    words: &[VariantWords; 2],
    records: &Records,
    output: &str,
) -> anyhow::Result<Exit> {
    let before = Before::find(&args.experiment, records)?;
    let offline = args.both.0.has("--offline");
    let hub = wiring::open_hub(offline, args.both.0.last("--hf-token"))?;
    let [a, b] = words;
    let mut prepared =
        vec![prepare(args, &hub, "A", &args.a, a)?, prepare(args, &hub, "B", &args.b, b)?];
    let tests: Vec<Test> = prepared[0].planned.iter().map(|planned| planned.test).collect();
    if same(&prepared[0], &prepared[1]) {
        output::say!(
            "the variants differ in nothing: this shows what two equal ones look like here (A/A)"
        );
    }
    output::say!("{}", view::variants(prepared.iter().map(|p| &p.variant), &tests));
    let mut round = std::time::Duration::ZERO;
    for each in &mut prepared {
        let length = each.session.visit_length(&each.subject, &each.planned);
        match length {
            Ok(length) => round += length,
            Err(reason) => bail!("{} cannot be measured: {}", each.variant.name, reason.message),
        }
    }
    let is_planted = !args.no_power;
    let adaptive = Looks::Sequential { max_pairs: MOST_PAIRS };
    let needed = tokmark_stats::rounds_needed(tests.len(), adaptive);
    let allowed = needed..=MOST_PAIRS;
    let within = || rounds_within(args.experiment.budget, round, is_planted, allowed);
    let n_rounds = args.pairs.unwrap_or_else(within);
    let design = Design {
        tests,
        n_repetitions: repetitions(&args.both.0)?,
        n_rounds,
        seed: args.experiment.conditions.seed,
        looks: Looks::Sequential { max_pairs: n_rounds },
        same_within: args.tolerance,
        planted_delay: is_planted.then_some(args.power),
    };
    let variants = prepared.iter().map(|p| p.variant.clone()).collect();
    let engines: Vec<EngineFacts> = prepared.iter().map(|p| p.session.engine().clone()).collect();
    let run = Run::new(&args.experiment, records, Question::Ab, variants, design).continuing(
        before,
        &engines,
        args.pairs.is_some(),
    )?;
    output::say!("{}", view::length(&run.plan.design, 2, round, args.experiment.budget));
    let mut arms: Vec<Box<dyn Arm>> = Vec::new();
    for (each, delay) in prepared.into_iter().zip([0.0, args.plant / 100.0]) {
        let session = each.session.in_run(run.plan.run_id);
        arms.push(Box::new(LocalArm::new(session, each.subject, each.planned).delayed(delay)));
    }
    run.measure(&mut arms, output)
}

/// Refuses flags that would change nothing, and what this build lacks.
fn check_base(flags: &LlamaBenchArgs) -> anyhow::Result<()> {
    if let Some((flag, _)) = flags.given().find(|(flag, _)| BothArgs::NO_USE.contains(&flag.long)) {
        bail!("ab has no use for {}; leave it out", flag.long);
    }
    crate::bench::check_supported(flags)
}

fn same(a: &Prepared, b: &Prepared) -> bool {
    super::same_variants(std::slice::from_ref(&a.variant), std::slice::from_ref(&b.variant))
        && a.process == b.process
}

fn repetitions(flags: &LlamaBenchArgs) -> anyhow::Result<u32> {
    match flags.last("--repetitions").map(str::parse) {
        None => Ok(REPETITIONS_IN_VISIT),
        Some(Ok(n)) if n > 0 => Ok(n),
        Some(_) => bail!("--repetitions: give how often a visit repeats each test, at least 1"),
    }
}

/// Model, settings and tests of a variant: its own flags over those for both.
fn prepare(
    args: &AbArgs,
    hub: &Hub,
    name: &str,
    given: &str,
    words: &VariantWords,
) -> anyhow::Result<Prepared> {
    crate::bench::check_supported(&words.flags)?;
    let flags = words.flags.over(&args.both.0);
    let mut defaults = Matrix::defaults(tokmark_host::n_math_threads());
    defaults.models.clear();
    let matrix = crate::bench::matrix(&flags)?.or_defaults(&defaults);
    check_single(name, &matrix)?;
    let local = match matrix.models.as_slice() {
        [] => wiring::fetch_default(hub)?,
        [model] => wiring::fetch(hub, &Source::parse(model)?)?,
        models => bail!("{name}: {} models; give one", models.len()),
    };
    let subject = wiring::open_subject(hub, &local, name)
        .with_context(|| format!("{name} cannot be measured"))?;
    let matrix = Matrix { models: vec![name.to_owned()], ..matrix };
    let planned: Vec<PlannedTest> = matrix.expand().collect();
    ensure!(!planned.is_empty(), "nothing to measure: give -p, -n or -pg tokens above 0");
    planned.iter().try_for_each(validate)?;
    let process = ProcessParams { env: words.env.clone(), ..crate::bench::process(&flags)? };
    let machine = wiring::machine(&args.experiment.conditions);
    crate::view::warn_of_memory(&subject, &planned, &machine);
    let n = repetitions(&args.both.0)?;
    let conditions = &args.experiment.conditions;
    let session = wiring::session(conditions, measuring(process.clone(), n), machine)?;
    let variant = Variant {
        name: name.to_owned(),
        given: view::as_kept(given),
        model: subject.facts.clone(),
        params: planned[0].params.clone(),
        process: tokmark_lab::without_secrets(&process),
        ..Variant::default()
    };
    Ok(Prepared { variant, subject, planned, process, session })
}
