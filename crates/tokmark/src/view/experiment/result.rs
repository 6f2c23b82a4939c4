//! The result of an experiment as text and as Markdown.

use tokmark_model::{
    Comparison, Contest, Experiment, Pairing, Power, Question, Record, Standing, Verdict,
};
use tokmark_plot::TerminalOptions;

use super::{described, report};
use crate::view::words::{counted, estimate, printable, short_id};
use crate::view::{shell, specification, table};

/// Columns of a terminal that tells no width.
const USUAL_WIDTH: usize = 100;
/// Lines of a plot in the terminal.
const PLOT_LINES: usize = 14;
/// Visits that are disturbed, as a share, above which the result says so first.
const MANY_DISTURBED: f64 = 0.2;

/// The result for a terminal.
pub(crate) fn table(record: &Record, place: &str) -> String {
    let mut text = record.experiment.as_deref().map_or_else(String::new, figures);
    text += &format!("\nkept as {} in {place}\n", short_id(record.id));
    text
}

/// Variants, figures, verdicts and remarks, and for several models bars.
pub(crate) fn figures(experiment: &Experiment) -> String {
    let mut text = String::new();
    for block in blocks(experiment) {
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
    let headline = headline(experiment);
    let mut text = format!("### {headline}\n\n");
    for variant in &experiment.variants {
        let name = cell(&variant.name);
        text += &format!("- **{name}**: {}\n", cell(&described(variant)));
    }
    text.push('\n');
    let (header, rows) = grid(experiment);
    text += &markdown_row(&header);
    text += &markdown_row(&vec!["---".to_owned(); header.len()]);
    for row in rows {
        text += &markdown_row(&row);
    }
    text.push('\n');
    for line in remarks(experiment) {
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

/// The parts of the result, one below the other.
fn blocks(experiment: &Experiment) -> Vec<String> {
    let mut blocks = Vec::new();
    match experiment.question {
        Question::Compare => blocks.push(specification::of_variants(&experiment.variants)),
        Question::Ab => {
            let lines = experiment.variants.iter();
            let lines = lines.map(|v| format!("{}: {}\n", printable(&v.name), described(v)));
            blocks.push(lines.collect());
        }
    }
    let (header, rows) = grid(experiment);
    let header: Vec<&str> = header.iter().map(String::as_str).collect();
    blocks.push(format!("\n{}", table::of(&header, &[], rows.into_iter())));
    blocks.push(format!("{}\n", headline(experiment)));
    blocks.push(remarks(experiment).iter().map(|line| format!("{line}\n")).collect());
    blocks
}

/// Header and rows of the figures: two variants side by side with their ratio, several with
/// their standing.
pub(super) fn grid(experiment: &Experiment) -> (Vec<String>, Vec<Vec<String>>) {
    let names = experiment.variants.iter().map(|variant| printable(&variant.name));
    if experiment.question == Question::Ab {
        let mut header = vec!["test".to_owned()];
        header.extend(names.map(|name| format!("{name} tok/s")));
        header.extend(["B / A", "pairs", "verdict"].map(str::to_owned));
        let rows = experiment.contests.iter().map(|contest| {
            let mut row = vec![contest.test.label()];
            row.extend(rates(contest));
            match contest.pairings.first() {
                Some(Pairing { comparison, .. }) => row.extend([
                    ratio(comparison),
                    comparison.n_pairs.to_string(),
                    verdict_words(comparison),
                ]),
                None => row.extend(["-", "0", "not compared"].map(str::to_owned)),
            }
            row
        });
        return (header, rows.collect());
    }
    let mut header = vec!["model".to_owned()];
    header.extend(experiment.contests.iter().map(|c| format!("{} tok/s", c.test.label())));
    let rows = experiment.variants.iter().enumerate().map(|(n, variant)| {
        let mut row = vec![printable(&variant.name)];
        row.extend(experiment.contests.iter().map(|contest| standing_cell(contest, n)));
        row
    });
    (header, rows.collect())
}

fn rates(contest: &Contest) -> impl Iterator<Item = String> + '_ {
    contest.rates.iter().map(|rate| rate.as_ref().map_or_else(|| "-".to_owned(), estimate))
}

fn standing_cell(contest: &Contest, variant: usize) -> String {
    let Some(rate) = contest.rates.get(variant).and_then(Option::as_ref) else {
        return "not measured".to_owned();
    };
    let word = match contest.standings.get(variant) {
        Some(Standing::Best) => " best",
        Some(Standing::Tied) => " tied",
        _ => "",
    };
    format!("{}{word}", estimate(rate))
}

/// `1.031 (1.012 to 1.049)`.
fn ratio(comparison: &Comparison) -> String {
    match &comparison.interval {
        Some(interval) => {
            format!("{:.3} ({:.3} to {:.3})", comparison.ratio, interval.low, interval.high)
        }
        None => format!("{:.3} (no interval: too few)", comparison.ratio),
    }
}

fn verdict_words(comparison: &Comparison) -> String {
    match comparison.verdict {
        Verdict::Same => format!("same within {}", percent(comparison.same_within)),
        Verdict::Faster => "B is faster".to_owned(),
        Verdict::Slower => "B is slower".to_owned(),
        Verdict::Undecided => "undecided".to_owned(),
    }
}

/// `3 %`, `0.5 %`.
fn percent(share: f64) -> String {
    let text = format!("{:.1}", share * 100.0);
    format!("{} %", text.trim_end_matches(".0"))
}

/// The result in one sentence.
pub(super) fn headline(experiment: &Experiment) -> String {
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
    let sentences: Vec<String> = experiment
        .contests
        .iter()
        .map(|contest| {
            let named = |standing| -> Vec<String> {
                let of = contest.standings.iter().zip(&experiment.variants);
                of.filter(|(s, _)| **s == standing).map(|(_, v)| printable(&v.name)).collect()
            };
            let (best, tied) = (named(Standing::Best), named(Standing::Tied));
            let label = contest.test.label();
            match (best.first(), tied.as_slice()) {
                (Some(best), _) => format!("{label}: {best} is the fastest."),
                (None, []) => format!("{label}: nothing was measured."),
                (None, tied) => {
                    format!("{label}: {} are tied: not told apart.", tied.join(" and "))
                }
            }
        })
        .collect();
    sentences.join(" ")
}

/// What else to know.
pub(super) fn remarks(experiment: &Experiment) -> Vec<String> {
    let mut lines = Vec::new();
    for variant in &experiment.variants {
        if let Some(failure) = &variant.failure {
            lines.push(format!("{} was left out: {}", variant.name, printable(failure)));
        }
    }
    let too_few = experiment.contests.iter().flat_map(|contest| &contest.pairings);
    if too_few.into_iter().any(|pairing| pairing.comparison.interval.is_none()) {
        lines.push(
            "Too few pairs for any verdict: at least 6 are needed, more where each look is paid \
             for."
                .to_owned(),
        );
    }
    lines.extend(power(&experiment.contests));
    let n_visits = experiment.visits.len();
    if experiment.n_disturbed > 0 {
        let share = f64::from(experiment.n_disturbed) / n_visits.max(1) as f64;
        let advice = if share > MANY_DISTURBED { "; repeat it on a quieter machine" } else { "" };
        lines.push(format!(
            "{} of {n_visits} visits were disturbed by other processes or stolen time{advice}.",
            experiment.n_disturbed
        ));
    }
    if experiment.variants.iter().any(|variant| variant.endpoint.is_some()) {
        lines.push(super::COMPARABLE.to_owned());
    }
    lines.push(
        "Intervals are 95 %; they hold over all looks and tests together (alpha spending, Holm). \
         They speak for this machine in this session."
            .to_owned(),
    );
    lines
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
        "Here, today, a change of {} is found in {}.",
        percent(first.share),
        each.join(", ")
    )];
    let seen: Vec<String> = known
        .iter()
        .filter_map(|(label, power)| {
            Some(format!("{:.1} % ({label})", 100.0 * power.planted_seen?))
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
                    _ => verdict_words(comparison),
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
