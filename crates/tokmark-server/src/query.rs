//! What addresses ask for: filters, order and pages of lists.

use axum::extract::{FromRequestParts, Path};
use axum::http::Uri;
use axum::http::request::Parts;
use serde::{Deserialize, Serialize};
use tokmark_board::{Column, Query};
use tokmark_model::{GradeLetter, Status, Timestamp};
use tokmark_store::{BoardFilter, Cursor, Direction, Filter, Sort, SortKey};
use utoipa::IntoParams;
use utoipa::openapi::path::{Parameter, ParameterIn};
use uuid::Uuid;

use crate::error::ServerError;

/// Rows of a page when none is asked for, and at most.
const PAGE: u64 = 100;
const LARGEST_PAGE: u64 = 1_000;

/// Filters, order and page of a list of records.
#[derive(Debug, Clone, Default, Serialize, Deserialize, IntoParams)]
#[serde(default)]
#[into_params(parameter_in = Query)]
pub(crate) struct ListQuery {
    /// Part of the model's name, file name or source.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) model: Option<String>,
    /// Hash of the model's file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) model_sha256: Option<String>,
    /// Label of a test: `tg128 @ d512`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) test: Option<String>,
    /// The engine's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) engine: Option<String>,
    /// Part of the list of back ends.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) backend: Option<String>,
    /// Fingerprint of the machine.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) machine: Option<String>,
    /// `measured`, `imported`, `imported_summary` or `published`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) kind: Option<String>,
    /// How tests ended: `ok`, `failed` ...
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) status: Option<String>,
    /// This grade or a better one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) grade: Option<String>,
    /// A tag.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) tag: Option<String>,
    /// A run.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[param(value_type = Option<String>)]
    pub(crate) run: Option<Uuid>,
    /// Begun at this time or later, RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) since: Option<String>,
    /// Begun before this time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) until: Option<String>,
    /// `true` for visits of experiments alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) visits: Option<bool>,
    /// `time`, `rate`, `model` or `test`; with `-` before it the other end first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) sort: Option<String>,
    /// Rows of a page, 1 to 1000.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) limit: Option<u64>,
    /// Where the page begins: `next` of the page before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) cursor: Option<String>,
}

impl ListQuery {
    /// The filter, and where the page begins.
    pub(crate) fn filter(&self) -> Result<(Filter, Option<Cursor>), ServerError> {
        let filter = Filter {
            model: given(&self.model),
            model_sha256: given(&self.model_sha256),
            test: given(&self.test),
            engine: given(&self.engine),
            backend: given(&self.backend),
            machine: given(&self.machine),
            kind: word("kind", &self.kind)?,
            status: word("status", &self.status)?,
            grade_at_least: grade(&self.grade)?,
            tag: given(&self.tag),
            run_id: self.run,
            is_visit: Some(self.visits.unwrap_or(false)),
            is_experiment: None,
            since: time("since", &self.since)?,
            until: time("until", &self.until)?,
            limit: Some(limit(self.limit)?),
            sort: self.sort()?,
        };
        Ok((filter, cursor(&self.cursor)?))
    }

    fn sort(&self) -> Result<Sort, ServerError> {
        let Some(text) = given(&self.sort) else { return Ok(Sort::default()) };
        let (turned, name) = match text.strip_prefix('-') {
            Some(name) => (true, name),
            None => (false, text.as_str()),
        };
        let (key, first) = match name {
            "time" => (SortKey::Time, Direction::Descending),
            "rate" => (SortKey::Rate, Direction::Descending),
            "model" => (SortKey::Model, Direction::Ascending),
            "test" => (SortKey::Test, Direction::Ascending),
            _ => {
                let message = format!("sort {name:?} is none of time, rate, model, test");
                return Err(ServerError::bad("sort", message));
            }
        };
        let direction = match (first, turned) {
            (Direction::Descending, false) | (Direction::Ascending, true) => Direction::Descending,
            _ => Direction::Ascending,
        };
        Ok(Sort { key, direction })
    }
}

/// Page of a list that has no filters, newest first.
#[derive(Debug, Clone, Default, Serialize, Deserialize, IntoParams)]
#[serde(default)]
#[into_params(parameter_in = Query)]
pub(crate) struct PageQuery {
    /// Rows of a page, 1 to 1000.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) limit: Option<u64>,
    /// Where the page begins: `next` of the page before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) cursor: Option<String>,
}

