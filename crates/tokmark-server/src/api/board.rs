use axum::Json;
use axum::extract::State as Shared;
use axum::http::Uri;
use serde::Serialize;
use tokmark_model::{BoardRow, MachineFacts, ModelFacts, Timestamp};
use utoipa::ToSchema;

use super::records::{Asked, Listed, asked};
use crate::access::Reader;
use crate::error::ServerError;
use crate::openapi;
use crate::query::{PageQuery, board_page};
use crate::state::State;

/// The leaderboard's rows.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Rows {
    /// By rate, the newest first among equals.
    #[schema(value_type = Vec<openapi::BoardRow>)]
    rows: Vec<BoardRow>,
    /// `cursor` of the next page; absent on the last.
    next: Option<String>,
    /// Rows under the filter, on all pages.
    n_rows: u64,
}

/// A machine with what was measured on it.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Machine {
    /// The machine.
    #[schema(value_type = openapi::MachineFacts)]
    facts: MachineFacts,
    /// Records made there.
    n_records: u64,
    /// When the newest was begun.
    #[schema(value_type = String)]
    last_at: Timestamp,
}

/// A model with what was measured of it.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Model {
    /// The model.
    #[schema(value_type = openapi::ModelFacts)]
    facts: ModelFacts,
    /// Its family.
    family: String,
    /// Its records.
    n_records: u64,
    /// When the newest was begun.
    #[schema(value_type = String)]
    last_at: Timestamp,
}

/// The newest figures of every configuration, fastest first.
#[utoipa::path(
    get, path = "/api/leaderboard", tag = "leaderboard",
    params(
        ("family" = Option<String>, Query, description = "family of the model"),
        ("model" = Option<String>, Query, description = "the model's whole name"),
        ("model_sha256" = Option<String>, Query, description = "hash of the model's file"),
        ("hardware" = Option<String>, Query, description = "hardware, as the rows name it"),
        ("machine" = Option<String>, Query, description = "fingerprint of the machine"),
        ("backend" = Option<String>, Query, description = "part of the list of back ends"),
        ("engine" = Option<String>, Query, description = "the engine's name"),
        ("quantization" = Option<String>, Query, description = "quantization"),
        ("shape" = Option<String>, Query, description = "shape of the load, or the test"),
        ("concurrency" = Option<u32>, Query, description = "requests or sequences at once"),
        ("min_params" = Option<u64>, Query, description = "parameters at least"),
        ("max_params" = Option<u64>, Query, description = "parameters at most"),
        ("grade_at_least" = Option<String>, Query, description = "this grade or a better one"),
        ("kind" = Option<String>, Query, description = "how records came to be"),
        ("is_serving" = Option<bool>, Query, description = "load points or tests alone"),
        ("direction" = Option<String>, Query, description = "`desc`, fastest first, or `asc`"),
        ("limit" = Option<u64>, Query, description = "rows of a page, at most 1200"),
        ("cursor" = Option<String>, Query, description = "where the page begins: `next` of the page before"),
    ),
    responses((status = 200, body = Rows), (status = 400, description = "a filter is wrong"))
)]
pub(crate) async fn leaderboard(
    Shared(state): Shared<State>,
    _: Reader,
    uri: Uri,
) -> Result<Json<Rows>, ServerError> {
    let (query, direction, after) = board_page(&uri)?;
    let (page, n_rows) = state.page(&query, direction, after.as_ref()).await?;
    Ok(Json(Rows { rows: page.rows, next: page.next.map(|next| next.to_string()), n_rows }))
}

/// The machines that measured, the newest first.
#[utoipa::path(
    get, path = "/api/machines", tag = "leaderboard", params(PageQuery),
    responses((status = 200, body = Listed<Machine>))
)]
pub(crate) async fn machines(
    Shared(state): Shared<State>,
    _: Reader,
    query: Asked<PageQuery>,
) -> Result<Json<Listed<Machine>>, ServerError> {
    let (limit, after) = asked(query)?.page()?;
    let page = state.store.board().machines(limit, after.as_ref()).await?;
    let machine = |row: tokmark_store::MachineRow| Machine {
        facts: row.facts,
        n_records: row.n_records,
        last_at: row.last_at,
    };
    Ok(Json(Listed::of(page, machine)))
}

/// The models that were measured, the newest first.
#[utoipa::path(
    get, path = "/api/models", tag = "leaderboard", params(PageQuery),
    responses((status = 200, body = Listed<Model>))
)]
pub(crate) async fn models(
    Shared(state): Shared<State>,
    _: Reader,
    query: Asked<PageQuery>,
) -> Result<Json<Listed<Model>>, ServerError> {
    let (limit, after) = asked(query)?.page()?;
    let page = state.store.board().models(limit, after.as_ref()).await?;
    let model = |row: tokmark_store::ModelRow| Model {
        facts: row.facts,
        family: row.family,
        n_records: row.n_records,
        last_at: row.last_at,
    };
    Ok(Json(Listed::of(page, model)))
}
