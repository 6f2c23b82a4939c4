//! What an experiment found, on the page of its record.

use tokmark_model::{
    Comparison, Contest, Estimate, Experiment, FoundAs, Interval, ModelFacts, Pairing, Power,
    Question, Record, Standing, Status, Verdict,
};
use tokmark_plot::{BarSeries, Bars, Plot, Reading, Unit};
use tokmark_store::Filter;

use super::block::{Block, Cell, Column, Page, PlotView, TableView};
use super::{records, wizard, words};
use crate::error::ServerError;
use crate::state::State;

/// Visits in a table.
const VISITS: u64 = 200;

/// The result in a sentence.
pub(crate) fn lead(record: &Record, experiment: &Experiment) -> String {
    let n = experiment.variants.len();
    let overall = match (experiment.question, experiment.overall) {
        (Question::Ab, Some(Verdict::Faster)) => "B is faster than A.".to_owned(),
        (Question::Ab, Some(Verdict::Slower)) => "B is slower than A.".to_owned(),
        (Question::Ab, Some(Verdict::Same)) => {
            format!("No gain, no loss: the same within {}.", percent(experiment.design.same_within))
        }
        (Question::Ab, _) => "Undecided: more pairs would tell.".to_owned(),
        (Question::Compare, _) => format!("{n} variants measured in turn, each test judged alone."),
    };
    match record.status {
        Status::Ok => overall,
        status => format!("{}; so far: {overall}", words::word(&status)),
    }
}

/// Verdicts with their intervals, what would have been found, and the visits.
pub(crate) async fn blocks(
    state: &State,
    page: &mut Page,
    record: &Record,
) -> Result<(), ServerError> {
    let Some(experiment) = &record.experiment else { return Ok(()) };
    page.blocks.push(Block::Heading("Variants".to_owned()));
    page.blocks.push(Block::Table(variants(experiment)));
    if experiment.question == Question::Compare {
        let models: Vec<&ModelFacts> = experiment.variants.iter().map(|own| &own.model).collect();
        page.blocks.push(Block::Table(wizard::specifications(&models)));
    }
    for (n, contest) in experiment.contests.iter().enumerate() {
        let plot = bars(experiment, contest);
        page.blocks.extend(plot.map(|plot| Block::Plot(PlotView::of(&plot, &format!("test{n}")))));
    }
    page.blocks.push(Block::Heading("Verdicts".to_owned()));
    for contest in &experiment.contests {
        page.blocks.push(Block::Table(rates(experiment, contest)));
        page.blocks.push(Block::Table(pairs(experiment, contest)));
    }
    page.blocks.push(Block::Text(
        "Pairs decide, not the intervals beside rates. Verdicts hold over all looks and \
         comparisons together. All speak for this machine in this session."
            .to_owned(),
    ));
    if experiment.n_disturbed > 0 {
        page.blocks.push(Block::Text(format!(
            "{} of {} visits have grade F; their records say why.",
            experiment.n_disturbed,
            experiment.visits.len()
        )));
    }
    let power: Vec<Vec<Cell>> = experiment.contests.iter().filter_map(found).collect();
    if !power.is_empty() {
        page.blocks.push(Block::Heading("What would have been found here".to_owned()));
        page.blocks.push(Block::Table(TableView {
            caption: "Delays planted in blocks that enter no figure".to_owned(),
            columns: vec![
                Column::named("Test"),
                Column::number("Change"),
                Column::number("Found in"),
                Column::named("Found means"),
                Column::number("Measured as"),
            ],
            rows: power,
        }));
    }
    let visits = Filter {
        run_id: Some(record.run_id),
        is_visit: Some(true),
        limit: Some(VISITS),
        ..Filter::default()
    };
    let visits = state.store.list(&visits).await?;
    if !visits.is_empty() {
        page.blocks.push(Block::Heading("Visits".to_owned()));
        let table = records::table(&visits, "Records of its visits, newest first");
        page.blocks.push(Block::Table(table));
    }
    Ok(())
}

fn name(experiment: &Experiment, n: usize) -> String {
    experiment.variants.get(n).map_or_else(String::new, |one| one.name.clone())
}

/// The rates of one test as bars, the best marked where the pairs say so.
fn bars(experiment: &Experiment, contest: &Contest) -> Option<Plot> {
    let category = |(n, standing): (usize, &Standing)| match standing {
        Standing::Best => format!("{} (best)", name(experiment, n)),
        _ => name(experiment, n),
    };
    let reading = |rate: &Option<Estimate>| match rate {
        None => Reading::missing("not measured"),
        Some(Estimate { rate_tps, interval: Some(ends), .. }) => {
            Reading::within(rate_tps.get(), ends.low, ends.high)
        }
        Some(rate) => Reading::value(rate.rate_tps.get()),
    };
    Bars {
        title: contest.test.label(),
        category: "Variant".to_owned(),
        value: "Rate".to_owned(),
        unit: Unit::symbol("tok/s"),
        categories: contest.standings.iter().enumerate().map(category).collect(),
        series: vec![BarSeries {
            label: String::new(),
            readings: contest.rates.iter().map(reading).collect(),
        }],
        intervals: "95 % interval".to_owned(),
    }
    .plot()
    .ok()
}

