use axum::Json;
use axum::extract::State as Shared;
use axum::http::Uri;
use serde::Serialize;
use tokmark_model::{BoardRow, MachineFacts, ModelFacts, Timestamp};
use utoipa::ToSchema;

use crate::access::Reader;
use crate::error::ServerError;
use crate::openapi;
use crate::query::board_query;
use crate::state::State;

/// Machines or models in one answer.
const CATALOGUE: u64 = 1_000;

/// The leaderboard's rows.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Rows {
    /// Fastest first.
    #[schema(value_type = Vec<openapi::BoardRow>)]
    rows: Vec<BoardRow>,
    /// Rows under the filter, however many are sent.
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
        ("limit" = Option<u64>, Query, description = "rows, at most 1200"),
    ),
    responses((status = 200, body = Rows), (status = 400, description = "a filter is wrong"))
)]
pub(crate) async fn leaderboard(
    Shared(state): Shared<State>,
    _: Reader,
    uri: Uri,
) -> Result<Json<Rows>, ServerError> {
    let (rows, n_left_out) = state.rows(&board_query(&uri)?, false).await?;
    Ok(Json(Rows { n_rows: rows.len() as u64 + n_left_out, rows }))
}

/// The machines that measured.
#[utoipa::path(
    get, path = "/api/machines", tag = "leaderboard",
    responses((status = 200, body = Vec<Machine>))
)]
pub(crate) async fn machines(
    Shared(state): Shared<State>,
    _: Reader,
) -> Result<Json<Vec<Machine>>, ServerError> {
    let rows = state.store.board().machines(CATALOGUE).await?.into_iter();
    let machine = |row: tokmark_store::MachineRow| Machine {
        facts: row.facts,
        n_records: row.n_records,
        last_at: row.last_at,
    };
    Ok(Json(rows.map(machine).collect()))
}

/// The models that were measured.
#[utoipa::path(
    get, path = "/api/models", tag = "leaderboard",
    responses((status = 200, body = Vec<Model>))
)]
pub(crate) async fn models(
    Shared(state): Shared<State>,
    _: Reader,
) -> Result<Json<Vec<Model>>, ServerError> {
    let rows = state.store.board().models(CATALOGUE).await?.into_iter();
    let model = |row: tokmark_store::ModelRow| Model {
        facts: row.facts,
        family: row.family,
        n_records: row.n_records,
        last_at: row.last_at,
    };
    Ok(Json(rows.map(model).collect()))
}
