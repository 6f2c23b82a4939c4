//! The result of an experiment as text and as Markdown.

use tokmark_command::shell;
use tokmark_model::{
    Contest, Experiment, FoundAs, Pairing, Power, PowerDoubt, Question, Record, Standing, Status,
    Variant, Verdict,
};
use tokmark_plot::TerminalOptions;

use super::grid::{Grid, beside_the_best, grid, percent, ratio, verdict_words};
use super::{described, report};
use crate::view::words::{counted, printable, short_id};
use crate::view::{specification, table};

/// Columns of a terminal that tells no width.
const USUAL_WIDTH: usize = 100;
/// Lines of a plot in the terminal.
const PLOT_LINES: usize = 14;
/// Visits that are disturbed, as a share, above which the result says so first.
const MANY_DISTURBED: f64 = 0.2;

/// The result for a terminal.
pub(crate) fn table(record: &Record, place: &str) -> String {
    let experiment = record.experiment.as_deref();
    let mut text = experiment.map_or_else(String::new, |experiment| figures(record, experiment));
    text += &format!("\nkept as {} in {place}\n", short_id(record.id));
    text
}

/// Variants, figures, verdicts and remarks, and for several models bars.
pub(crate) fn figures(record: &Record, experiment: &Experiment) -> String {
    let mut text = String::new();
    for block in blocks(record, experiment) {
        text += &block;
        if !text.ends_with('\n') {
            text.push('\n');
        }
    }
    if experiment.question == Question::Compare {
        let width = crate::output::width().unwrap_or(USUAL_WIDTH).min(USUAL_WIDTH);
        for plot in report::bars(experiment) {
            text.push('\n');
            text += &plot.terminal(&TerminalOptions::new(width, PLOT_LINES));
        }
    }
    text
}

/// The result as a comment for a pull request.
pub(crate) fn markdown(record: &Record) -> String {
    let Some(experiment) = record.experiment.as_deref() else { return String::new() };
    let headline = headline(record, experiment);
    let mut text = format!("### {headline}\n\n");
    for variant in &experiment.variants {
        let name = cell(&variant.name);
        text += &format!("- **{name}**: {}\n", cell(&described(variant)));
    }
    text.push('\n');
    for (header, rows) in tables(experiment) {
        text += &markdown_row(&header);
        text += &markdown_row(&vec!["---".to_owned(); header.len()]);
        for row in rows {
            text += &markdown_row(&row);
        }
        text.push('\n');
    }
    for line in remarks(record, experiment) {
        text += &format!("- {}\n", cell(&line));
    }
    let machine = &record.machine;
    let cpu = machine.cpu.model.as_deref().unwrap_or("unknown processor");
    let engine = format!("{} {}", record.engine.name, record.engine.version);
    text += &format!(
        "- {} on {}, {} {}\n",
        cell(engine.trim()),
        cell(cpu),
        record.tool.name,
        record.tool.version
    );
    if !experiment.arguments.is_empty() {
        let command = shell::line(&experiment.arguments);
        text += &format!("\n```\ntokmark {command}\n```\n");
    }
    text
}

fn cell(text: &str) -> String {
    printable(text).replace('|', "\\|").replace('<', "&lt;")
}

fn markdown_row(cells: &[String]) -> String {
    let cells: Vec<String> = cells.iter().map(|text| text.replace('|', "\\|")).collect();
    format!("| {} |\n", cells.join(" | "))
}

/// The figures, and the ratios that decide.
pub(super) fn tables(experiment: &Experiment) -> impl Iterator<Item = Grid> {
    std::iter::once(grid(experiment)).chain(beside_the_best(experiment))
}

/// The parts of the result, one below the other.
fn blocks(record: &Record, experiment: &Experiment) -> Vec<String> {
    let mut blocks = Vec::new();
    match experiment.question {
        Question::Compare => blocks.push(specification::of_variants(&experiment.variants)),
        Question::Ab => {
            let lines = experiment.variants.iter();
            let lines = lines.map(|v| format!("{}: {}\n", printable(&v.name), described(v)));
            blocks.push(lines.collect());
        }
    }
    for (header, rows) in tables(experiment) {
        let header: Vec<&str> = header.iter().map(String::as_str).collect();
        blocks.push(format!("\n{}", table::of(&header, &[], rows.into_iter())));
    }
    blocks.push(format!("{}\n", headline(record, experiment)));
    blocks.push(remarks(record, experiment).iter().map(|line| format!("{line}\n")).collect());
    blocks
}

