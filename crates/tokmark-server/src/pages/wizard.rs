//! The wizard: choose models, set the parameters, see how long it takes, measure.

use std::ops::RangeInclusive;

use axum::body::Bytes;
use axum::extract::State as Shared;
use axum::http::{StatusCode, Uri};
use axum::response::{IntoResponse, Redirect, Response};
use tokmark_model::{
    COMPARED_CONTEXT, COMPARED_GENERATION, JobSpec, ModelFacts, USUAL_CONTEXT, USUAL_GENERATION,
};
use tokmark_store::{AgentRow, Scope};

use super::Shown;
use super::block::{
    Block, Cell, Column, Input, InputKind, InputSet, Page, TableView, WorkForm, input, link,
};
use super::jobs::agents;
use super::{outlook, words};
use crate::access::{Reader, Submitter};
use crate::api::jobs as api;
use crate::error::ServerError;
use crate::query::Fields;
use crate::state::State;

/// The step of the form that shows how long a job would take.
const ESTIMATE: &str = "estimate";

/// What the form asks for.
fn spec(fields: &Fields) -> Result<JobSpec, ServerError> {
    let models = fields.all("model");
    let one = || match models.as_slice() {
        [one] => Ok(one.clone()),
        _ => Err(ServerError::bad("job", "choose one model for this test")),
    };
    let missing = |name| ServerError::bad("job", format!("{name} is missing"));
    match fields.one("kind").as_deref() {
        Some("quick") => Ok(JobSpec::Quick { model: one()? }),
        Some("suite") => Ok(JobSpec::Suite {
            model: one()?,
            n_prompt: fields.numbers("n_prompt")?,
            n_gen: fields.numbers("n_gen")?,
            n_batch: fields.numbers("n_batch")?,
            n_parallel: fields.numbers("n_parallel")?,
            n_gpu_layers: fields.numbers("n_gpu_layers")?,
            repetitions: fields.number("repetitions")?,
        }),
        Some("compare") => Ok(JobSpec::Compare {
            models,
            n_prompt: fields.number("context")?.ok_or_else(|| missing("context"))?,
            n_gen: fields.number("generation")?.ok_or_else(|| missing("generation length"))?,
            repetitions: fields.number("repetitions")?,
        }),
        _ => Err(ServerError::bad("job", "choose what is to be measured")),
    }
}

pub(crate) async fn page(
    Shared(state): Shared<State>,
    reader: Result<Reader, ServerError>,
    uri: Uri,
) -> Shown {
    let fields = Fields::of(uri.query().unwrap_or_default().as_bytes());
    Shown(wizard_page(&state, reader, None, &fields).await)
}

pub(crate) async fn submit(
    Shared(state): Shared<State>,
    submitter: Result<Submitter, ServerError>,
    body: Bytes,
) -> Response {
    let fields = Fields::of(&body);
    let reader = match submitter {
        Ok(Submitter(caller)) => Ok(Reader(caller)),
        Err(error) => return Shown(Err(error)).into_response(),
    };
    let written = match spec(&fields) {
        Ok(spec) => {
            let job = api::NewJob { spec, machine: fields.one("machine") };
            api::written(&state, &job, None).await
        }
        Err(error) => Err(error),
    };
    match written {
        Ok(job) => Redirect::to(&format!("/jobs/{}", job.id)).into_response(),
        Err(ServerError::Bad { message, .. }) => {
            let refused = in_words_of_the_form(&message, &fields);
            let page = wizard_page(&state, reader, Some(refused), &fields).await;
            let mut response = Shown(page).into_response();
            if response.status() == StatusCode::OK {
                *response.status_mut() = StatusCode::BAD_REQUEST;
            }
            response
        }
        Err(error) => Shown(Err(error)).into_response(),
    }
}

