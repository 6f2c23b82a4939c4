//! `tokmark compare`: 2 to 4 models, and servers beside them, under the same conditions.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use tokmark_host::BusyProcess;
use tokmark_http::{EndpointOptions, HttpError, TargetOptions};
use tokmark_hub::{Hub, Source};
use tokmark_lab::{
    Arm, EndpointArm, ExperimentObserver, LoadExtent, LoadOptions, LocalArm, Session, Subject,
};
use tokmark_model::{
    CacheMode, Contest, Design, EngineFacts, EngineParams, Load, ModelFacts, PlannedTest,
    ProcessParams, Question, REPETITIONS_IN_VISIT, Status, Test, Uuid, Variant, Visit, Workload,
    compared_tests,
};
use tokmark_workload::{Length, PromptSource, Shape, SourceOptions};

use super::resume::Before;
use super::{Run, measuring};
use crate::args::{self, CompareArgs, ExperimentArgs, Repeat};
use crate::exit::Exit;
use crate::load::secrets;
use crate::load::subjects::Serving;
use crate::output;
use crate::upload;
use crate::view::{experiment as view, specification};
use crate::wiring::{self, Records};
use crate::wizard::{self, ranges::MODELS};

/// Time for the untimed request before each visit to a server.
const FIRST_ANSWERS: Duration = Duration::from_secs(600);

/// Something to compare, with what it takes to visit it.
enum Entrant {
    Local { subject: Box<Subject>, planned: Vec<PlannedTest>, session: Box<Session> },
    Endpoint { serving: Box<Serving>, endpoint: Box<tokmark_http::Endpoint> },
}

pub(crate) fn run(args: &CompareArgs) -> anyhow::Result<Exit> {
    let names_nothing = args.models.is_empty() && args.endpoint.is_empty();
    if names_nothing && args.experiment.resume.is_none() && wizard::is_possible() {
        return ask(args);
    }
    let n = args.models.len() + args.endpoint.len();
    ensure!(
        n > 0 || args.experiment.resume.is_none(),
        "--resume continues the same comparison; give its models and other arguments again as well \
         (tokmark show ID lists them)"
    );
    ensure!(
        MODELS.contains(&n),
        "{n} {}; compare takes 2 to 4 models or endpoints{}",
        if n == 1 { "model" } else { "models" },
        if n == 1 { ", tokmark ab compares settings of one" } else { "" },
    );
    args.experiment.html.as_deref().map_or(Ok(()), output::check_report)?;
    let ExperimentArgs { store, send, .. } = &args.experiment;
    let exit = upload::measuring(store, send, |records| measure(args, records))?;
    if let Some(trail) = wizard::Trail::of_this_process()
        && trail.wants_back(&wiring::interrupt()).context("cannot use the terminal")?
    {
        return Err(trail.go_back()).context("cannot start the wizard");
    }
    Ok(exit)
}

fn measure(args: &CompareArgs, records: &Records) -> anyhow::Result<Exit> {
    let hub = wiring::open_hub(false, None)?;
    let tests = compared_tests(args.context, args.generate).to_vec();
    let mut variants = Vec::new();
    let mut entrants = Vec::new();
    for model in &args.models {
        let (variant, entrant) = local(args, &hub, model, &tests)?;
        variants.push(variant);
        entrants.push(entrant);
    }
    for url in &args.endpoint {
        let (variant, entrant) = endpoint(args, url)?;
        variants.push(variant);
        entrants.push(entrant);
    }
    refuse_twins(&variants)?;
    distinct_names(&mut variants);
    output::say!("{}", specification::of_variants(&variants));
    let before = Before::find(&args.experiment, records)?;
    let (design, round) = design(args, tests, &mut entrants, records)?;
    let n_variants = variants.len();
    let engines: Vec<EngineFacts> = entrants.iter().map(Entrant::engine).collect();
    let is_rounds_given = args.repetitions != Repeat::Adaptive;
    let run = Run::new(&args.experiment, records, Question::Compare, variants, design).continuing(
        before,
        &engines,
        is_rounds_given,
    )?;
    output::say!("{}", view::length(&run.plan.design, n_variants, round, args.experiment.budget));
    if !args.endpoint.is_empty() {
        output::say!("{}", view::COMPARABLE);
    }
    let mut arms: Vec<Box<dyn Arm>> = Vec::new();
    for entrant in entrants {
        arms.push(entrant.arm(args, run.plan.run_id, records)?);
    }
    run.measure(&mut arms, &args.output)
}

