use axum::extract::State as Shared;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde_json::Value;

use crate::error::ServerError;
use crate::openapi::description;
use crate::state::State;

/// What runs the server asks of it; without a token.
pub(crate) fn routes() -> Router<State> {
    Router::new().route("/healthz", get(health)).route("/metrics", get(metrics))
}

/// This description.
#[utoipa::path(
    get, path = "/api/openapi.json", tag = "operations",
    responses((status = 200, description = "OpenAPI 3.1"))
)]
pub(crate) async fn openapi() -> Json<Value> {
    Json(description())
}

async fn health(Shared(state): Shared<State>) -> Result<&'static str, ServerError> {
    state.store.ping().await?;
    Ok("ok\n")
}

async fn metrics(Shared(state): Shared<State>) -> Response {
    let kind = [(header::CONTENT_TYPE, "text/plain; version=0.0.4")];
    (kind, state.metrics.text()).into_response()
}
