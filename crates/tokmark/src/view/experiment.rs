//! What people see of an experiment: before, while and after it runs.

mod grid;
mod kept;
mod progress;
mod report;
mod result;
#[cfg(test)]
mod tests;

use std::time::Duration;

use tokmark_command::shell;
use tokmark_lab::experiment_length;
use tokmark_model::{Design, Looks, RecordId, Test, Variant};

use super::plan::duration;
use super::words::{counted, model, printable, short_id};

pub(crate) use kept::{address, arguments, as_kept};
pub(crate) use progress::ExperimentView;
pub(crate) use report::page;
pub(crate) use result::{figures, markdown, table};

/// What an endpoint's figures mean beside those of the embedded engine.
pub(crate) const COMPARABLE: &str = "An endpoint is timed from outside, one request at a time: its pp is the prompt over the time \
     to the first token, its tg the time per output token. Template, tokenizing, sampling, HTTP and \
     queueing are in them and in no figure of a model measured here. It is asked in text; models \
     measured here get random tokens unless --tokens text is given, which matters where a router \
     chooses experts. --endpoint beside --endpoint is like with like.";

/// What is compared with what, by which tests.
pub(crate) fn variants<'a>(variants: impl Iterator<Item = &'a Variant>, tests: &[Test]) -> String {
    let mut text = String::new();
    for variant in variants {
        text += &format!("{}: {}\n", printable(&variant.name), described(variant));
    }
    let labels: Vec<String> = tests.iter().map(Test::label).collect();
    text + &format!("tests: {}", labels.join(", "))
}

/// Model, settings and environment of a variant.
pub(super) fn described(variant: &Variant) -> String {
    if let Some(url) = &variant.endpoint {
        return printable(&format!("{} at {url}", variant.model.name));
    }
    let mut words = vec![model(&variant.model), variant.params.settings()];
    words.push(variant.process.settings());
    printable(words.join(" ").trim_end())
}

/// How many rounds, how long they take, what ends them, and whether they can decide anything.
/// `round` is the length of one.
pub(crate) fn length(
    design: &Design,
    n_variants: usize,
    round: Duration,
    budget: Duration,
) -> String {
    let n = design.n_rounds;
    let whole = experiment_length(design, round);
    let (one, all) = (duration(round), duration(whole));
    let mut text = match design.looks {
        Looks::Once => {
            format!("{n} rounds of about {one}, about {all}; looked at once, at the end")
        }
        Looks::Sequential { .. } => {
            format!(
                "at most {n} rounds of about {one}, at most about {all}; ends when every verdict \
                 is there, or, as soon as there can be one, with the block in which the budget of \
                 {} is spent",
                duration(budget)
            )
        }
    };
    if let Some(needed) = undecidable(design, n_variants) {
        text += &format!("\nwarning: {needed}");
    }
    text
}

/// Why these rounds can't end with *faster* or *slower*, whatever the pairs say, and what could.
pub(super) fn undecidable(design: &Design, n_variants: usize) -> Option<String> {
    if tokmark_stats::design_can_decide(design, n_variants) {
        return None;
    }
    let family = tokmark_stats::n_comparisons(n_variants, design.tests.len());
    let needed = tokmark_stats::rounds_needed(family, design.looks);
    let advice = match design.looks {
        Looks::Once => {
            format!(
                "--repetitions {} or adaptive",
                needed.div_ceil(tokmark_stats::ROUNDS_IN_REPETITION)
            )
        }
        Looks::Sequential { .. } => format!("--pairs {needed}"),
    };
    (family > 0).then(|| {
        format!(
            "{} can't end with faster or slower where {} are decided together: that takes at \
             least {needed}; give {advice}",
            counted(u64::from(design.n_rounds), "round"),
            counted(family as u64, "comparison"),
        )
    })
}

/// How an experiment that was cut is continued, after a call with these arguments.
pub(crate) fn how_to_resume(id: RecordId, given: &[String]) -> String {
    let command = shell::line(kept::to_type_again(given));
    format!("continue with: tokmark {command} --resume {}", short_id(id))
}
