//! `tokmark gap`: one model embedded and through a server, and where the difference goes.

use std::sync::Arc;
use std::time::Duration;

use tokmark_http::{Endpoint, EndpointOptions, TargetOptions};
use tokmark_hub::Source;
use tokmark_lab::{
    Gap, LoadExtent, LoadOptions, Subject, gap_between, measure_point, prefill_ceiling,
    server_overheads,
};
use tokmark_model::{
    CacheMode, EngineParams, Load, PlannedTest, ProcessParams, Record, Test, Uuid, Workload,
};
use tokmark_recipe::Values;
use tokmark_workload::{Length, PromptSource, Shape, SourceOptions};

use crate::args::{GapArgs, MeasureArgs};
use crate::exit::Exit;
use crate::load::secrets;
use crate::load::subjects::{self, Serving, Wishes};
use crate::output;
use crate::upload;
use crate::view::gap as view;
use crate::view::live::LiveView;
use crate::view::progress::ProgressView;
use crate::wiring::{self, Measuring, Records};

/// Requests at once on the server: alone, and with one that waits.
const AT_ONCE: [u32; 2] = [1, 2];
/// Conversations of one point.
const SESSIONS_PER_POINT: u64 = 1 << 22;
/// Time for the requests before the measured ones.
const WARM_UP_LIMIT: Duration = Duration::from_secs(60);

pub(crate) fn run(args: &GapArgs) -> anyhow::Result<Exit> {
    upload::measuring(&args.store, &args.send, |records| measure(args, records))
}

fn measure(args: &GapArgs, records: &Records) -> anyhow::Result<Exit> {
    let hub = wiring::open_hub(false, None)?;
    let local = wiring::fetch(&hub, &Source::parse(&args.model)?)?;
    let subject = wiring::open_subject(&hub, &local, &args.model)?;
    let path = subject.path.display().to_string();
    // A server that does not answer is said before minutes are spent.
    let at_url = args.url.as_deref().map(|url| open(args, Serving::at(url))).transpose()?;
    let embedded = embedded(args, subject, records)?;
    if wiring::interrupt().is_raised() {
        return Ok(Exit::Interrupted);
    }
    let (serving, wishes, endpoint) = match at_url {
        Some(opened) => opened,
        None => {
            let values = Values { model: Some(path), threads: args.threads, ..Values::default() };
            open(args, subjects::start_named(&args.recipe, values)?)?
        }
    };
    let served = served(args, &serving, &endpoint, &wishes, &embedded, records)?;
    let overheads = server_overheads(&endpoint, args.prompt_tokens);
    serving.stop();
    let gap: Gap = gap_between(&embedded, &served, overheads);
    match args.output.as_str() {
        "json" => output::print_json(&view::document(&gap, &embedded, &served))?,
        _ => {
            let all: Vec<&Record> = embedded.iter().chain(&served).collect();
            output::print(&view::table(&gap, &all, records.place()))?
        }
    };
    Ok(if wiring::interrupt().is_raised() { Exit::Interrupted } else { Exit::Done })
}

/// Asks a server what it is.
fn open(args: &GapArgs, serving: Serving) -> anyhow::Result<(Serving, Wishes, Endpoint)> {
    let wishes = serving.wishes()?;
    let endpoint = serving.open_with(&EndpointOptions {
        target: TargetOptions {
            headers: secrets::headers(&args.header)?,
            api_key: secrets::api_key(args.api_key_env.as_deref())?,
            ..TargetOptions::default()
        },
        model: args.served_model.clone().or_else(|| serving.model()),
        api: wishes.api,
    })?;
    Ok((serving, wishes, endpoint))
}

/// Prompt and generation by the embedded engine.
fn embedded(args: &GapArgs, subject: Subject, records: &Records) -> anyhow::Result<Vec<Record>> {
    let n_threads = args.threads.unwrap_or_else(tokmark_host::n_math_threads);
    let params = EngineParams { n_threads, ..EngineParams::default() };
    let tests =
        [Test::pp(args.prompt_tokens), Test::tg(args.max_tokens).at_depth(args.prompt_tokens)];
    let planned: Vec<PlannedTest> =
        tests.iter().map(|&test| PlannedTest { model: 0, test, params: params.clone() }).collect();
    let budget = args.measure.budget / tests.len() as u32;
    let measure = MeasureArgs { budget, ..args.measure.clone() };
    let measuring = Measuring {
        process: ProcessParams::default(),
        repetitions: wiring::adaptive(&measure, 1),
        warm_up: Some(budget.mul_f64(tokmark_lab::WARM_UP_SHARE)),
        delay: Default::default(),
    };
    let machine = wiring::machine(&measure.conditions);
    let mut session = wiring::session(&measure.conditions, measuring, machine)?;
    let mut progress = ProgressView::new(None);
    let mut measured = Vec::new();
    session.run(&[subject], &planned, &mut progress, |record| {
        measured.push(record.clone());
        records.save(record)
    })?;
    progress.clear();
    Ok(measured)
}

/// The same prompt and generation through the server, alone and beside another.
fn served(
    args: &GapArgs,
    serving: &Serving,
    endpoint: &Endpoint,
    wishes: &Wishes,
    embedded: &[Record],
    records: &Records,
) -> anyhow::Result<Vec<Record>> {
    let shape = Shape {
        prompt_tokens: Length::Fixed(args.prompt_tokens),
        output_tokens: Length::Fixed(args.max_tokens),
        name: "gap".to_owned(),
        temperature: wishes.temperature,
        ..Shape::builtin("chat")?
    };
    let sha256 = shape.sha256();
    let nonce = crate::load::new_nonce(Uuid::now_v7());
    let options = SourceOptions {
        seed: 42,
        nonce,
        cache: CacheMode::Bust,
        tokenizer: crate::load::tokenizer_like(endpoint, &shape),
    };
    let source = Arc::new(PromptSource::from_shape(shape, options)?);
    let machine = tokmark_host::machine_facts(&Default::default());
    let mut measured = Vec::new();
    let mut view = LiveView::new("");
    for (position, n) in (0u64..).zip(AT_ONCE) {
        let workload = Workload {
            shape_sha256: Some(sha256.clone()),
            n_prompt: Some(args.prompt_tokens),
            n_output: Some(args.max_tokens),
            api: endpoint.api(),
            temperature: wishes.temperature,
            think: wishes.think,
            seed: 42,
            nonce: Some(nonce),
            length_control: endpoint.abilities().length_control,
            n_warmup: n,
            ..Workload::new("gap", Load::Concurrency { n })
        };
        let options = LoadOptions {
            run_id: Uuid::now_v7(),
            machine: machine.clone(),
            extent: LoadExtent::Until { half_width: 0.02, budget: args.measure.budget / 2 },
            abort_errors: None,
            interrupt: wiring::interrupt(),
            server_pids: serving.pids(endpoint),
            calibration: None,
            prefill_ceiling: prefill_ceiling(embedded, endpoint.facts(), &machine),
            recipe: serving.recipe_name(),
            is_fresh_server: position == 0 && serving.is_fresh(),
            first_load: serving.first_load_limit(),
            warm_up_limit: WARM_UP_LIMIT,
            large_logs: records.large_logs(),
            tokenizer: None,
        };
        view.begin(&workload);
        let first_session = position * SESSIONS_PER_POINT;
        let point =
            measure_point(endpoint, &source, &workload, first_session, &options, &mut view)?;
        view.clear();
        records.save(&point)?;
        measured.push(point);
    }
    Ok(measured)
}