/// Asks on the terminal, and becomes the command that the answers stand for.
fn ask(args: &CompareArgs) -> anyhow::Result<Exit> {
    let hub = wiring::open_hub(true, None)?;
    let folder = std::env::current_dir().context("no working directory")?;
    let candidates = wizard::candidates(&hub, &folder)?;
    if let Some(advice) = wizard::too_few(&candidates) {
        output::say!("{advice}");
        return Ok(Exit::Usage);
    }
    let flags = wizard::other_flags(&args::given()[1..]);
    let repetitions = match args.repetitions {
        Repeat::Adaptive => None,
        Repeat::Times(n) => Some(n),
    };
    let (context, generate) = (args.context, args.generate);
    let preset = wizard::Preset { context, generate, repetitions, flags: flags.clone() };
    let interrupt = wiring::interrupt();
    let trail = wizard::Trail::of_this_process();
    let marked = trail.as_ref().map(wizard::Trail::models).unwrap_or_default();
    let asked =
        wizard::run(&candidates, preset, marked, &interrupt).context("cannot use the terminal")?;
    let Some(choice) = asked else {
        return Ok(if interrupt.is_raised() { Exit::Interrupted } else { Exit::Done });
    };
    output::say!("{}", wizard::command_line(&choice, &flags));
    Err(wizard::start(&choice, &flags)).context("cannot start the comparison")
}

/// How many rounds, and how long one takes as far as that is known.
fn design(
    args: &CompareArgs,
    tests: Vec<Test>,
    entrants: &mut [Entrant],
    records: &Records,
) -> anyhow::Result<(Design, Duration)> {
    let mut round = Duration::ZERO;
    let mut n_known = 0u32;
    for entrant in entrants.iter_mut() {
        // One that fails is said when its turn comes; the others finish.
        if let Some(length) = entrant.visit_length(args, records)? {
            round += length;
            n_known += 1;
        }
    }
    let round = round * entrants.len() as u32 / n_known.max(1);
    let asked = match args.repetitions {
        Repeat::Times(n) => Some(n),
        Repeat::Adaptive => None,
    };
    let (n, budget) = (entrants.len(), args.experiment.budget);
    let (n_rounds, looks) = tokmark_stats::compared_rounds(n, tests.len(), asked, round, budget);
    let design = Design {
        tests,
        n_repetitions: REPETITIONS_IN_VISIT,
        n_rounds,
        seed: args.experiment.conditions.seed,
        looks,
        same_within: args.same_within,
        planted_delay: None,
    };
    Ok((design, round))
}

fn local(
    args: &CompareArgs,
    hub: &Hub,
    name: &str,
    tests: &[Test],
) -> anyhow::Result<(Variant, Entrant)> {
    let local = wiring::fetch(hub, &Source::parse(name)?)?;
    let subject = wiring::open_subject(hub, &local, name)?;
    let n_threads = args.threads.unwrap_or_else(tokmark_host::n_math_threads);
    let params = EngineParams { n_threads, ..EngineParams::default() };
    let planned: Vec<PlannedTest> =
        tests.iter().map(|&test| PlannedTest { model: 0, test, params: params.clone() }).collect();
    let machine = wiring::machine(&args.experiment.conditions);
    crate::view::warn_of_memory(&subject, &planned, &machine);
    let session = wiring::session(
        &args.experiment.conditions,
        measuring(ProcessParams::default(), REPETITIONS_IN_VISIT),
        machine,
    )?;
    let variant = Variant {
        name: subject.facts.name.clone(),
        given: view::as_kept(name),
        model: subject.facts.clone(),
        params,
        ..Variant::default()
    };
    let (subject, session) = (Box::new(subject), Box::new(session));
    Ok((variant, Entrant::Local { subject, planned, session }))
}

/// A server, by its address and, after a `#`, the name of one of its models or part of it.
fn endpoint(args: &CompareArgs, named: &str) -> anyhow::Result<(Variant, Entrant)> {
    let (url, model) = named.split_once('#').map_or((named, None), |(url, name)| (url, Some(name)));
    let serving = Serving::at(url);
    let target = TargetOptions {
        api_key: secrets::api_key(args.api_key_env.as_deref())?,
        ..TargetOptions::default()
    };
    let model = model.map(str::to_owned);
    let endpoint = serving.open_with(&EndpointOptions { target, model, api: None });
    let endpoint = endpoint.map_err(|error| match error.downcast_ref() {
        Some(HttpError::Model { .. }) => {
            error.context(format!("{}: name the model as --endpoint URL#MODEL", view::address(url)))
        }
        _ => error,
    })?;
    let model = endpoint.facts().model.clone();
    let variant = Variant {
        name: model.clone(),
        given: format!("--endpoint {}", view::address(named)),
        model: ModelFacts { name: model, ..ModelFacts::default() },
        endpoint: Some(
            endpoint.facts().urls.first().cloned().unwrap_or_else(|| view::address(url)),
        ),
        ..Variant::default()
    };
    Ok((variant, Entrant::Endpoint { serving: Box::new(serving), endpoint: Box::new(endpoint) }))
}

/// The same file twice says nothing about models.
fn refuse_twins(variants: &[Variant]) -> anyhow::Result<()> {
    for (i, variant) in variants.iter().enumerate() {
        let twin = variants[..i].iter().find(|earlier| {
            let same_file =
                earlier.model.sha256.is_some() && earlier.model.sha256 == variant.model.sha256;
            let same_server = earlier.endpoint.is_some() && earlier.endpoint == variant.endpoint;
            same_file || (same_server && earlier.model.name == variant.model.name)
        });
        if let Some(twin) = twin {
            bail!(
                "{} and {} are the same; tokmark ab measures one against itself",
                twin.given,
                variant.given
            );
        }
    }
    Ok(())
}

