use std::convert::Infallible;
use std::time::Duration;

use axum::Json;
use axum::extract::State as Shared;
use axum::extract::rejection::JsonRejection;
use axum::http::HeaderMap;
use axum::response::sse::{Event, KeepAlive, Sse};
use futures_util::{Stream, stream};
use serde::Deserialize;
use tokmark_model::{Job, JobSpec};
use tokmark_store::StoreError;
use utoipa::ToSchema;
use uuid::Uuid;

use super::records::{Asked, Listed, asked};
use crate::access::{Reader, Submitter};
use crate::error::ServerError;
use crate::openapi;
use crate::query::{Id, PageQuery};
use crate::state::State;

/// How often a job is looked at for a listener.
const LOOK: Duration = Duration::from_secs(1);

/// Work to be written down.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewJob {
    /// What is to be measured.
    #[schema(value_type = openapi::JobSpec)]
    pub(crate) spec: JobSpec,
    /// Fingerprint of the machine that is to do it; absent for any that has the models.
    #[serde(default)]
    pub(crate) machine: Option<String>,
}

/// The body, or what is wrong with it.
pub(crate) fn body<T>(json: Result<Json<T>, JsonRejection>) -> Result<T, ServerError> {
    match json {
        Ok(Json(body)) => Ok(body),
        Err(error) => Err(ServerError::bad("json", error.body_text())),
    }
}

/// Writes a job down; an agent takes it.
#[utoipa::path(
    post, path = "/api/jobs", tag = "jobs", request_body = NewJob, security(("token" = [])),
    params(("idempotency-key" = Option<String>, Header, description = "the same key gives the same job")),
    responses((status = 200, body = openapi::Job), (status = 400, description = "out of range"))
)]
pub(crate) async fn submit(
    Shared(state): Shared<State>,
    Submitter(caller): Submitter,
    headers: HeaderMap,
    job: Result<Json<NewJob>, JsonRejection>,
) -> Result<Json<Job>, ServerError> {
    let job = body(job)?;
    let key = headers.get("idempotency-key").and_then(|key| key.to_str().ok());
    // Another caller's key is another key.
    let key = key.map(|key| format!("{}: {key}", caller.name));
    Ok(Json(written(&state, &job, key.as_deref()).await?))
}

/// The job, kept.
pub(crate) async fn written(
    state: &State,
    job: &NewJob,
    key: Option<&str>,
) -> Result<Job, ServerError> {
    job.spec.check().map_err(|unsound| {
        ServerError::bad("job", format!("{} {}", unsound.field, unsound.reason))
    })?;
    let now = (state.options.clock)();
    Ok(state.store.jobs().submit(&job.spec, job.machine.as_deref(), key, now).await?)
}

/// The jobs, the newest first.
#[utoipa::path(
    get, path = "/api/jobs", tag = "jobs", params(PageQuery),
    responses((status = 200, body = Listed<openapi::Job>))
)]
pub(crate) async fn list(
    Shared(state): Shared<State>,
    _: Reader,
    query: Asked<PageQuery>,
) -> Result<Json<Listed<Job>>, ServerError> {
    let (limit, after) = asked(query)?.page()?;
    let page = state.store.jobs().list(limit, after.as_ref()).await?;
    Ok(Json(Listed::of(page, |job| job)))
}

/// One job.
#[utoipa::path(
    get, path = "/api/jobs/{id}", tag = "jobs",
    params(("id" = String, Path, description = "id of the job")),
    responses((status = 200, body = openapi::Job), (status = 404, description = "unknown"))
)]
pub(crate) async fn get(
    Shared(state): Shared<State>,
    _: Reader,
    Id(id): Id,
) -> Result<Json<Job>, ServerError> {
    Ok(Json(job(&state, id).await?))
}

pub(crate) async fn job(state: &State, id: Uuid) -> Result<Job, ServerError> {
    match state.store.jobs().get(id).await {
        Err(StoreError::NoJob { .. }) => Err(ServerError::not_found("job of this id")),
        other => Ok(other?),
    }
}

/// Ends a job: at once where it waits, else its agent is told. What is measured is kept.
#[utoipa::path(
    post, path = "/api/jobs/{id}/cancel", tag = "jobs", security(("token" = [])),
    params(("id" = String, Path, description = "id of the job")),
    responses((status = 200, body = openapi::Job), (status = 404, description = "unknown"))
)]
pub(crate) async fn cancel(
    Shared(state): Shared<State>,
    _: Submitter,
    Id(id): Id,
) -> Result<Json<Job>, ServerError> {
    Ok(Json(cancelled(&state, id).await?))
}

pub(crate) async fn cancelled(state: &State, id: Uuid) -> Result<Job, ServerError> {
    job(state, id).await?;
    Ok(state.store.jobs().cancel(id, (state.options.clock)()).await?)
}

/// A job as it goes on: an event `job` whenever it changed, the last when it is over.
#[utoipa::path(
    get, path = "/api/jobs/{id}/events", tag = "jobs",
    params(("id" = String, Path, description = "id of the job")),
    responses((status = 200, content_type = "text/event-stream", description = "events"))
)]
pub(crate) async fn events(
    Shared(state): Shared<State>,
    _: Reader,
    Id(id): Id,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, ServerError> {
    let first = job(&state, id).await?;
    let changes =
        stream::unfold((state, Some(first), None), move |(state, now, last)| async move {
            let mut now = now;
            loop {
                match now {
                    Some(job) if last != Some(job.updated_at) => {
                        let text = serde_json::to_string(&job).unwrap_or_default();
                        let event = Event::default().event("job").data(text);
                        return Some((Ok(event), (state, None, Some(job.updated_at))));
                    }
                    Some(job) if job.state.is_over() => return None,
                    _ => {}
                }
                tokio::time::sleep(LOOK).await;
                // While the database is away there is nothing to tell.
                now = state.store.jobs().get(id).await.ok();
            }
        });
    Ok(Sse::new(changes).keep_alive(KeepAlive::default()))
}
