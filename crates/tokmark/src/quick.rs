use tokmark_hub::Source;
use tokmark_lab::{WARM_UP_SHARE, advise, device_memory};
use tokmark_model::{EngineParams, PlannedTest, ProcessParams, QUICK_TESTS, Record};
use tokmark_stats::length_from_history;

use crate::args::QuickArgs;
use crate::exit::Exit;
use crate::view::{card, plan, progress::ProgressView};
use crate::wiring::{self, Measuring, Records};
use crate::{output, upload, view};

pub(crate) fn run(args: &QuickArgs) -> anyhow::Result<Exit> {
    upload::measuring(&args.store, &args.send, |records| measure(args, records))
}

fn measure(args: &QuickArgs, records: &Records) -> anyhow::Result<Exit> {
    let hub = wiring::open_hub(args.offline, None)?;
    let asked_as = args.model.clone().unwrap_or_else(|| "the default model".to_owned());
    let local = match &args.model {
        Some(model) => wiring::fetch(&hub, &Source::parse(model)?)?,
        None => wiring::fetch_default(&hub)?,
    };
    let subject = wiring::open_subject(&hub, &local, &asked_as)?;
    let machine = wiring::machine(&args.measure.conditions);
    // Before the engine takes its share.
    let available = tokmark_host::available_memory();

    let n_threads = args.threads.unwrap_or_else(tokmark_host::n_math_threads);
    let params = EngineParams { n_threads, ..EngineParams::default() };
    let planned: Vec<PlannedTest> = QUICK_TESTS
        .iter()
        .map(|&test| PlannedTest { model: 0, test, params: params.clone() })
        .collect();
    view::warn_of_memory(&subject, &planned, &machine);
    let measuring = Measuring {
        process: ProcessParams::default(),
        repetitions: wiring::adaptive(&args.measure, 1),
        warm_up: Some(args.measure.budget.mul_f64(WARM_UP_SHARE)),
        delay: Default::default(),
    };
    let subjects = [subject];
    let before = records.durations_before(&subjects, &planned, &machine);
    let mut session = wiring::session(&args.measure.conditions, measuring, machine.clone())?;
    crate::output::say!("{}", plan::subject(&subjects[0], &machine, n_threads));
    let estimate = length_from_history(&before, args.measure.budget)
        .or_else(|| session.estimate(&subjects, &planned));
    crate::output::say!("{}", plan::tests(&planned, estimate, args.measure.budget));

    let mut measured: Vec<Record> = Vec::new();
    let mut progress = ProgressView::new(estimate);
    let tally = session.run(&subjects, &planned, &mut progress, |record| {
        measured.push(record.clone());
        records.save(record)
    })?;
    progress.clear();

    if args.output == "json" {
        output::print_json(&measured)?;
    } else {
        let [subject] = &subjects;
        let rate = |n: usize| measured.get(n)?.summary.as_ref().map(|s| s.rate.rate_tps);
        let advice = rate(0).zip(rate(1)).map(|(prompt, generation)| {
            let record = &measured[1];
            let available = device_memory(record).or(available);
            advise(prompt, generation, &record.model, subject.kv.as_ref(), &params, available)
        });
        output::print(&card::quick(&measured, advice.as_ref(), records.place()))?;
    }
    Ok(Exit::of(&tally))
}
