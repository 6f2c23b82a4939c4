//! An experiment as one HTML page.

use tokmark_command::shell;
use tokmark_model::{Contest, Experiment, Question, Record};
use tokmark_plot::{
    Axis, BarSeries, Bars, Block, Limit, LinePoint, LineSeries, Lines, Plot, Reading, Section,
    Table, Unit, XAxis, page as html,
};

use super::{described, result};
use crate::view::specification;
use crate::view::words::{minute, printable};

/// The page of an experiment's record.
pub(crate) fn page(record: &Record) -> String {
    let Some(experiment) = record.experiment.as_deref() else {
        return html("No experiment", &[]);
    };
    let sections = [what(record, experiment), figures(record, experiment), again(experiment)];
    html(&title(experiment), &sections)
}

fn title(experiment: &Experiment) -> String {
    let names: Vec<String> = experiment.variants.iter().map(|v| printable(&v.name)).collect();
    match experiment.question {
        Question::Compare => format!("{} compared", names.join(", ")),
        Question::Ab => "A against B".to_owned(),
    }
}

fn what(record: &Record, experiment: &Experiment) -> Section {
    let when = minute(record.created_at);
    let cpu = record.machine.cpu.model.as_deref().unwrap_or("an unknown processor");
    let visits = experiment.visits.len();
    let has_server = experiment.variants.iter().any(|variant| variant.endpoint.is_some());
    let fresh = match has_server {
        true => "those of models here each a fresh process",
        false => "each a fresh process",
    };
    let mut blocks = vec![
        Block::Text(result::headline(record, experiment)),
        Block::Text(format!(
            "{visits} visits in turn, {fresh}, begun on {when} UTC on {} by {} {}.",
            printable(cpu),
            record.tool.name,
            record.tool.version
        )),
    ];
    match experiment.question {
        Question::Compare => {
            let header = specification::header();
            let rows: Vec<Vec<String>> =
                experiment.variants.iter().map(specification::row).collect();
            blocks.extend(Table::new("Specifications", &header, &rows).ok().map(Block::Table));
        }
        Question::Ab => blocks.push(Block::List(
            experiment.variants.iter().map(|v| format!("{}: {}", v.name, described(v))).collect(),
        )),
    }
    Section { heading: "What was compared".to_owned(), blocks }
}

fn figures(record: &Record, experiment: &Experiment) -> Section {
    let tables = result::tables(experiment).zip(["Figures", "Beside the best"]);
    let tables = tables.filter_map(|((header, rows), caption)| {
        Table::new(caption, &header, &rows).ok().map(Block::Table)
    });
    let mut blocks: Vec<Block> = tables
        .chain(bars(experiment).into_iter().map(|plot| Block::Plot(Box::new(plot))))
        .collect();
    blocks.extend(ratios(experiment).map(|plot| Block::Plot(Box::new(plot))));
    blocks.push(Block::Heading("What to know".to_owned()));
    blocks.push(Block::List(result::remarks(record, experiment)));
    Section { heading: "Figures".to_owned(), blocks }
}

fn again(experiment: &Experiment) -> Section {
    let command = shell::line(&experiment.arguments);
    let text = format!("tokmark {command}");
    Section { heading: "The same again".to_owned(), blocks: vec![Block::Text(text)] }
}

/// Rates of the variants, a plot for each test.
pub(super) fn bars(experiment: &Experiment) -> Vec<Plot> {
    experiment.contests.iter().filter_map(|contest| bars_of(experiment, contest)).collect()
}

fn bars_of(experiment: &Experiment, contest: &Contest) -> Option<Plot> {
    let reading = |n: usize| match contest.rates.get(n).and_then(Option::as_ref) {
        None => Reading::Missing { reason: "not measured".to_owned() },
        Some(rate) => match &rate.interval {
            Some(interval) => Reading::within(rate.rate_tps.get(), interval.low, interval.high),
            None => Reading::value(rate.rate_tps.get()),
        },
    };
    let names = experiment.variants.iter().map(|variant| printable(&variant.name));
    let bars = Bars {
        title: format!("Rate of {}", contest.test.label()),
        category: "Variant".to_owned(),
        value: "Rate".to_owned(),
        unit: Unit::symbol("tok/s"),
        categories: names.collect(),
        series: vec![BarSeries {
            label: String::new(),
            readings: (0..experiment.variants.len()).map(reading).collect(),
        }],
        intervals: "95 % interval".to_owned(),
    };
    bars.plot().ok()
}

/// Ratio of the two variants by test, with the tolerance as limits.
fn ratios(experiment: &Experiment) -> Option<Plot> {
    if experiment.question != Question::Ab {
        return None;
    }
    let reading = |contest: &Contest| match contest.pairings.first().map(|p| &p.comparison) {
        None => Reading::Missing { reason: "not compared".to_owned() },
        Some(comparison) => match &comparison.interval {
            Some(interval) => Reading::within(comparison.ratio, interval.low, interval.high),
            None => Reading::value(comparison.ratio),
        },
    };
    let contests = &experiment.contests;
    let points: Vec<LinePoint> = contests
        .iter()
        .enumerate()
        .map(|(n, contest)| LinePoint { x: n as f64, reading: reading(contest) })
        .collect();
    let labels = contests.iter().map(|contest| contest.test.label()).collect();
    let same_within = experiment.design.same_within;
    let limit = |label: &str, value: f64| Limit { label: label.to_owned(), value };
    let lines = Lines {
        title: "Speed of B over A".to_owned(),
        x: XAxis::Ordinal { title: "Test".to_owned(), labels },
        y: Axis::linear("B / A", Unit::Bare),
        series: vec![LineSeries { label: String::new(), points }],
        intervals: "95 % interval".to_owned(),
        limits: vec![
            limit("same, upper end", 1.0 + same_within),
            limit("same, lower end", 1.0 / (1.0 + same_within)),
        ],
    };
    lines.plot().ok()
}