async fn wizard_page(
    state: &State,
    reader: Result<Reader, ServerError>,
    mut refused: Option<String>,
    fields: &Fields,
) -> Result<Page, ServerError> {
    let Reader(caller) = reader?;
    let mut page = Page::new("/wizard", "Measure");
    page.lead = "Choose models, set the parameters, and see the results side by side. An agent on \
                 the measuring machine does the work, with the same code as the command line."
        .to_owned();
    let agents = agents(state).await?;
    let mut models: Vec<&ModelFacts> = agents.iter().flat_map(|row| &row.hello.models).collect();
    models.sort_by(|a, b| a.name.cmp(&b.name));
    models.dedup_by(|a, b| a.name == b.name);
    if agents.is_empty() || models.is_empty() {
        page.blocks.push(Block::Text(match agents.is_empty() {
            true => {
                "No agent is connected. Start one on the machine that is to measure:".to_owned()
            }
            false => {
                "The connected agents have no models. This fetches one there, measures it, and the \
                 agent finds it by itself:"
                    .to_owned()
            }
        }));
        page.blocks.push(Block::Command(match agents.is_empty() {
            true => "tokmark agent --server ADDRESS_OF_THIS_PAGE".to_owned(),
            false => "tokmark quick hf:owner/repo:QUANT".to_owned(),
        }));
        return Ok(page);
    }
    if !caller.may(Scope::Submit) {
        page.blocks.push(Block::Text("Starting work needs a token.".to_owned()));
        page.blocks.push(link("Enter a token", "/login"));
    }
    page.blocks.push(Block::Heading("Models that lie there".to_owned()));
    page.blocks.push(Block::Table(specifications(&models)));
    let mut seen = None;
    if fields.one("step").as_deref() == Some(ESTIMATE) {
        match estimate(state, fields, &agents).await {
            Ok(sentence) => seen = Some(sentence),
            Err(ServerError::Bad { message, .. }) => {
                refused = Some(in_words_of_the_form(&message, fields));
            }
            Err(error) => return Err(error),
        }
    }
    page.blocks.push(Block::Form(WorkForm {
        look: Some((ESTIMATE, "Estimate the duration")),
        seen,
        refused,
        ..form(&agents, &models, fields)
    }));
    Ok(page)
}

/// A refusal with the field's label where it begins with the field's name in a job.
fn in_words_of_the_form(message: &str, fields: &Fields) -> String {
    let is_compare = fields.one("kind").as_deref() == Some("compare");
    let labels = [
        ("n_prompt", if is_compare { "Context" } else { "Prompt tokens" }),
        ("n_gen", if is_compare { "Generation length" } else { "Generated tokens" }),
        ("n_parallel", "Sequences in parallel"),
        ("n_batch", "Logical batch"),
        ("n_gpu_layers", "GPU layers"),
        ("repetitions", "Repetitions"),
        ("models", "Models"),
    ];
    let of = |(name, label): &(&str, &str)| {
        let rest = message.strip_prefix(name)?;
        (!rest.starts_with('_')).then(|| format!("{label}{rest}"))
    };
    labels.iter().find_map(of).unwrap_or_else(|| message.to_owned())
}

async fn estimate(
    state: &State,
    fields: &Fields,
    agents: &[AgentRow],
) -> Result<String, ServerError> {
    let machine = fields.one("machine").unwrap_or_default();
    outlook::sentence(state, &spec(fields)?, &machine, agents).await
}

pub(super) fn specifications(models: &[&ModelFacts]) -> TableView {
    let unknown = || "unknown".to_owned();
    let row = |facts: &&ModelFacts| {
        let quantization = facts.label.clone().or_else(|| facts.quantization.clone());
        vec![
            Cell::text(facts.name.clone()),
            Cell::text(match facts.file_size_bytes.get() {
                0 => unknown(),
                _ => words::size(facts.file_size_bytes),
            }),
            Cell::text(if facts.file_name.ends_with(".gguf") {
                "GGUF".to_owned()
            } else {
                unknown()
            }),
            Cell::text(quantization.unwrap_or_else(unknown)),
            Cell::text(facts.n_params.map_or_else(unknown, words::params)),
            Cell::text(facts.context_length.map_or_else(unknown, |n| n.to_string())),
            Cell::text(facts.license.clone().unwrap_or_else(unknown)),
        ]
    };
    TableView {
        caption: "What they are".to_owned(),
        columns: vec![
            Column::named("Model"),
            Column::number("File size"),
            Column::named("Format"),
            Column::named("Quantization").defined(words::QUANTIZATION),
            Column::number("Parameters"),
            Column::number("Context length"),
            Column::named("Licence"),
        ],
        rows: models.iter().map(row).collect(),
    }
}

