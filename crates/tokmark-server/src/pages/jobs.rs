//! Work: the wizard, and jobs as they go on.

use axum::body::Bytes;
use axum::extract::State as Shared;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use std::time::Duration;
use tokmark_model::{Job, JobSpec, JobState, ModelFacts};
use tokmark_store::{AgentRow, Scope};
use uuid::Uuid;

use super::Shown;
use super::block::{
    Block, Cell, Column, Input, InputKind, InputSet, JobView, Page, TableView, WorkForm, link,
};
use super::{experiment, words};
use crate::access::{Reader, Submitter};
use crate::api::jobs as api;
use crate::error::ServerError;
use crate::query::Id;
use crate::state::State;

/// Jobs in a list.
const LISTED: u64 = 200;
/// An agent that said nothing for longer is not connected.
const CONNECTED: Duration = Duration::from_secs(90);
/// Records of a job's run in a table.
const RECORDS: u64 = 200;

/// Fields of a form, in order; names may repeat.
pub(crate) struct Fields(Vec<(String, String)>);

impl Fields {
    pub(crate) fn of(body: &[u8]) -> Self {
        let text = String::from_utf8_lossy(body);
        let decoded = |part: &str| words::unescaped(&part.replace('+', " "));
        let pairs = text.split('&').filter_map(|pair| pair.split_once('='));
        Fields(pairs.map(|(name, value)| (decoded(name), decoded(value))).collect())
    }

    fn all(&self, name: &str) -> Vec<String> {
        let own = self.0.iter().filter(|(own, value)| own == name && !value.is_empty());
        own.map(|(_, value)| value.clone()).collect()
    }

    pub(crate) fn one(&self, name: &str) -> Option<String> {
        self.all(name).into_iter().next()
    }

    /// A list of numbers: `512, 1024`.
    fn numbers<T: std::str::FromStr>(&self, name: &'static str) -> Result<Vec<T>, ServerError> {
        let text = self.one(name).unwrap_or_default();
        let parts = text.split([',', ' ']).map(str::trim).filter(|part| !part.is_empty());
        parts
            .map(|part| {
                part.parse()
                    .map_err(|_| ServerError::bad("job", format!("{name}: {part:?} is no number")))
            })
            .collect()
    }

    fn number<T: std::str::FromStr>(&self, name: &'static str) -> Result<Option<T>, ServerError> {
        Ok(self.numbers(name)?.into_iter().next())
    }
}

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

/// Agents that are connected.
async fn agents(state: &State) -> Result<Vec<AgentRow>, ServerError> {
    let since = (state.options.clock)() - CONNECTED;
    Ok(state.store.jobs().agents(since).await?)
}

pub(crate) async fn wizard(
    Shared(state): Shared<State>,
    reader: Result<Reader, ServerError>,
) -> Shown {
    Shown(wizard_page(&state, reader, None, &Fields(Vec::new())).await)
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
            let page = wizard_page(&state, reader, Some(message), &fields).await;
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
    refused: Option<String>,
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
            false => "The connected agents have no models. Add one there:".to_owned(),
        }));
        page.blocks.push(Block::Command(match agents.is_empty() {
            true => "tokmark agent --server ADDRESS_OF_THIS_PAGE".to_owned(),
            false => "tokmark models add hf:owner/repo:QUANT".to_owned(),
        }));
        return Ok(page);
    }
    if !caller.may(Scope::Submit) {
        page.blocks.push(Block::Text("Starting work needs a token.".to_owned()));
        page.blocks.push(link("Enter a token", "/login"));
    }
    page.blocks.push(Block::Heading("Models that lie there".to_owned()));
    page.blocks.push(Block::Table(specifications(&models)));
    page.blocks.push(Block::Form(form(&agents, &models, refused, fields)));
    Ok(page)
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

pub(crate) fn input(
    name: &'static str,
    label: &str,
    value: &str,
    help: &str,
    kind: InputKind,
) -> Input {
    Input {
        id: name.to_owned(),
        name,
        label: label.to_owned(),
        value: value.to_owned(),
        help: help.to_owned(),
        checked: false,
        kind,
    }
}