/// The result in one sentence.
pub(super) fn headline(record: &Record, experiment: &Experiment) -> String {
    let result = found(experiment);
    match record.status {
        Status::Interrupted => format!("Interrupted; so far: {result}"),
        _ => result,
    }
}

fn found(experiment: &Experiment) -> String {
    let failed = experiment.variants.iter().find(|variant| variant.failure.is_some());
    if experiment.question == Question::Ab {
        if let Some(failed) = failed {
            return format!("{} could not be measured: nothing to compare.", failed.name);
        }
        let n_pairs = experiment
            .contests
            .iter()
            .filter_map(|contest| contest.pairings.first())
            .map(|pairing| pairing.comparison.n_pairs)
            .max()
            .unwrap_or(0);
        let within = percent(experiment.design.same_within);
        let pairs = counted(n_pairs, "pair");
        return match experiment.overall {
            Some(Verdict::Slower) => format!("B is slower than A ({pairs})."),
            Some(Verdict::Faster) => format!("B is faster than A ({pairs})."),
            Some(Verdict::Same) => format!("No gain, no loss: the same within {within} ({pairs})."),
            _ => format!("Undecided after {pairs}: more would tell."),
        };
    }
    let sentences: Vec<String> =
        experiment.contests.iter().map(|contest| sentence(experiment, contest)).collect();
    sentences.join(" ")
}

/// Who is the fastest in a test, and who is not told from it.
fn sentence(experiment: &Experiment, contest: &Contest) -> String {
    let label = contest.test.label();
    let Some(top) = contest.fastest() else { return format!("{label}: nothing was measured.") };
    let name = |variant: usize| printable(&experiment.variants[variant].name);
    match contest.standings.get(top) {
        Some(Standing::Best) => return format!("{label}: {} is the fastest.", name(top)),
        Some(Standing::Alone) => return format!("{label}: only {} was measured.", name(top)),
        _ => {}
    }
    let beside = (0..contest.rates.len())
        .filter(|&variant| variant != top && contest.standings[variant] == Standing::Tied)
        .map(|variant| match contest.beside(variant, top) {
            Some(found) if found.verdict == Verdict::Same => {
                let within = percent(found.same_within);
                format!("{} is the same within {within} as {}", name(variant), name(top))
            }
            _ => format!("{} is not told from {}", name(variant), name(top)),
        });
    let beside: Vec<String> = beside.collect();
    format!("{label}: no single best: {}.", beside.join(", "))
}

/// What else to know.
pub(super) fn remarks(record: &Record, experiment: &Experiment) -> Vec<String> {
    let mut lines = Vec::new();
    for variant in &experiment.variants {
        if let Some(failure) = &variant.failure {
            lines.push(format!("{} was left out: {}", variant.name, printable(failure)));
        }
    }
    let n_left = experiment.variants.iter().filter(|variant| variant.failure.is_none()).count();
    let pairings = || experiment.contests.iter().flat_map(|contest| &contest.pairings);
    let is_open = pairings().any(|pairing| pairing.comparison.verdict == Verdict::Undecided);
    let n_made = pairings().map(|pairing| pairing.comparison.n_pairs).min().unwrap_or(0);
    let n_planned = experiment.design.n_rounds;
    match super::undecidable(&experiment.design, n_left) {
        Some(why) => lines.push(format!("Too few pairs for any verdict: {why}.")),
        None if is_open && n_made < n_planned => lines.push(format!(
            "It ended after {n_made} of {n_planned} rounds, before every verdict was there."
        )),
        None => {}
    }
    lines.extend(experiment.variants.iter().flat_map(flag_words));
    lines.extend(power(&experiment.contests));
    let n_visits = experiment.visits.len();
    if experiment.n_disturbed > 0 {
        let share = f64::from(experiment.n_disturbed) / n_visits.max(1) as f64;
        let advice = if share > MANY_DISTURBED { "; repeat it on a quieter machine" } else { "" };
        lines.push(format!(
            "{} of {n_visits} visits have grade F; their records say why{advice}.",
            experiment.n_disturbed
        ));
    }
    if experiment.variants.iter().any(|variant| variant.endpoint.is_some()) {
        lines.push(super::COMPARABLE.to_owned());
    }
    if record.status == Status::Interrupted {
        lines.push(
            "It was cut between two looks: what it says now is no verdict that holds over all of \
             them. --resume continues it to one."
                .to_owned(),
        );
    } else {
        lines.push(
            "Intervals are 95 % each; those of ratios hold over all looks. Verdicts hold over all \
             looks and comparisons together (alpha spending, Holm), so that one may be withdrawn \
             whose interval leaves out 1. Pairs decide, not the intervals beside rates, which are \
             of each variant's own visits. All speak for this machine in this session."
                .to_owned(),
        );
    }
    lines
}

