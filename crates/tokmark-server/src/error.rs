use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use tokmark_model::RecordId;
use tokmark_stats::Unsound;
use tokmark_store::StoreError;

/// Seconds after which to ask again.
const RETRY_AFTER_S: u32 = 5;

/// Why a request was not done. What it says is for the caller; what else is known goes to the
/// log.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ServerError {
    #[error("{message}")]
    Bad { code: &'static str, message: String },
    #[error("record {id}: {message}")]
    Record { id: RecordId, code: &'static str, field: Option<String>, message: String },
    #[error("record {id} has no samples; sending it needs a token with the scope admin")]
    NeedsAdmin { id: RecordId },
    #[error("no token was given; send \"authorization: Bearer TOKEN\" with the scope {scope}")]
    NoToken { scope: &'static str },
    #[error("this token is unknown, expired or revoked")]
    UnknownToken,
    #[error("this token lacks the scope {scope}")]
    Scope { scope: &'static str },
    #[error("this server is not asked under the name {host:?}; start it with --host NAME")]
    Host { host: String },
    #[error("requests of other sites' pages may change nothing here")]
    CrossOrigin,
    #[error("there is no {what}")]
    NotFound { what: String },
    #[error("the job is held by another agent, or it is over")]
    LeaseLost,
    #[error("{what} is larger than {limit}")]
    TooLarge { what: &'static str, limit: String },
    #[error("too many requests; ask again in {after_s} s")]
    TooMany { after_s: u32 },
    #[error("the request did not arrive in time")]
    TooSlow,
    #[error("the database is away; ask again in a few seconds")]
    Away,
    #[error("the server can't write its database: its disk is full, or it lacks the permission")]
    NotWritable,
    #[error("something went wrong here; the log has more under this request's id")]
    Internal,
}

impl ServerError {
    pub(crate) fn bad(code: &'static str, message: impl Into<String>) -> Self {
        ServerError::Bad { code, message: message.into() }
    }

    pub(crate) fn not_found(what: impl Into<String>) -> Self {
        ServerError::NotFound { what: what.into() }
    }

    pub(crate) fn unsound(id: RecordId, unsound: &Unsound) -> Self {
        let (code, field) = match unsound {
            Unsound::Differs { field, .. } => ("summary_differs", Some(field.clone())),
            Unsound::Impossible { field, .. } => ("impossible", Some(field.clone())),
            Unsound::WithoutSamples { field } => ("no_samples", Some((*field).to_owned())),
            Unsound::Events { .. } => ("events_unreadable", None),
            Unsound::VisitMissing { .. } => ("visit_missing", None),
        };
        ServerError::Record { id, code, field, message: unsound.to_string() }
    }

    fn code(&self) -> &'static str {
        match self {
            ServerError::Bad { code, .. } | ServerError::Record { code, .. } => code,
            ServerError::NoToken { .. } => "no_token",
            ServerError::UnknownToken => "unknown_token",
            ServerError::Scope { .. } | ServerError::NeedsAdmin { .. } => "scope",
            ServerError::Host { .. } => "host",
            ServerError::CrossOrigin => "cross_origin",
            ServerError::NotFound { .. } => "not_found",
            ServerError::LeaseLost => "lease_lost",
            ServerError::TooLarge { .. } => "too_large",
            ServerError::TooMany { .. } => "too_many",
            ServerError::TooSlow => "too_slow",
            ServerError::Away => "away",
            ServerError::NotWritable => "not_writable",
            ServerError::Internal => "internal",
        }
    }

    pub(crate) fn status(&self) -> StatusCode {
        match self {
            ServerError::Bad { .. } => StatusCode::BAD_REQUEST,
            ServerError::Record { .. } => StatusCode::UNPROCESSABLE_ENTITY,
            ServerError::NoToken { .. } | ServerError::UnknownToken => StatusCode::UNAUTHORIZED,
            ServerError::Scope { .. }
            | ServerError::NeedsAdmin { .. }
            | ServerError::CrossOrigin => StatusCode::FORBIDDEN,
            ServerError::Host { .. } => StatusCode::MISDIRECTED_REQUEST,
            ServerError::NotFound { .. } => StatusCode::NOT_FOUND,
            ServerError::LeaseLost => StatusCode::CONFLICT,
            ServerError::TooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
            ServerError::TooMany { .. } => StatusCode::TOO_MANY_REQUESTS,
            ServerError::TooSlow => StatusCode::REQUEST_TIMEOUT,
            ServerError::Away | ServerError::NotWritable => StatusCode::SERVICE_UNAVAILABLE,
            ServerError::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// Seconds after which to ask again, where that helps.
    pub(crate) fn retry_after_s(&self) -> Option<u32> {
        match self {
            ServerError::Away | ServerError::NotWritable => Some(RETRY_AFTER_S),
            ServerError::TooMany { after_s } => Some(*after_s),
            _ => None,
        }
    }

    fn body(&self) -> Value {
        let mut error = json!({ "code": self.code(), "message": self.to_string() });
        if let ServerError::Record { id, field, .. } = self {
            error["record"] = json!(id);
            error["field"] = json!(field);
        }
        if let ServerError::NeedsAdmin { id } = self {
            error["record"] = json!(id);
        }
        json!({ "error": error })
    }
}

impl From<StoreError> for ServerError {
    fn from(error: StoreError) -> Self {
        let message = error.to_string();
        if error.is_unavailable() {
            tracing::warn!(error = %message, "the database is away");
            return ServerError::Away;
        }
        if error.is_not_writable() {
            tracing::error!(error = %message, "the database can't be written");
            return ServerError::NotWritable;
        }
        match error {
            StoreError::NotFound { .. } => ServerError::not_found("record of this id"),
            StoreError::AmbiguousPrefix { .. } | StoreError::InvalidId { .. } => {
                ServerError::bad("id", message)
            }
            StoreError::InvalidRecord { id, reason } => {
                ServerError::Record { id, code: "invalid", field: None, message: reason }
            }
            StoreError::Conflict { id, .. } => ServerError::Record {
                id,
                code: "conflict",
                field: None,
                message: "another record has this id".to_owned(),
            },
            StoreError::NoJob { .. } => ServerError::not_found("job of this id"),
            StoreError::InvalidJob { .. } => ServerError::bad("job", message),
            StoreError::LeaseLost { .. } => ServerError::LeaseLost,
            StoreError::InvalidCursor { .. } => ServerError::bad("cursor", message),
            _ => {
                tracing::error!(error = %message, "the store failed");
                ServerError::Internal
            }
        }
    }
}

impl IntoResponse for ServerError {
    fn into_response(self) -> Response {
        let mut response = (self.status(), Json(self.body())).into_response();
        let headers = response.headers_mut();
        if let Some(after) = self.retry_after_s() {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(after));
        }
        if self.status() == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_is_a_state_that_passes() {
        let store = || "tokmark.db".to_owned();
        for error in [
            StoreError::DiskFull { store: store() },
            StoreError::NoWriteAccess { store: store(), reason: String::new() },
        ] {
            let error = ServerError::from(error);
            assert_eq!((error.code(), error.status().as_u16()), ("not_writable", 503));
            assert!(error.retry_after_s().is_some());
        }
    }
}
