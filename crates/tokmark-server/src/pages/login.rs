//! The way in: a token, kept by the browser.

use axum::body::Bytes;
use axum::extract::State as Shared;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};

use super::Shown;
use super::block::{Block, InputKind, InputSet, Page, WorkForm, input};
use crate::access::{COOKIE, hash_token};
use crate::query::Fields;
use crate::state::State;

pub(crate) async fn page() -> Shown {
    Shown(Ok(with(None)))
}

fn with(refused: Option<String>) -> Page {
    let mut page = Page::new("", "Enter a token");
    page.lead = "The browser keeps it for this server alone, until it is closed.".to_owned();
    page.blocks.push(Block::Form(WorkForm {
        action: "/login".to_owned(),
        sets: vec![InputSet {
            legend: "Token".to_owned(),
            help: String::new(),
            inputs: vec![input(
                "token",
                "Token",
                "",
                "tokmark serve prints one; tokmark serve token makes more.",
                InputKind::Secret,
            )],
        }],
        button: "Enter".to_owned(),
        refused,
        ..WorkForm::default()
    }));
    page
}

pub(crate) async fn enter(Shared(state): Shared<State>, body: Bytes) -> Response {
    let token = Fields::of(&body).one("token").unwrap_or_default();
    let now = (state.options.clock)();
    let is_known = match state.store.tokens().find(&hash_token(token.trim()), now).await {
        Ok(found) => found.is_some(),
        Err(error) => return Shown(Err(error.into())).into_response(),
    };
    let is_plain = token.trim().bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    if !is_known || !is_plain {
        let page = with(Some("This token is unknown, expired or revoked.".to_owned()));
        let mut response = Shown(Ok(page)).into_response();
        *response.status_mut() = StatusCode::UNAUTHORIZED;
        return response;
    }
    let cookie = format!("{COOKIE}={}; HttpOnly; SameSite=Strict; Path=/", token.trim());
    let mut response = Redirect::to("/wizard").into_response();
    if let Ok(cookie) = HeaderValue::from_str(&cookie) {
        response.headers_mut().insert(header::SET_COOKIE, cookie);
    }
    response
}