fn variants(experiment: &Experiment) -> TableView {
    let row = |variant: &tokmark_model::Variant| {
        let settings = [variant.params.settings(), variant.process.settings()];
        let settings: Vec<String> =
            settings.into_iter().filter(|words| !words.is_empty()).collect();
        let settings = if variant.endpoint.is_some() { Vec::new() } else { settings };
        vec![
            Cell::text(variant.name.clone()),
            Cell::text(variant.model.name.clone()),
            Cell::text(variant.endpoint.clone().unwrap_or_else(|| settings.join(" "))),
            Cell::text(variant.failure.clone().unwrap_or_default()),
        ]
    };
    TableView {
        caption: "What was compared".to_owned(),
        columns: ["Variant", "Model", "Settings or server", "Left out because"]
            .map(Column::named)
            .into(),
        rows: experiment.variants.iter().map(row).collect(),
    }
}

fn rates(experiment: &Experiment, contest: &Contest) -> TableView {
    let row = |(n, (rate, standing)): (usize, (&Option<Estimate>, &Standing))| {
        let interval = rate.and_then(|rate| rate.interval);
        vec![
            Cell::text(name(experiment, n)),
            Cell::text(rate.map_or_else(String::new, |rate| words::rate(Some(rate.rate_tps)))),
            Cell::text(interval.map_or_else(String::new, |Interval { low, high, .. }| {
                format!("{} to {}", words::number(low), words::number(high))
            })),
            Cell::text(words::word(standing)),
        ]
    };
    TableView {
        caption: contest.test.label(),
        columns: vec![
            Column::named("Variant"),
            Column::number("tok/s").defined(words::RATE),
            Column::number("Interval").defined(words::INTERVAL),
            Column::named("Standing"),
        ],
        rows: contest.rates.iter().zip(&contest.standings).enumerate().map(row).collect(),
    }
}

fn pairs(experiment: &Experiment, contest: &Contest) -> TableView {
    let row = |pairing: &Pairing| {
        let comparison = &pairing.comparison;
        let (first, second) = (pairing.first as usize, pairing.second as usize);
        let interval = comparison.interval.map_or_else(
            || "none: too few pairs".to_owned(),
            |interval| format!("{:.3} to {:.3}", interval.low, interval.high),
        );
        vec![
            Cell::text(format!("{} / {}", name(experiment, second), name(experiment, first))),
            Cell::text(format!("{:.3}", comparison.ratio)),
            Cell::text(interval),
            Cell::text(verdict(comparison)),
            Cell::text(comparison.n_pairs.to_string()),
        ]
    };
    TableView {
        caption: format!("{}, in pairs", contest.test.label()),
        columns: vec![
            Column::named("Speeds"),
            Column::number("Ratio"),
            Column::number("Interval").defined(words::INTERVAL),
            Column::named("Verdict on the first"),
            Column::number("Pairs"),
        ],
        rows: contest.pairings.iter().map(row).collect(),
    }
}

fn verdict(comparison: &Comparison) -> String {
    match comparison.verdict {
        Verdict::Same => format!("same within {}", percent(comparison.same_within)),
        Verdict::Undecided if comparison.withdrawn => "undecided: withdrawn by Holm".to_owned(),
        other => words::word(&other),
    }
}

/// What of planted delays was found in a test.
fn found(contest: &Contest) -> Option<Vec<Cell>> {
    let Power { share, n_tries, n_found, found_as, planted_seen, .. } = contest.power?;
    let tries = format!("{:.0} % of tries", 100.0 * f64::from(n_found) / f64::from(n_tries.max(1)));
    let means = match found_as {
        FoundAs::Slower => "called slower",
        FoundAs::BelowOne => "an interval below 1",
    };
    Some(vec![
        Cell::text(contest.test.label()),
        Cell::text(format!("{} slower", percent(share))),
        Cell::text(tries),
        Cell::text(means),
        Cell::text(planted_seen.map_or_else(String::new, |seen| format!("{:.1} %", 100.0 * seen))),
    ])
}

/// `3 %`, `0.5 %`.
fn percent(share: f64) -> String {
    // Six digits are what the command line takes; a product has more.
    let text = format!("{:.6}", share * 100.0);
    format!("{} %", text.trim_end_matches('0').trim_end_matches('.'))
}
