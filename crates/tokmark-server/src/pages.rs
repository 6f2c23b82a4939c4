//! Pages: complete without JavaScript, better with it.

pub(crate) mod block;
pub(crate) mod board;
mod compare;
mod experiment;
pub(crate) mod hardware;
mod history;
mod jobs;
mod login;
pub(crate) mod model;
mod outlook;
mod record;
mod records;
mod trace;
mod wizard;
pub(crate) mod words;

use askama::Template as _;
use axum::Router;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse, Redirect, Response};
use axum::routing::{get, post};

use crate::error::ServerError;
use crate::state::State;
use block::{Block, Page};

pub(crate) fn routes() -> Router<State> {
    Router::new()
        .route("/", get(async || Redirect::to("/leaderboard")))
        .route("/benchmarks", get(records::list))
        .route("/benchmarks/{id}", get(record::page))
        .route("/leaderboard", get(board::leaderboard))
        .route("/workloads", get(board::workloads))
        .route("/latency", get(board::latency))
        .route("/engines", get(board::engines))
        .route("/models", get(model::models))
        .route("/models/{name}", get(model::model))
        .route("/hardware", get(hardware::list))
        .route("/hardware/{fingerprint}", get(hardware::machine))
        .route("/history", get(history::page))
        .route("/compare", get(compare::page))
        .route("/wizard", get(wizard::page).post(wizard::submit))
        .route("/jobs", get(jobs::list))
        .route("/jobs/{id}", get(jobs::job))
        .route("/jobs/{id}/cancel", post(jobs::cancel))
        .route("/quality", get(quality))
        .route("/definitions", get(definitions))
        .route("/login", get(login::page).post(login::enter))
        .route("/api", get(interface))
}

/// A page, or what went wrong, as a page.
pub(crate) struct Shown(Result<Page, ServerError>);

impl From<Result<Page, ServerError>> for Shown {
    fn from(page: Result<Page, ServerError>) -> Self {
        Shown(page)
    }
}

impl IntoResponse for Shown {
    fn into_response(self) -> Response {
        match self.0 {
            Ok(page) => written(StatusCode::OK, page),
            Err(error) => {
                let status = error.status();
                let after = error.retry_after_s();
                let title = status.canonical_reason().unwrap_or("Error").to_owned();
                let mut blocks = vec![Block::Text(format!("{error}."))];
                if status == StatusCode::UNAUTHORIZED {
                    blocks.push(block::link("Enter a token", "/login"));
                }
                let mut response = written(status, Page { blocks, ..Page::new("", &title) });
                if let Some(after) = after {
                    response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(after));
                }
                response
            }
        }
    }
}

fn written(status: StatusCode, page: Page) -> Response {
    match block::PageTemplate::new(&page).render() {
        Ok(html) => (status, Html(html)).into_response(),
        Err(error) => {
            tracing::error!(%error, "a page could not be written");
            ServerError::Internal.into_response()
        }
    }
}

pub(crate) fn not_found() -> Response {
    Shown(Err(ServerError::not_found("such page"))).into_response()
}

async fn quality() -> Shown {
    let mut page = Page::new("/quality", "Quality");
    page.blocks.push(Block::Text(
        "No answer was judged yet. When answers are judged, their scores stand here, each with \
         the judgement that it came from."
            .to_owned(),
    ));
    Shown(Ok(page))
}

async fn definitions() -> Shown {
    let mut page = Page::new("/definitions", "Definitions");
    let terms = words::DEFINITIONS.iter();
    let facts = terms.map(|(name, text)| ((*name).to_owned(), block::Cell::text(*text)));
    page.blocks.push(Block::Facts(facts.collect()));
    Shown(Ok(page))
}

/// The interface, read from its own description.
async fn interface() -> Shown {
    let description = crate::openapi::description();
    let mut page = Page::new("/api", "Interface for programs");
    page.lead = "Every address with what it takes and gives. The whole description is OpenAPI 3.1."
        .to_owned();
    page.blocks.push(block::link("/api/openapi.json", "/api/openapi.json"));
    let mut rows = Vec::new();
    for (path, item) in description["paths"].as_object().into_iter().flatten() {
        for (method, operation) in item.as_object().into_iter().flatten() {
            let text = |name: &str| operation[name].as_str().unwrap_or_default().to_owned();
            let parameters = operation["parameters"].as_array().into_iter().flatten();
            let names: Vec<&str> = parameters.filter_map(|one| one["name"].as_str()).collect();
            let summary = [text("summary"), text("description")].join(" ");
            rows.push(vec![
                block::Cell::text(format!("{} {path}", method.to_uppercase())),
                block::Cell::text(summary.trim()),
                block::Cell::text(names.join(", ")),
            ]);
        }
    }
    let columns = ["Address", "What it does", "Parameters"].map(block::Column::named).to_vec();
    page.blocks.push(Block::Table(block::TableView {
        caption: format!("{} operations", rows.len()),
        columns,
        rows,
    }));
    Shown(Ok(page))
}
