//! Answers that hold as long as nothing changed in the store: leaderboard, models, machines,
//! history.
//!
//! An answer is made once for all who ask for the same at the same time. What is kept was made
//! of the store at a revision that every program counts up that writes to it, and is made anew
//! when that moved: nobody is shown less than was there when he asked.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{MatchedPath, Request, State as Shared};
use axum::http::response::Parts;
use axum::http::{Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use tokmark_store::Scope;

use crate::access::Caller;
use crate::error::ServerError;
use crate::state::State;

/// Of these routes.
const KEPT: [&str; 13] = [
    "/leaderboard",
    "/workloads",
    "/latency",
    "/engines",
    "/models",
    "/models/{name}",
    "/hardware",
    "/hardware/{fingerprint}",
    "/api/leaderboard",
    "/api/machines",
    "/api/models",
    "/history",
    "/api/changes",
];
/// Larger answers are not kept.
const LARGEST: usize = 4 << 20;
/// Bytes of all of them; beyond it all are forgotten.
const MOST: usize = 24 << 20;
/// Addresses; beyond it all are forgotten.
const ADDRESSES: usize = 2_000;

/// Address, and the encodings that the caller takes.
type Key = (String, String);
type Slot = Arc<tokio::sync::Mutex<Option<Answer>>>;

/// The answers.
#[derive(Debug, Default)]
pub(crate) struct Kept {
    slots: Mutex<Slots>,
}

#[derive(Debug, Default)]
struct Slots {
    by_key: HashMap<Key, Slot>,
    n_bytes: usize,
}

#[derive(Debug, Clone)]
struct Answer {
    revision: u64,
    head: Parts,
    body: Bytes,
}

impl Answer {
    fn response(&self) -> Response {
        Response::from_parts(self.head.clone(), Body::from(self.body.clone()))
    }
}

impl Kept {
    fn slot(&self, key: Key) -> Slot {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        if slots.by_key.len() >= ADDRESSES {
            *slots = Slots::default();
        }
        Arc::clone(slots.by_key.entry(key).or_default())
    }

    /// Counts an answer in place of another.
    fn count(&self, before: usize, now: usize) {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        slots.n_bytes = (slots.n_bytes + now).saturating_sub(before);
        if slots.n_bytes > MOST {
            *slots = Slots::default();
        }
    }
}

/// Gives the kept answer, or makes it and keeps it.
pub(crate) async fn keep(Shared(state): Shared<State>, request: Request, next: Next) -> Response {
    let Some(key) = key(&request) else { return next.run(request).await };
    let Ok(revision) = state.store.board().revision().await else {
        return next.run(request).await;
    };
    let slot = state.kept.slot(key);
    let mut kept = slot.lock().await;
    if let Some(answer) = kept.as_ref().filter(|answer| answer.revision >= revision) {
        return answer.response();
    }
    // Others may have written while this one waited: what is made now serves all who wait.
    let revision = state.store.board().revision().await.unwrap_or(revision);
    let response = next.run(request).await;
    if response.status() != StatusCode::OK {
        return response;
    }
    let (head, body) = response.into_parts();
    // A page is in memory as a whole anyway.
    let Ok(body) = to_bytes(body, usize::MAX).await else {
        return ServerError::Internal.into_response();
    };
    let answer = Answer { revision, head, body };
    let response = answer.response();
    if answer.body.len() <= LARGEST {
        let before = kept.as_ref().map_or(0, |before| before.body.len());
        state.kept.count(before, answer.body.len());
        *kept = Some(answer);
    }
    response
}

/// Under which the answer is kept; `None` where it is not.
fn key(request: &Request) -> Option<Key> {
    let extensions = request.extensions();
    let route = extensions.get::<MatchedPath>()?.as_str();
    let may_read = extensions.get::<Caller>().is_some_and(|caller| caller.may(Scope::Read));
    let is_kept = request.method() == Method::GET && may_read && KEPT.contains(&route);
    let encodings = request.headers().get(header::ACCEPT_ENCODING);
    let encodings = encodings.and_then(|value| value.to_str().ok()).unwrap_or_default();
    let address = request.uri().path_and_query()?.as_str();
    is_kept.then(|| (address.to_owned(), encodings.to_owned()))
}