impl PageQuery {
    /// Rows of the page, and where it begins.
    pub(crate) fn page(&self) -> Result<(u64, Option<Cursor>), ServerError> {
        Ok((limit(self.limit)?, cursor(&self.cursor)?))
    }
}

/// The filters of a list without order and page, for the description.
pub(crate) struct Filters;

/// Filters and order of a list without its pages, for the description.
pub(crate) struct WithoutPages;

fn without(names: &[&str], provide: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
    let mut all = ListQuery::into_params(provide);
    all.retain(|parameter| !names.contains(&parameter.name.as_str()));
    all
}

impl IntoParams for Filters {
    fn into_params(provide: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        without(&["sort", "limit", "cursor"], provide)
    }
}

impl IntoParams for WithoutPages {
    fn into_params(provide: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        without(&["cursor"], provide)
    }
}

/// Rows of a leaderboard at most.
pub(crate) const BOARD_ROWS: u64 = 1_200;

/// What a leaderboard's address asks for.
pub(crate) fn board_query(uri: &Uri) -> Result<Query, ServerError> {
    let query = Query::parse(uri.query().unwrap_or_default());
    query.map_err(|error| ServerError::bad("query", error.to_string()))
}

/// What an address of the leaderboard's rows asks for: which, which end first, and where the page
/// begins.
pub(crate) fn board_page(uri: &Uri) -> Result<(Query, Direction, Option<Cursor>), ServerError> {
    let of_cursor = |part: &&str| part.starts_with("cursor=");
    let (cursors, others): (Vec<&str>, Vec<&str>) =
        uri.query().unwrap_or_default().split('&').partition(of_cursor);
    let query = Query::parse(&others.join("&"));
    let query = query.map_err(|error| ServerError::bad("query", error.to_string()))?;
    if query.sort != Column::Rate {
        let message = "rows come by rate; a program that wants another order sorts all pages";
        return Err(ServerError::bad("sort", message));
    }
    if query.level != Query::default().level {
        let message = "a level ranks the lines of the page /leaderboard; rows have no rank";
        return Err(ServerError::bad("level", message));
    }
    if let Some(n) = query.filter.limit.filter(|n| !(1..=BOARD_ROWS).contains(n)) {
        return Err(limit_beyond(n, BOARD_ROWS));
    }
    let direction = match query.direction {
        tokmark_board::Direction::Ascending => Direction::Ascending,
        tokmark_board::Direction::Descending => Direction::Descending,
    };
    let after = match cursors.as_slice() {
        [] => None,
        [one] => cursor(&Some(one.trim_start_matches("cursor=").to_owned()))?,
        _ => return Err(ServerError::bad("cursor", "one cursor at a time")),
    };
    Ok((query, direction, after))
}

/// The same for the store.
pub(crate) fn board_filter(query: &Query) -> BoardFilter {
    let own = query.filter.clone();
    BoardFilter {
        family: own.family,
        model: own.model,
        model_sha256: own.model_sha256,
        hardware: own.hardware,
        machine: own.machine,
        backend: own.backend,
        engine: own.engine,
        quantization: own.quantization,
        shape: own.shape,
        concurrency: own.concurrency,
        min_params: own.min_params,
        max_params: own.max_params,
        grade_at_least: own.grade_at_least,
        kind: own.kind,
        is_serving: own.is_serving,
        limit: Some(own.limit.unwrap_or(BOARD_ROWS).min(BOARD_ROWS)),
        ..BoardFilter::default()
    }
}

/// A form sends its empty fields too.
fn given(text: &Option<String>) -> Option<String> {
    text.as_ref().map(|text| text.trim()).filter(|text| !text.is_empty()).map(str::to_owned)
}

fn cursor(text: &Option<String>) -> Result<Option<Cursor>, ServerError> {
    let read = |text: String| {
        text.parse().map_err(|_| ServerError::bad("cursor", "this cursor is none of ours"))
    };
    given(text).map(read).transpose()
}