/// What has to be known of a variant's figures.
fn flag_words(variant: &Variant) -> impl Iterator<Item = String> + '_ {
    let name = printable(&variant.name);
    variant.flags.iter().map(move |flag| {
        let words = match flag.as_str() {
            "prompt_tokens_asked" => {
                "nobody counted the prompt's tokens: pp takes the number that was asked for"
            }
            "prompt_tokens_estimated" => "the prompt's tokens are an estimate, and so is pp",
            "output_tokens_estimated" => "the tokens generated are an estimate, and so is tg",
            "context_over_trained" => "the context is longer than the model was trained for",
            "threads_over_cores" => "more threads than cores",
            "hidden_reasoning" => {
                "the time to the first token holds reasoning that was not streamed: pp is lower \
                 for it"
            }
            other => other,
        };
        format!("{name}: {words}.")
    })
}

/// `Here, today, a change of 3 % is found in 96 % of tries (pp512), 88 % of tries (tg128).`
fn power(contests: &[Contest]) -> Vec<String> {
    let known: Vec<(String, Power)> =
        contests.iter().filter_map(|c| Some((c.test.label(), c.power?))).collect();
    let Some((_, first)) = known.first() else { return Vec::new() };
    let found = |power: &Power| {
        format!(
            "{:.0} % of tries",
            100.0 * f64::from(power.n_found) / f64::from(power.n_tries.max(1))
        )
    };
    let each: Vec<String> =
        known.iter().map(|(label, power)| format!("{} ({label})", found(power))).collect();
    let mut lines = vec![format!(
        "Here, today, a change of {} is found in {}, with up to {}.",
        percent(first.share),
        each.join(", "),
        counted(first.n_rounds, "pair")
    )];
    if first.found_as == FoundAs::BelowOne {
        lines.push(
            "Found is here an interval below 1: so small a change lies within what is called the \
             same."
                .to_owned(),
        );
    }
    let seen: Vec<String> = known
        .iter()
        .filter_map(|(label, power)| {
            let ends = power.planted_low.zip(power.planted_high).map_or_else(String::new, |ends| {
                format!(", {:.1} to {:.1}", 100.0 * ends.0, 100.0 * ends.1)
            });
            Some(format!("{:.1} % ({label}{ends})", 100.0 * power.planted_seen?))
        })
        .collect();
    if !seen.is_empty() {
        lines.push(format!(
            "A planted delay of {} was measured as {} in {} that enter no figure.",
            percent(first.share),
            seen.join(", "),
            counted(first.n_planted_pairs, "pair"),
        ));
    }
    for (label, power) in &known {
        let why = match power.doubt {
            None => continue,
            Some(PowerDoubt::DelayNotSeen) => "the planted delay was measured as another one",
            Some(PowerDoubt::TooFewPlanted) => "too few planted pairs show that the delay arrives",
        };
        lines.push(format!("{label}: {why}; its tries may speak of another change."));
    }
    lines
}

/// `pp512 1.031 (1.012 to 1.049) B is faster; tg128 ...`, for the line of a look.
pub(super) fn verdicts_so_far(contests: &[Contest], names: &[String]) -> String {
    let one = |contest: &Contest| {
        let label = contest.test.label();
        match contest.pairings.as_slice() {
            [] => format!("{label} nothing to compare"),
            [Pairing { comparison, .. }] if names.len() == 2 => {
                let verdict = match comparison.verdict {
                    Verdict::Faster => format!("{} is faster", names[1]),
                    Verdict::Slower => format!("{} is slower", names[1]),
                    _ => verdict_words(comparison, ["", ""]),
                };
                format!("{label} {} {verdict}", ratio(comparison))
            }
            pairings => {
                let open = |p: &&Pairing| p.comparison.verdict == Verdict::Undecided;
                let n_open = pairings.iter().filter(open).count();
                format!(
                    "{label} {} of {} pairings decided",
                    pairings.len() - n_open,
                    pairings.len()
                )
            }
        }
    };
    contests.iter().map(one).collect::<Vec<_>>().join("; ")
}
