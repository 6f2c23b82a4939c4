use axum::Json;
use axum::extract::State as Shared;
use axum::extract::rejection::JsonRejection;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use tokmark_model::{AgentHello, Job, JobEnd, JobOrder, JobReport};

use super::jobs::body;
use crate::access::Submitter;
use crate::error::ServerError;
use crate::openapi;
use crate::query::Id;
use crate::state::State;

/// An agent says what it is and asks for work.
#[utoipa::path(
    post, path = "/api/agents/{agent}/claim", tag = "agents", request_body = openapi::AgentHello,
    security(("token" = [])),
    params(("agent" = String, Path, description = "id that the agent chose")),
    responses((status = 200, body = openapi::Job), (status = 204, description = "nothing to do"))
)]
pub(crate) async fn claim(
    Shared(state): Shared<State>,
    _: Submitter,
    Id(agent): Id,
    hello: Result<Json<AgentHello>, JsonRejection>,
) -> Result<Response, ServerError> {
    let hello = body(hello)?;
    let (jobs, now) = (state.store.jobs(), (state.options.clock)());
    jobs.hello(agent, &hello, now).await?;
    let models: Vec<String> = hello.models.iter().map(|model| model.name.clone()).collect();
    match jobs.claim(agent, &hello.machine.fingerprint, &models, state.options.lease, now).await? {
        Some(job) => Ok(Json(job).into_response()),
        None => Ok(StatusCode::NO_CONTENT.into_response()),
    }
}

/// An agent says how far a job is, which renews its lease.
#[utoipa::path(
    post, path = "/api/jobs/{id}/report", tag = "agents", request_body = openapi::JobReport,
    security(("token" = [])),
    params(("id" = String, Path, description = "id of the job")),
    responses((status = 200, body = openapi::JobOrder), (status = 409, description = "lease lost"))
)]
pub(crate) async fn report(
    Shared(state): Shared<State>,
    _: Submitter,
    Id(id): Id,
    report: Result<Json<JobReport>, JsonRejection>,
) -> Result<Json<JobOrder>, ServerError> {
    let report = body(report)?;
    let now = (state.options.clock)();
    Ok(Json(state.store.jobs().report(id, &report, state.options.lease, now).await?))
}

/// An agent's last word on a job.
#[utoipa::path(
    post, path = "/api/jobs/{id}/end", tag = "agents", request_body = openapi::JobEnd,
    security(("token" = [])),
    params(("id" = String, Path, description = "id of the job")),
    responses((status = 200, body = openapi::Job), (status = 409, description = "lease lost"))
)]
pub(crate) async fn end(
    Shared(state): Shared<State>,
    _: Submitter,
    Id(id): Id,
    end: Result<Json<JobEnd>, JsonRejection>,
) -> Result<Json<Job>, ServerError> {
    let end = body(end)?;
    Ok(Json(state.store.jobs().end(id, &end, (state.options.clock)()).await?))
}
