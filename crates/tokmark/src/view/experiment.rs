//! What people see of an experiment: before, while and after it runs.

mod progress;
mod report;
mod result;
#[cfg(test)]
mod tests;

use std::path::Path;
use std::time::Duration;

use tokmark_model::{RecordId, Test, Variant};

use super::plan::duration;
use super::shell;
use super::words::{model, printable, short_id};
use crate::args;

pub(crate) use progress::ExperimentView;
pub(crate) use report::page;
pub(crate) use result::{figures, markdown, table};

/// What an endpoint's figures mean beside those of the embedded engine.
pub(crate) const COMPARABLE: &str = "An endpoint is timed from outside, one request at a time: its pp is the prompt over the time \
     to the first token, its tg the time per output token. Template, tokenizing, sampling, HTTP and \
     queueing are in them and in no figure of a model measured here; --endpoint beside --endpoint \
     is like with like.";

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

/// How many rounds, and how long they take: one, and all.
pub(crate) fn length(n_rounds: u32, round: Duration, all: Duration) -> String {
    format!(
        "at most {n_rounds} rounds of about {}, at most about {}; ends when every verdict is there",
        duration(round),
        duration(all)
    )
}

/// How an experiment that was cut is continued, after a call with these arguments.
pub(crate) fn how_to_resume(id: RecordId, given: &[String]) -> String {
    let command = shell::line(args::without(given, &["--resume"]));
    format!("continue with: tokmark {command} --resume {}", short_id(id))
}

/// `text` as a record may keep it: paths cut to their last part, since folders hold user names,
/// and values of variables that are no one's business taken out.
pub(crate) fn as_kept(text: &str) -> String {
    let cut = |word: &str| match Path::new(word).file_name() {
        Some(name) if word.contains('/') && !word.contains("://") && !word.starts_with("hf:") => {
            name.to_string_lossy().into_owned()
        }
        _ => word.to_owned(),
    };
    let kept = |word: String| match word.split_once('=') {
        Some((name, _)) if tokmark_lab::is_secret(name) => {
            format!("{name}={}", tokmark_lab::NOT_KEPT)
        }
        Some((name, value)) => format!("{name}={}", cut(value)),
        None => cut(&word),
    };
    match shlex::split(text) {
        // A variant: words of its own.
        Some(words) if words.len() > 1 => shell::line(words.into_iter().map(kept)),
        _ => kept(text.to_owned()),
    }
}