/// Two files may have one name, and a server may serve a model that lies here too.
fn distinct_names(variants: &mut [Variant]) {
    for i in 1..variants.len() {
        let is_taken = |name: &str| variants[..i].iter().any(|earlier| earlier.name == name);
        let plain = variants[i].name.clone();
        let mut name = match (&variants[i].endpoint, variants[i].model.sha256.as_deref()) {
            (Some(url), _) if is_taken(&plain) => format!("{plain} at {url}"),
            (None, Some(hash)) if is_taken(&plain) => {
                format!("{plain} {}", hash.get(..8).unwrap_or(hash))
            }
            _ => plain.clone(),
        };
        let mut n = 2;
        while is_taken(&name) {
            name = format!("{plain} ({n})");
            n += 1;
        }
        variants[i].name = name;
    }
}

impl Entrant {
    /// How long a visit takes; `None` where it fails.
    fn visit_length(
        &mut self,
        args: &CompareArgs,
        records: &Records,
    ) -> anyhow::Result<Option<Duration>> {
        match self {
            Entrant::Local { subject, planned, session } => {
                Ok(session.visit_length(subject, planned).ok())
            }
            Entrant::Endpoint { serving, endpoint } => {
                // What a server takes for these tokens nothing but a visit tells; it enters no
                // figure, and its prompts come to no other visit.
                let mut arm = endpoint_arm(args, serving, endpoint, Uuid::now_v7(), records)?;
                let visit =
                    Visit { variant: 0, position: u32::MAX, planted: false, delayed: false };
                let begun = Instant::now();
                let made = arm.visit(&visit, 0.0, &mut Untold);
                let is_ok = made.iter().all(|record| record.status == Status::Ok);
                Ok(is_ok.then(|| begun.elapsed()))
            }
        }
    }

    /// The engine, as far as it is known before the first visit.
    fn engine(&self) -> EngineFacts {
        match self {
            Entrant::Local { session, .. } => session.engine().clone(),
            Entrant::Endpoint { endpoint, .. } => EngineFacts {
                name: endpoint.facts().dialect.clone(),
                version: endpoint.facts().version.clone().unwrap_or_default(),
                ..EngineFacts::default()
            },
        }
    }

    fn arm(
        self,
        args: &CompareArgs,
        run_id: Uuid,
        records: &Records,
    ) -> anyhow::Result<Box<dyn Arm>> {
        Ok(match self {
            Entrant::Local { subject, planned, session } => {
                Box::new(LocalArm::new(session.in_run(run_id), *subject, planned))
            }
            Entrant::Endpoint { serving, endpoint } => {
                Box::new(endpoint_arm(args, &serving, &endpoint, run_id, records)?)
            }
        })
    }
}

fn endpoint_arm(
    args: &CompareArgs,
    serving: &Serving,
    endpoint: &tokmark_http::Endpoint,
    run_id: Uuid,
    records: &Records,
) -> anyhow::Result<EndpointArm> {
    let shape = Shape {
        prompt_tokens: Length::Fixed(args.context),
        output_tokens: Length::Fixed(args.generate),
        name: "compare".to_owned(),
        ..Shape::builtin("chat")?
    };
    let sha256 = shape.sha256();
    let seed = args.experiment.conditions.seed;
    let tokenizer = crate::load::tokenizer_like(endpoint, &shape);
    // A visit that was cut is made again: with prompts that the server has not seen.
    let nonce = crate::load::new_nonce(Uuid::now_v7());
    let options = SourceOptions { seed, nonce, cache: CacheMode::Bust, tokenizer };
    let source =
        PromptSource::from_shape(shape, options).context("cannot make prompts of this length")?;
    let workload = Workload {
        shape_sha256: Some(sha256),
        n_prompt: Some(args.context),
        n_output: Some(args.generate),
        api: endpoint.api(),
        seed,
        nonce: Some(nonce),
        length_control: endpoint.abilities().length_control,
        n_warmup: 1,
        ..Workload::new("compare", Load::Concurrency { n: 1 })
    };
    let options = LoadOptions {
        run_id,
        machine: wiring::machine(&args.experiment.conditions),
        extent: LoadExtent::Requests(u64::from(REPETITIONS_IN_VISIT)),
        abort_errors: None,
        interrupt: wiring::interrupt(),
        server_pids: serving.pids(endpoint),
        calibration: None,
        prefill_ceiling: None,
        recipe: None,
        is_fresh_server: false,
        first_load: None,
        warm_up_limit: FIRST_ANSWERS,
        large_logs: records.large_logs(),
        tokenizer: None,
    };
    Ok(EndpointArm::new(endpoint.clone(), Arc::new(source), workload, options))
}

/// Of a visit that only shows how long one takes, nobody is told.
struct Untold;

impl ExperimentObserver for Untold {
    fn visit_started(&mut self, _: &Visit, _: u32) {}

    fn looked(&mut self, _: &[Contest], _: u32) {}

    fn left_out(&mut self, _: usize, _: &str) {}

    fn disturbed(&mut self, _: f64, _: &[BusyProcess]) {}
}
