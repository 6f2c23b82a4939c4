//! `tokmark load --check-dialect`: one of each question, and whether the answers are what the
//! dialect promises.

use std::sync::Arc;
use std::time::Duration;

use tokmark_http::{Endpoint, Finished, Flow, Progress, Watcher, drive};
use tokmark_model::{LengthControl, Load, Think, Workload};
use tokmark_run::{Extent, Schedule};
use tokmark_workload::{Length, PromptSource, Shape, SourceOptions};

use crate::args::LoadArgs;
use crate::exit::Exit;
use crate::load::base_workload;
use crate::load::subjects::Servers;
use crate::output;
use crate::view::load as view;

/// Tokens asked for in each question.
const N_OUTPUT: u32 = 16;

/// Longest time for one of them: all together are to take about a minute, or some at a silent
/// server.
const LONGEST: Duration = Duration::from_secs(60);

/// One thing that was looked at.
struct Finding {
    what: &'static str,
    /// `None` where the dialect promises nothing.
    is_kept: Option<bool>,
    seen: String,
}

pub(crate) fn run(args: &LoadArgs) -> anyhow::Result<Exit> {
    let mut servers = Servers::from_args(args)?;
    let mut is_kept = true;
    while let Some(serving) = servers.next(args)? {
        let settings = serving.settings(args)?;
        let first = serving.first_load_limit().unwrap_or_default().max(LONGEST);
        let checked =
            serving.open(&settings).and_then(|endpoint| check_server(&settings, &endpoint, first));
        serving.stop();
        is_kept &= checked?;
        if crate::wiring::interrupt().is_raised() {
            return Ok(Exit::Interrupted);
        }
    }
    Ok(if is_kept { Exit::Done } else { Exit::FailedRows })
}

/// Asks one server all questions, the first of which may take `first`; whether it speaks its
/// dialect.
fn check_server(args: &LoadArgs, endpoint: &Endpoint, first: Duration) -> anyhow::Result<bool> {
    let mut text = format!("{}\n", view::server(endpoint.facts()));
    let findings = questions(args, endpoint, first)?;
    for finding in &findings {
        let mark = match finding.is_kept {
            Some(true) => "as expected",
            Some(false) => "DIFFERENT",
            None => "seen",
        };
        text += &format!("{:<34}{mark:<13}{}\n", finding.what, finding.seen);
    }
    let n_wrong = findings.iter().filter(|finding| finding.is_kept == Some(false)).count();
    text += &match n_wrong {
        0 => "the server speaks its dialect as Tokmark knows it\n".to_owned(),
        n => format!("{n} differences; figures that depend on them may be wrong or absent\n"),
    };
    output::print(&text)?;
    Ok(n_wrong == 0)
}

fn questions(
    args: &LoadArgs,
    endpoint: &Endpoint,
    first: Duration,
) -> anyhow::Result<Vec<Finding>> {
    let abilities = endpoint.abilities();
    let mut findings = Vec::new();
    let streamed = ask(args, endpoint, first, |_| {})?;
    let sample = &streamed.sample;
    findings.push(Finding {
        what: "a streamed answer",
        is_kept: Some(sample.is_ok() && !sample.in_one_piece),
        seen: match &sample.error {
            Some(error) => view::failure(error, sample.message.as_deref()),
            None if sample.in_one_piece => "all in one piece: stream: true is ignored".to_owned(),
            None => format!("{} text events", sample.n_text_events),
        },
    });
    findings.push(Finding {
        what: "usage at the end of the stream",
        is_kept: abilities.usage_in_stream.then_some(sample.output_tokens.is_some()),
        seen: sample.output_tokens.map_or("none".to_owned(), |n| format!("{} tokens", n.n)),
    });
    let n_output = sample.output_tokens.map(|tokens| tokens.n);
    findings.push(Finding {
        what: "the asked length is held",
        is_kept: (abilities.length_control != LengthControl::LimitOnly)
            .then_some(n_output == Some(N_OUTPUT)),
        seen: format!(
            "{} of {N_OUTPUT} tokens",
            n_output.map_or("?".to_owned(), |n| n.to_string())
        ),
    });
    findings.push(Finding {
        what: "events match tokens",
        is_kept: None,
        seen: n_output.map_or("unknown".to_owned(), |n| {
            format!("{} events for {n} tokens", sample.n_text_events)
        }),
    });
    findings.push(Finding {
        what: "the server's own times",
        is_kept: None,
        seen: if sample.server.is_some() { "yes".to_owned() } else { "none".to_owned() },
    });
    let whole = ask(args, endpoint, LONGEST, |workload| workload.stream = false)?.sample;
    findings.push(Finding {
        what: "an answer that is not streamed",
        is_kept: Some(whole.is_ok()),
        seen: whole
            .error
            .map_or("ok".to_owned(), |error| view::failure(&error, whole.message.as_deref())),
    });
    findings.push(reasoning_off(args, endpoint)?);
    let counted = endpoint.count_tokens("One two three, four five six.");
    findings.push(Finding {
        what: "the tokenizer endpoint",
        is_kept: abilities.tokenizer.map(|_| counted.is_some_and(|n| n > 0)),
        seen: counted.map_or("none".to_owned(), |n| format!("{n} tokens of a short text")),
    });
    Ok(findings)
}

/// Whether the switch for reasoning switches anything: a model that does not reason shows nothing.
fn reasoning_off(args: &LoadArgs, endpoint: &Endpoint) -> anyhow::Result<Finding> {
    let with = |think| ask(args, endpoint, LONGEST, move |workload| workload.think = think);
    let quiet = with(Think::Off)?;
    let is_quiet = quiet.sample.is_ok() && quiet.reasoning.is_empty();
    let reasons = is_quiet && !with(Think::On)?.reasoning.is_empty();
    Ok(Finding {
        what: "no reasoning when switched off",
        is_kept: if is_quiet && !reasons { None } else { Some(is_quiet) },
        seen: match &quiet.sample.error {
            Some(error) => view::failure(error, quiet.sample.message.as_deref()),
            None if !is_quiet => "reasoning came".to_owned(),
            None if reasons => "none came, and some when switched on".to_owned(),
            None => "not tested: none comes when switched on either".to_owned(),
        },
    })
}

/// One request as `change` makes it, which may take `longest`.
fn ask(
    args: &LoadArgs,
    endpoint: &Endpoint,
    longest: Duration,
    change: impl Fn(&mut Workload),
) -> anyhow::Result<Finished> {
    let shape = Shape {
        prompt_tokens: Length::Fixed(24),
        output_tokens: Length::Fixed(N_OUTPUT),
        ..Shape::builtin("chat")?
    };
    let source = Arc::new(PromptSource::from_shape(shape, SourceOptions::default())?);
    let mut workload = base_workload(args, endpoint, &source);
    workload.timeout_ns = workload.timeout_ns.map(|limit| limit.min(longest.into()));
    change(&mut workload);
    let extent = Extent { n_requests: Some(1), duration: None };
    let schedule = Schedule::new(&Load::Concurrency { n: 1 }, 0, extent)?;
    let mut only = Only(None);
    drive(endpoint, &source, &workload, schedule, 0, &mut only)?;
    only.0.ok_or_else(|| anyhow::anyhow!("the request was not made"))
}

/// Keeps the one request.
struct Only(Option<Finished>);

impl Watcher for Only {
    fn over(&mut self, finished: &Finished) {
        self.0 = Some(finished.clone());
    }

    fn tick(&mut self, _: &Progress) -> Flow {
        if crate::wiring::interrupt().is_raised() { Flow::Cut } else { Flow::Go }
    }
}
