//! Jobs as they go on.

use std::time::Duration;

use axum::extract::State as Shared;
use axum::response::{IntoResponse, Redirect, Response};
use tokmark_model::{Job, JobSpec, JobState};
use tokmark_store::{AgentRow, Scope};
use uuid::Uuid;

use super::Shown;
use super::block::{Block, Cell, Column, JobView, Page, TableView, link, next_page};
use super::{experiment, words};
use crate::access::{Reader, Submitter};
use crate::api::jobs as api;
use crate::api::records::{Asked, asked};
use crate::error::ServerError;
use crate::query::{Id, PageQuery};
use crate::state::State;

/// An agent that said nothing for longer is not connected.
const CONNECTED: Duration = Duration::from_secs(90);
/// Records of a job's run in a table.
const RECORDS: u64 = 200;

/// Agents that are connected.
pub(super) async fn agents(state: &State) -> Result<Vec<AgentRow>, ServerError> {
    let since = (state.options.clock)() - CONNECTED;
    Ok(state.store.jobs().agents(since).await?)
}

pub(crate) async fn list(
    Shared(state): Shared<State>,
    reader: Result<Reader, ServerError>,
    query: Asked<PageQuery>,
) -> Shown {
    Shown(list_page(&state, reader, query).await)
}

async fn list_page(
    state: &State,
    reader: Result<Reader, ServerError>,
    query: Asked<PageQuery>,
) -> Result<Page, ServerError> {
    reader?;
    let query = asked(query)?;
    let (limit, after) = query.page()?;
    let tokmark_store::Page { rows, next } = state.store.jobs().list(limit, after.as_ref()).await?;
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
        caption: "Jobs, newest first".to_owned(),
        columns: vec![
            Column::named("Job"),
            Column::named("State"),
            Column::number("Done"),
            Column::named("Written down"),
            Column::named("Remark"),
        ],
        rows: rows.iter().map(row).collect(),
    }));
    page.blocks.extend(next_page("/jobs", &query, next));
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
