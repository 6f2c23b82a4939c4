//! Addresses and what answers them.

mod agents;
mod board;
pub(crate) mod comparison;
pub(crate) mod jobs;
mod operations;
pub(crate) mod records;

use axum::Router;
use axum::extract::Request;
use axum::http::{HeaderName, HeaderValue, Method};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use tower_http::compression::CompressionLayer;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::error::ServerError;
use crate::state::State;
use crate::{access, assets, kept, listen, metrics, pages};

/// What the description knows.
pub(crate) fn routes() -> OpenApiRouter<State> {
    OpenApiRouter::new()
        .routes(routes!(records::list, records::send))
        .routes(routes!(records::get))
        .routes(routes!(records::samples))
        .routes(routes!(records::export))
        .routes(routes!(records::run))
        .routes(routes!(board::leaderboard))
        .routes(routes!(board::machines))
        .routes(routes!(board::models))
        .routes(routes!(comparison::compare))
        .routes(routes!(comparison::changes))
        .routes(routes!(comparison::experiments))
        .routes(routes!(comparison::experiment))
        .routes(routes!(jobs::submit, jobs::list))
        .routes(routes!(jobs::get))
        .routes(routes!(jobs::cancel))
        .routes(routes!(jobs::events))
        .routes(routes!(agents::claim))
        .routes(routes!(agents::report))
        .routes(routes!(agents::end))
        .routes(routes!(operations::openapi))
}

/// Everything that is answered.
pub(crate) fn router(state: State) -> Router {
    let (api, _) = routes().split_for_parts();
    let asked = api
        .merge(pages::routes())
        .layer(middleware::from_fn_with_state(state.clone(), listen::in_time))
        // Inside of what keeps answers: they are kept as they are sent.
        .layer(CompressionLayer::new())
        .layer(middleware::from_fn_with_state(state.clone(), kept::keep))
        .layer(middleware::from_fn_with_state(state.clone(), access::admit));
    Router::new()
        .merge(asked)
        .merge(operations::routes())
        .merge(assets::routes())
        .fallback(no_such_page)
        .method_not_allowed_fallback(no_such_method)
        .layer(CompressionLayer::new())
        .layer(middleware::from_fn(secure))
        .layer(middleware::from_fn_with_state(state.clone(), metrics::watch))
        .with_state(state)
}

async fn no_such_page(request: Request) -> Response {
    let path = request.uri().path().to_owned();
    match path.starts_with("/api/") {
        true => ServerError::not_found("such address").into_response(),
        false => pages::not_found(),
    }
}

async fn no_such_method(method: Method) -> Response {
    let mut response =
        ServerError::bad("method", format!("{method} is not answered here")).into_response();
    *response.status_mut() = axum::http::StatusCode::METHOD_NOT_ALLOWED;
    response
}

/// Headers that keep a page to itself.
async fn secure(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    let csp = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; \
               connect-src 'self'; font-src 'self'; form-action 'self'; base-uri 'none'; \
               frame-ancestors 'none'";
    for (name, value) in [
        ("content-security-policy", csp),
        ("x-content-type-options", "nosniff"),
        ("referrer-policy", "same-origin"),
        ("x-frame-options", "DENY"),
        ("cross-origin-opener-policy", "same-origin"),
        ("cross-origin-resource-policy", "same-origin"),
        ("permissions-policy", "camera=(), geolocation=(), microphone=()"),
    ] {
        headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    response
}
