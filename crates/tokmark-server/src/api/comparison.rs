use axum::Json;
use axum::extract::{Path, State as Shared};
use serde::{Deserialize, Serialize};
use tokmark_model::{Record, RecordId};
use tokmark_stats::{ChangeOptions, Explanation, Watched, explain, watch};
use tokmark_store::{Direction, Filter, RecordRow, Sort, SortKey};
use utoipa::{IntoParams, ToSchema};

use super::records::{Asked, PageOfRows, asked};
use crate::access::Reader;
use crate::error::ServerError;
use crate::openapi;
use crate::query::{Filters, ListQuery};
use crate::state::State;

/// Records of a series that are looked at: the newest.
pub(crate) const HISTORY: u64 = 500;

/// Which records are compared.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(default)]
#[into_params(parameter_in = Query)]
pub(crate) struct ComparisonQuery {
    /// Ids of 2 to 4 records, with commas between.
    pub(crate) ids: String,
}

impl ComparisonQuery {
    pub(crate) fn ids(&self) -> Result<Vec<&str>, ServerError> {
        let ids: Vec<&str> =
            self.ids.split(',').map(str::trim).filter(|id| !id.is_empty()).collect();
        match ids.len() {
            2..=4 => Ok(ids),
            n => Err(ServerError::bad("ids", format!("2 to 4 records are compared, not {n}"))),
        }
    }
}

/// A record beside the first one.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Beside {
    /// The first record.
    #[schema(value_type = String)]
    first: RecordId,
    /// The other.
    #[schema(value_type = String)]
    second: RecordId,
    /// How far they may be compared, why they differ, and their figures.
    #[schema(value_type = Object)]
    explanation: Explanation,
}

/// Records side by side: each against the first.
#[utoipa::path(
    get, path = "/api/comparison", tag = "comparison", params(ComparisonQuery),
    responses((status = 200, body = Vec<Beside>), (status = 404, description = "unknown"))
)]
pub(crate) async fn compare(
    Shared(state): Shared<State>,
    _: Reader,
    query: Asked<ComparisonQuery>,
) -> Result<Json<Vec<Beside>>, ServerError> {
    let query = asked(query)?;
    let mut records = Vec::new();
    for id in query.ids()? {
        records.push(state.record(id).await?);
    }
    let Some((first, others)) = records.split_first() else {
        return Err(ServerError::Internal);
    };
    let beside = |second: &tokmark_model::Record| Beside {
        first: first.id,
        second: second.id,
        explanation: explain(first, second),
    };
    Ok(Json(others.iter().map(beside).collect()))
}

/// Series of records under a filter, with their change points: the newest 500 records.
#[utoipa::path(
    get, path = "/api/changes", tag = "comparison", params(Filters),
    responses((status = 200, description = "series, each with points, changes and annotations"))
)]
pub(crate) async fn changes(
    Shared(state): Shared<State>,
    _: Reader,
    query: Asked<ListQuery>,
) -> Result<Json<Vec<Watched>>, ServerError> {
    let query = asked(query)?;
    if query.cursor.is_some() || query.sort.is_some() || query.limit.is_some() {
        let message = "changes are those of the newest records: no limit, sort or cursor";
        return Err(ServerError::bad("query", message));
    }
    let (filter, _) = query.filter()?;
    Ok(Json(series(&state, filter).await?))
}

/// The series among the newest records under `filter`.
pub(crate) async fn series(state: &State, filter: Filter) -> Result<Vec<Watched>, ServerError> {
    let filter = Filter {
        limit: Some(HISTORY),
        sort: Sort { key: SortKey::Time, direction: Direction::Descending },
        ..filter
    };
    let records = state.store.records(&filter).await?;
    let watched =
        tokio::task::spawn_blocking(move || watch(&records, &ChangeOptions::default())).await;
    watched.map_err(|_| ServerError::Internal)
}

/// An experiment with the rows of its visits.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ExperimentWithVisits {
    /// Its record: design, verdicts, and which records its visits are.
    #[schema(value_type = openapi::Record)]
    record: Record,
    /// The records of its visits, in the order in which they were made: the first 1,000. The
    /// record names all.
    #[schema(value_type = Vec<Object>)]
    visits: Vec<RecordRow>,
}

/// Visits of an experiment in an answer, the first ones.
const LISTED: u64 = 1_000;

/// The experiments under the filters of a list, the newest first.
#[utoipa::path(
    get, path = "/api/experiments", tag = "comparison", params(ListQuery),
    responses((status = 200, body = PageOfRows), (status = 400, description = "a filter is wrong"))
)]
pub(crate) async fn experiments(
    Shared(state): Shared<State>,
    _: Reader,
    query: Asked<ListQuery>,
) -> Result<Json<PageOfRows>, ServerError> {
    let (filter, cursor) = asked(query)?.filter()?;
    let filter = Filter { is_experiment: Some(true), ..filter };
    let page = state.store.page(&filter, cursor.as_ref()).await?;
    Ok(Json(PageOfRows::of(page)))
}

/// One experiment with its visits.
#[utoipa::path(
    get, path = "/api/experiments/{id}", tag = "comparison",
    params(("id" = String, Path, description = "its id, or the first digits of it")),
    responses((status = 200, body = ExperimentWithVisits), (status = 404, description = "unknown"))
)]
pub(crate) async fn experiment(
    Shared(state): Shared<State>,
    _: Reader,
    Path(id): Path<String>,
) -> Result<Json<ExperimentWithVisits>, ServerError> {
    let record = state.record(&id).await?;
    if record.experiment.is_none() {
        return Err(ServerError::not_found("experiment of this id"));
    }
    let filter = Filter {
        run_id: Some(record.run_id),
        is_visit: Some(true),
        limit: Some(LISTED),
        sort: Sort { key: SortKey::Time, direction: Direction::Ascending },
        ..Filter::default()
    };
    let visits = state.store.list(&filter).await?;
    Ok(Json(ExperimentWithVisits { record, visits }))
}