fn form(
    agents: &[AgentRow],
    models: &[&ModelFacts],
    refused: Option<String>,
    fields: &Fields,
) -> WorkForm {
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
    let number = |min, max| InputKind::Number { min, max };
    let compare = vec![
        input(
            "context",
            "Context",
            &given("context", "512"),
            "Prompt tokens, 256 to 4096.",
            number(256, 4096),
        ),
        input(
            "generation",
            "Generation length",
            &given("generation", "128"),
            "Tokens, 32 to 256.",
            number(32, 256),
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
    let repetitions =
        "Empty for as many as the verdicts or intervals need. A comparison takes 1 to 5.";
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
                help:
                    "The estimated duration is shown as soon as the agent has looked at the models."
                        .to_owned(),
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
        refused,
    }
}

pub(crate) async fn list(
    Shared(state): Shared<State>,
    reader: Result<Reader, ServerError>,
) -> Shown {
    Shown(list_page(&state, reader).await)
}

async fn list_page(
    state: &State,
    reader: Result<Reader, ServerError>,
) -> Result<Page, ServerError> {
    reader?;
    let jobs = state.store.jobs().list(LISTED).await?;
    let agents = agents(state).await?;
    let mut page = Page::new("/jobs", "Jobs");
    page.lead = match agents.len() {
        0 => "No agent is connected; jobs wait until one is.".to_owned(),
        1 => "One agent is connected.".to_owned(),
        n => format!("{n} agents are connected."),
    };
    let row = |job: &Job| {
        vec![
            Cell::link(job.spec.label(), format!("/jobs/{}", job.id)),
            Cell::text(words::word(&job.state)),
            Cell::text(format!("{:.0} %", 100.0 * job.progress.share)),
            Cell::text(words::time(job.created_at)),
            Cell::text(job.message.clone().unwrap_or_default()),
        ]
    };
    page.blocks.push(Block::Table(TableView {
        caption: "The newest jobs".to_owned(),
        columns: vec![
            Column::named("Job"),
            Column::named("State"),
            Column::number("Done"),
            Column::named("Written down"),
            Column::named("Remark"),
        ],
        rows: jobs.iter().map(row).collect(),
    }));
    page.blocks.push(link("Measure something", "/wizard"));
    Ok(page)
}

pub(crate) async fn job(
    Shared(state): Shared<State>,
    reader: Result<Reader, ServerError>,
    id: Result<Id, ServerError>,
) -> Shown {
    Shown(job_page(&state, reader, id).await)
}

async fn job_page(
    state: &State,
    reader: Result<Reader, ServerError>,
    id: Result<Id, ServerError>,
) -> Result<Page, ServerError> {
    let (Reader(caller), Id(id)) = (reader?, id?);
    let job = api::job(state, id).await?;
    let label = job.spec.label();
    let mut first = label.chars();
    let title: String =
        first.next().into_iter().flat_map(char::to_uppercase).chain(first).collect();
    let mut page = Page::new("/jobs", &title);
    let percent = (100.0_f64 * job.progress.share).clamp(0.0, 100.0) as u32;
    let remaining = job.progress.remaining_s.filter(|_| !job.state.is_over());
    let left = remaining.map_or_else(String::new, |s| format!(", about {s:.0} s left"));
    page.blocks.push(Block::Job(JobView {
        events: format!("/api/jobs/{id}/events"),
        cancel: format!("/jobs/{id}/cancel"),
        percent: if job.state == JobState::Done { 100 } else { percent },
        text: format!("{}: {percent} % {}{left}", words::word(&job.state), job.progress.doing),
        can_cancel: !job.state.is_over() && !job.cancel && caller.may(Scope::Submit),
    }));
    if job.cancel && !job.state.is_over() {
        page.blocks
            .push(Block::Text("It is being cancelled; what is measured is kept.".to_owned()));
    }
    if let Some(message) = &job.message {
        page.blocks.push(Block::Text(message.clone()));
    }
    if let Some(run_id) = job.run_id {
        let filter = tokmark_store::Filter {
            run_id: Some(run_id),
            is_visit: Some(false),
            limit: Some(RECORDS),
            ..tokmark_store::Filter::default()
        };
        let rows = state.store.list(&filter).await?;
        page.blocks.push(Block::Heading("What it found".to_owned()));
        page.blocks.push(Block::Table(super::records::table(&rows, "Its records")));
        for row in rows.iter().filter(|_| matches!(job.spec, JobSpec::Compare { .. })) {
            let record = state.store.get(row.id).await?;
            experiment::blocks(state, &mut page, &record).await?;
        }
    }
    Ok(page)
}

pub(crate) async fn cancel(
    Shared(state): Shared<State>,
    submitter: Result<Submitter, ServerError>,
    id: Result<Id, ServerError>,
) -> Response {
    match cancelled(&state, submitter, id).await {
        Ok(id) => Redirect::to(&format!("/jobs/{id}")).into_response(),
        Err(error) => Shown(Err(error)).into_response(),
    }
}

async fn cancelled(
    state: &State,
    submitter: Result<Submitter, ServerError>,
    id: Result<Id, ServerError>,
) -> Result<Uuid, ServerError> {
    let (_, Id(id)) = (submitter?, id?);
    api::cancelled(state, id).await?;
    Ok(id)
}
