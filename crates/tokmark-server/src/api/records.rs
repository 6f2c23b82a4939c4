use axum::Json;
use axum::body::Body;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State as Shared};
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use tokmark_store::{Page, RecordRow};
use utoipa::ToSchema;

use crate::access::{Reader, Submitter};
use crate::admission::{self, Admitted};
use crate::error::ServerError;
use crate::export::{self, Format};
use crate::openapi;
use crate::query::{Id, ListQuery, PageQuery, WithoutPages};
use crate::state::State;

/// One page of a list.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PageOfRows {
    /// The rows.
    #[schema(value_type = Vec<Object>)]
    rows: Vec<RecordRow>,
    /// `cursor` of the next page; absent on the last.
    next: Option<String>,
}

impl PageOfRows {
    pub(crate) fn of(page: Page) -> Self {
        PageOfRows { rows: page.rows, next: page.next.map(|cursor| cursor.to_string()) }
    }
}

/// One page of a list of anything else.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Listed<T> {
    /// The rows.
    rows: Vec<T>,
    /// `cursor` of the next page; absent on the last.
    next: Option<String>,
}

impl<T> Listed<T> {
    pub(crate) fn of<U>(page: Page<U>, row: impl Fn(U) -> T) -> Self {
        let next = page.next.map(|cursor| cursor.to_string());
        Listed { rows: page.rows.into_iter().map(row).collect(), next }
    }
}

pub(crate) type Asked<T> = Result<Query<T>, QueryRejection>;

/// The query, or what is wrong with it.
pub(crate) fn asked<T>(query: Asked<T>) -> Result<T, ServerError> {
    match query {
        Ok(Query(query)) => Ok(query),
        Err(error) => Err(ServerError::bad("query", error.body_text())),
    }
}

/// Records under a filter, without their samples. Where published figures are asked for, those that
/// came with the program follow the last page, beyond its limit.
#[utoipa::path(
    get, path = "/api/benchmarks", tag = "records", params(ListQuery),
    responses((status = 200, body = PageOfRows), (status = 400, description = "a filter is wrong"))
)]
pub(crate) async fn list(
    Shared(state): Shared<State>,
    _: Reader,
    query: Asked<ListQuery>,
) -> Result<Json<PageOfRows>, ServerError> {
    let (filter, cursor) = asked(query)?.filter()?;
    let page = state.store.page(&filter, cursor.as_ref()).await?;
    let next = page.next.map(|cursor| cursor.to_string());
    let published = if next.is_none() { state.published(&filter) } else { Vec::new() };
    let published = published.iter().filter_map(|record| RecordRow::of(record).ok());
    let rows = page.rows.into_iter().chain(published).collect();
    Ok(Json(PageOfRows { rows, next }))
}

/// Sends one record or an array of them, gzip or not. Figures are made anew from the samples.
#[utoipa::path(
    post, path = "/api/benchmarks", tag = "records", request_body = openapi::Record,
    security(("token" = [])),
    responses(
        (status = 200, body = Admitted),
        (status = 400, description = "no JSON, no record"),
        (status = 401, description = "no token"),
        (status = 413, description = "too large"),
        (status = 422, description = "a figure or a signature does not fit the samples"),
        (status = 503, description = "the database is away; see Retry-After"),
    )
)]
pub(crate) async fn send(
    Shared(state): Shared<State>,
    Submitter(caller): Submitter,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<Admitted>, ServerError> {
    admission::admit(&state, &caller, &headers, body).await.map(Json)
}

/// One whole record.
#[utoipa::path(
    get, path = "/api/benchmarks/{id}", tag = "records",
    params(("id" = String, Path, description = "its id, or the first digits of it")),
    responses((status = 200, body = openapi::Record), (status = 404, description = "unknown"))
)]
pub(crate) async fn get(
    Shared(state): Shared<State>,
    _: Reader,
    Path(id): Path<String>,
) -> Result<Json<tokmark_model::Record>, ServerError> {
    Ok(Json(state.record(&id).await?))
}

/// A record's samples as CSV: a row a repetition, or a request of a load point.
#[utoipa::path(
    get, path = "/api/benchmarks/{id}/samples.csv", tag = "records",
    params(("id" = String, Path, description = "its id")),
    responses((status = 200, body = String, content_type = "text/csv"))
)]
pub(crate) async fn samples(
    Shared(state): Shared<State>,
    _: Reader,
    Path(id): Path<String>,
) -> Result<Response, ServerError> {
    let record = state.record(&id).await?;
    let headers = [(header::CONTENT_TYPE, "text/csv; charset=utf-8")];
    Ok((headers, export::samples(&record)).into_response())
}

/// What to export, and how.
#[derive(Debug, Clone, Default, serde::Deserialize, utoipa::IntoParams)]
#[serde(default)]
#[into_params(parameter_in = Query)]
pub(crate) struct ExportQuery {
    /// `json`, `jsonl`, `csv` or `yaml`.
    format: Option<String>,
}

/// All records under the filters of the list, whole; CSV has the list's columns.
#[utoipa::path(
    get, path = "/api/export", tag = "records", params(ExportQuery, WithoutPages),
    responses((status = 200, description = "the records"))
)]
pub(crate) async fn export(
    Shared(state): Shared<State>,
    _: Reader,
    format: Asked<ExportQuery>,
    query: Asked<ListQuery>,
) -> Result<Response, ServerError> {
    let format = Format::of(asked(format)?.format.as_deref().unwrap_or("json"))?;
    let query = asked(query)?;
    let (filter, cursor) = query.filter()?;
    if cursor.is_some() {
        return Err(ServerError::bad("cursor", "an export has no pages; it goes to the limit"));
    }
    let (most, published) = (query.limit.unwrap_or(u64::MAX), state.published(&filter));
    Ok(export::stream(state.store.clone(), filter, format, most, published))
}

/// The records of one command line.
#[utoipa::path(
    get, path = "/api/runs/{run_id}", tag = "records",
    params(("run_id" = String, Path, description = "id of the run"), PageQuery),
    responses((status = 200, body = PageOfRows), (status = 404, description = "unknown"))
)]
pub(crate) async fn run(
    Shared(state): Shared<State>,
    _: Reader,
    Id(run_id): Id,
    query: Asked<PageQuery>,
) -> Result<Json<PageOfRows>, ServerError> {
    let (limit, after) = asked(query)?.page()?;
    let filter = tokmark_store::Filter {
        run_id: Some(run_id),
        limit: Some(limit),
        ..tokmark_store::Filter::default()
    };
    let page = state.store.page(&filter, after.as_ref()).await?;
    if page.rows.is_empty() && after.is_none() {
        return Err(ServerError::not_found("run of this id"));
    }
    Ok(Json(PageOfRows::of(page)))
}
