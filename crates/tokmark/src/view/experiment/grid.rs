//! The tables of an experiment's figures: two variants side by side with their ratio, several
//! models side by side, and each beside the best.

use tokmark_model::{
    Comparison, Contest, Experiment, Pairing, Question, Resource, ResourceContest, ResourceUse,
    Standing, Verdict,
};

use crate::view::words::{estimate, number, printable};

/// Header and rows.
pub(super) type Grid = (Vec<String>, Vec<Vec<String>>);

/// The figures: of two variants by test with their ratio; of several models what each does and
/// takes, with its standing.
pub(super) fn grid(experiment: &Experiment) -> Grid {
    match experiment.question {
        Question::Ab => pair(experiment),
        Question::Compare => side_by_side(experiment),
    }
}

fn pair(experiment: &Experiment) -> Grid {
    let mut header = vec!["test".to_owned()];
    header.extend(names(experiment).map(|name| format!("{name} tok/s")));
    header.extend(["B / A", "pairs", "verdict"].map(str::to_owned));
    let rows = experiment.contests.iter().map(|contest| {
        let mut row = vec![contest.test.label()];
        row.extend(
            contest.rates.iter().map(|rate| rate.as_ref().map_or_else(|| "-".to_owned(), estimate)),
        );
        match contest.pairings.first() {
            Some(Pairing { comparison, .. }) => row.extend([
                ratio(comparison),
                comparison.n_pairs.to_string(),
                verdict_words(comparison, ["B is faster", "B is slower"]),
            ]),
            None => row.extend(["-", "0", "not compared"].map(str::to_owned)),
        }
        row
    });
    (header, rows.collect())
}

fn names(experiment: &Experiment) -> impl Iterator<Item = String> + '_ {
    experiment.variants.iter().map(|variant| printable(&variant.name))
}

fn side_by_side(experiment: &Experiment) -> Grid {
    let header = std::iter::once("figure".to_owned()).chain(names(experiment)).collect();
    let n = experiment.variants.len();
    let tests = experiment.contests.iter().map(|contest| {
        let cells = (0..n).map(|variant| rate_cell(contest, variant));
        std::iter::once(format!("{} tok/s", contest.test.label())).chain(cells).collect()
    });
    let resources = experiment.resources.iter().map(|contest| {
        let cells = (0..n).map(|variant| resource_cell(contest, variant));
        std::iter::once(title(contest.resource).to_owned()).chain(cells).collect()
    });
    let size = experiment.variants.iter().map(|variant| match variant.endpoint {
        None => number(mebibytes(variant.model.file_size_bytes.get() as f64)),
        Some(_) => "-".to_owned(),
    });
    let size = std::iter::once("file size MiB (no interval)".to_owned()).chain(size).collect();
    (header, tests.chain(resources).chain([size]).collect())
}

/// The name with the unit of [`resource_cell`].
fn title(resource: Resource) -> &'static str {
    match resource {
        Resource::LoadNs => "load time ms",
        Resource::PeakBytes => "peak memory MiB",
    }
}

fn mebibytes(bytes: f64) -> f64 {
    bytes / f64::from(1 << 20)
}

fn name(resource: Resource) -> &'static str {
    match resource {
        Resource::LoadNs => "load time",
        Resource::PeakBytes => "peak memory",
    }
}

fn rate_cell(contest: &Contest, variant: usize) -> String {
    match contest.rates.get(variant).and_then(Option::as_ref) {
        Some(rate) => format!("{}{}", estimate(rate), mark(&contest.standings, variant)),
        None => "not measured".to_owned(),
    }
}

fn resource_cell(contest: &ResourceContest, variant: usize) -> String {
    let Some(ResourceUse { median, interval }) = contest.uses.get(variant).copied().flatten()
    else {
        return "-".to_owned();
    };
    let shown = |value: f64| match contest.resource {
        Resource::LoadNs => number(1e-6 * value),
        Resource::PeakBytes => number(mebibytes(value)),
    };
    match interval {
        Some(ends) => format!(
            "{} ({} to {}){}",
            shown(median),
            shown(ends.low),
            shown(ends.high),
            mark(&contest.standings, variant)
        ),
        None => format!("{} (no interval)", shown(median)),
    }
}

fn mark(standings: &[Standing], variant: usize) -> &'static str {
    match standings.get(variant) {
        Some(Standing::Best) => " best",
        Some(Standing::Tied) => " tied",
        Some(Standing::Alone) => " alone",
        Some(Standing::Behind | Standing::Absent) | None => "",
    }
}

/// Of several models each beside the best, or beside the one with the best median where none
/// is best: the ratios that decide, with their intervals and what they say. `None` where there
/// is nothing to compare.
pub(super) fn beside_the_best(experiment: &Experiment) -> Option<Grid> {
    if experiment.question == Question::Ab {
        return None;
    }
    let header = std::iter::once("beside the best".to_owned()).chain(names(experiment)).collect();
    let n = experiment.variants.len();
    let row = |title: String,
               best: Option<usize>,
               cell: &dyn Fn(usize, usize) -> Option<String>|
     -> Option<Vec<String>> {
        let best = best?;
        let cells: Vec<Option<String>> =
            (0..n).map(|variant| cell(variant, best).filter(|_| variant != best)).collect();
        cells.iter().any(Option::is_some).then(|| {
            let cells = cells.into_iter().enumerate().map(|(variant, cell)| match cell {
                Some(cell) => cell,
                None if variant == best => "1".to_owned(),
                None => "-".to_owned(),
            });
            std::iter::once(title).chain(cells).collect()
        })
    };
    let tests = experiment.contests.iter().map(|contest| {
        row(contest.test.label(), contest.fastest(), &|variant, best| {
            let found = contest.beside(variant, best)?;
            Some(format!("{} {}", ratio(&found), verdict_words(&found, ["faster", "slower"])))
        })
    });
    let resources = experiment.resources.iter().map(|contest| {
        row(name(contest.resource).to_owned(), contest.least(), &|variant, best| {
            // What it takes over what the best takes.
            let found = contest.beside(variant, best)?.mirrored();
            Some(format!("{} {}", ratio(&found), verdict_words(&found, ["more", "less"])))
        })
    });
    let rows: Vec<Vec<String>> = tests.chain(resources).flatten().collect();
    (!rows.is_empty()).then_some((header, rows))
}

/// `1.031 (1.012 to 1.049)`.
pub(super) fn ratio(comparison: &Comparison) -> String {
    match &comparison.interval {
        Some(interval) => {
            format!("{:.3} ({:.3} to {:.3})", comparison.ratio, interval.low, interval.high)
        }
        None => format!("{:.3} (no interval: too few)", comparison.ratio),
    }
}

/// What a comparison says; `words` for a ratio above 1 and for one below.
pub(super) fn verdict_words(comparison: &Comparison, words: [&str; 2]) -> String {
    match comparison.verdict {
        Verdict::Same => format!("same within {}", percent(comparison.same_within)),
        Verdict::Faster => words[0].to_owned(),
        Verdict::Slower => words[1].to_owned(),
        Verdict::Undecided if comparison.withdrawn => "undecided: withdrawn by Holm".to_owned(),
        Verdict::Undecided => "undecided: not told apart".to_owned(),
    }
}

/// `3 %`, `0.5 %`, `0.25 %`: a tolerance as it was given.
pub(super) fn percent(share: f64) -> String {
    // Six digits are what the command line takes; a product has more.
    let text = format!("{:.6}", share * 100.0);
    format!("{} %", text.trim_end_matches('0').trim_end_matches('.'))
}