fn word<T: serde::de::DeserializeOwned>(
    name: &'static str,
    text: &Option<String>,
) -> Result<Option<T>, ServerError> {
    let Some(text) = given(text) else { return Ok(None) };
    match serde_json::from_value(serde_json::Value::String(text.to_ascii_lowercase())) {
        Ok(found) => Ok(Some(found)),
        Err(_) => Err(ServerError::bad(name, format!("{name} {text:?} is unknown"))),
    }
}

fn grade(text: &Option<String>) -> Result<Option<GradeLetter>, ServerError> {
    let Some(text) = given(text) else { return Ok(None) };
    let letter = serde_json::Value::String(text.to_ascii_uppercase());
    match serde_json::from_value(letter) {
        Ok(letter) => Ok(Some(letter)),
        Err(_) => Err(ServerError::bad("grade", format!("grade {text:?} is none of A to F"))),
    }
}

fn time(name: &'static str, text: &Option<String>) -> Result<Option<Timestamp>, ServerError> {
    let Some(text) = given(text) else { return Ok(None) };
    match text.parse() {
        Ok(time) => Ok(Some(time)),
        Err(_) => {
            let message = format!("{name} {text:?} is no time like 2026-11-22T12:00:00Z");
            Err(ServerError::bad(name, message))
        }
    }
}

fn limit(asked: Option<u64>) -> Result<u64, ServerError> {
    match asked {
        None => Ok(PAGE),
        Some(n) if (1..=LARGEST_PAGE).contains(&n) => Ok(n),
        Some(n) => Err(limit_beyond(n, LARGEST_PAGE)),
    }
}

fn limit_beyond(n: u64, most: u64) -> ServerError {
    ServerError::bad("limit", format!("limit {n} is not within 1 to {most}"))
}

/// Words of statuses, for menus.
pub(crate) fn words_of_status() -> Vec<String> {
    use Status::{Crashed, Failed, Interrupted, Ok, OutOfMemory, Skipped, TimedOut, Unsupported};
    let all = [Ok, Failed, Crashed, TimedOut, OutOfMemory, Interrupted, Skipped, Unsupported];
    all.iter()
        .filter_map(|status| Some(serde_json::to_value(status).ok()?.as_str()?.to_owned()))
        .collect()
}

/// Fields of a form, in order; names may repeat.
pub(crate) struct Fields(Vec<(String, String)>);

impl Fields {
    pub(crate) fn of(body: &[u8]) -> Self {
        let text = String::from_utf8_lossy(body);
        let decoded = |part: &str| crate::pages::words::unescaped(&part.replace('+', " "));
        let pairs = text.split('&').filter_map(|pair| pair.split_once('='));
        Fields(pairs.map(|(name, value)| (decoded(name), decoded(value))).collect())
    }

    pub(crate) fn all(&self, name: &str) -> Vec<String> {
        let own = self.0.iter().filter(|(own, value)| own == name && !value.is_empty());
        own.map(|(_, value)| value.clone()).collect()
    }

    pub(crate) fn one(&self, name: &str) -> Option<String> {
        self.all(name).into_iter().next()
    }

    /// A list of numbers: `512, 1024`.
    pub(crate) fn numbers<T: std::str::FromStr>(
        &self,
        name: &'static str,
    ) -> Result<Vec<T>, ServerError> {
        let text = self.one(name).unwrap_or_default();
        let parts = text.split([',', ' ']).map(str::trim).filter(|part| !part.is_empty());
        parts
            .map(|part| {
                part.parse()
                    .map_err(|_| ServerError::bad("job", format!("{name}: {part:?} is no number")))
            })
            .collect()
    }

    pub(crate) fn number<T: std::str::FromStr>(
        &self,
        name: &'static str,
    ) -> Result<Option<T>, ServerError> {
        Ok(self.numbers(name)?.into_iter().next())
    }
}

/// A whole id in an address.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Id(pub(crate) Uuid);

impl<S: Send + Sync> FromRequestParts<S> for Id {
    type Rejection = ServerError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ServerError> {
        match Path::<Uuid>::from_request_parts(parts, state).await {
            Ok(Path(id)) => Ok(Id(id)),
            Err(_) => Err(ServerError::bad("id", "the id in this address is none")),
        }
    }
}