fn form(agents: &[AgentRow], models: &[&ModelFacts], fields: &Fields) -> WorkForm {
    let given =
        |name: &str, otherwise: &str| fields.one(name).unwrap_or_else(|| otherwise.to_owned());
    let chosen = fields.all("model");
    let checks = models.iter().enumerate().map(|(n, facts)| Input {
        id: format!("model{n}"),
        checked: chosen.contains(&facts.name),
        ..input("model", &facts.name, &facts.name, "", InputKind::Check)
    });
    let kinds = [
        ("compare", "comparison of 2 to 4 models"),
        ("quick", "quick test: pp512 and tg128"),
        ("suite", "full suite"),
    ];
    let kinds = kinds.map(|(value, label)| (value.to_owned(), label.to_owned())).to_vec();
    let mut machines: Vec<(String, String)> = vec![(String::new(), "any".to_owned())];
    for agent in agents {
        let facts = &agent.hello.machine;
        let name = facts.cpu.model.clone().unwrap_or_else(|| "unknown processor".to_owned());
        let short: String = facts.fingerprint.chars().take(8).collect();
        machines.push((facts.fingerprint.clone(), format!("{name} ({short})")));
    }
    machines.dedup();
    let number = |range: &RangeInclusive<u32>| InputKind::Number {
        min: i64::from(*range.start()),
        max: i64::from(*range.end()),
    };
    let compare = vec![
        input(
            "context",
            "Context",
            &given("context", &USUAL_CONTEXT.to_string()),
            "Prompt tokens, 256 to 4096.",
            number(&COMPARED_CONTEXT),
        ),
        input(
            "generation",
            "Generation length",
            &given("generation", &USUAL_GENERATION.to_string()),
            "Tokens, 32 to 256.",
            number(&COMPARED_GENERATION),
        ),
    ];
    let suite = vec![
        input(
            "n_prompt",
            "Prompt tokens",
            &given("n_prompt", "512, 1024, 4096"),
            "Recommended: 512, 1024, 4096.",
            InputKind::Text,
        ),
        input(
            "n_gen",
            "Generated tokens",
            &given("n_gen", "128, 256"),
            "Recommended: 128, 256.",
            InputKind::Text,
        ),
        input(
            "n_parallel",
            "Sequences in parallel",
            &given("n_parallel", "1"),
            "1 for chat; more for a server's load.",
            InputKind::Text,
        ),
        input(
            "n_batch",
            "Logical batch",
            &given("n_batch", ""),
            "Tokens in a batch of llama.cpp; empty for its default. Not the sequences in parallel.",
            InputKind::Text,
        ),
        input(
            "n_gpu_layers",
            "GPU layers",
            &given("n_gpu_layers", "-1"),
            "-1 means all.",
            InputKind::Text,
        ),
    ];
    let repetitions = "Empty for as many as the verdicts or intervals need. A comparison takes 1 to 5; fewer than 4, or \
         than 5 with four models, can decide nothing.";
    WorkForm {
        action: "/wizard".to_owned(),
        sets: vec![
            InputSet {
                legend: "1. Models".to_owned(),
                help: "2 to 4 for a comparison, one for a test.".to_owned(),
                inputs: checks.collect(),
            },
            InputSet {
                legend: "2. What to measure".to_owned(),
                help: "Estimate the duration before you start; nothing begins by that.".to_owned(),
                inputs: vec![
                    input("kind", "Kind", &given("kind", "compare"), "", InputKind::Choice(kinds)),
                    input(
                        "machine",
                        "Machine",
                        &given("machine", ""),
                        "",
                        InputKind::Choice(machines),
                    ),
                    input(
                        "repetitions",
                        "Repetitions",
                        &given("repetitions", ""),
                        repetitions,
                        InputKind::Text,
                    ),
                ],
            },
            InputSet {
                legend: "3. For a comparison".to_owned(),
                help: "The same for every model.".to_owned(),
                inputs: compare,
            },
            InputSet {
                legend: "3. For a full suite".to_owned(),
                help: "Every combination is a test.".to_owned(),
                inputs: suite,
            },
        ],
        button: "Measure".to_owned(),
        ..WorkForm::default()
    }
}
