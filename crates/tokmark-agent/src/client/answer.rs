//! What an answer means, or that there is none.

use std::io::{ErrorKind, Read};
use std::time::Duration;

use serde::Deserialize;
use tokmark_model::Uuid;
use ureq::Body;
use ureq::http::{HeaderMap, Response};

use super::About;
use crate::ClientError;

/// Most bytes of an answer of success: names of records, or one job.
const LONGEST: u64 = 4 * 1024 * 1024;
/// Most bytes that are read of a complaint.
const LONGEST_COMPLAINT: u64 = 64 * 1024;

/// Whatever was answered.
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) headers: HeaderMap,
    pub(super) body: Vec<u8>,
}

impl Answer {
    /// Reads the body; of a complaint what there is.
    pub(super) fn read(response: Response<Body>) -> Result<Self, ureq::Error> {
        let (head, mut body) = response.into_parts();
        let status = head.status.as_u16();
        let headers = head.headers;
        if head.status.is_success() {
            let body = body.with_config().limit(LONGEST).read_to_vec()?;
            return Ok(Answer { status, headers, body });
        }
        let mut complaint = Vec::new();
        // What was read stays when the rest does not come.
        let _ = body.as_reader().take(LONGEST_COMPLAINT).read_to_end(&mut complaint);
        Ok(Answer { status, headers, body: complaint })
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// `Retry-After` in seconds, or as a date against the server's own clock.
    fn retry_after(&self) -> Option<Duration> {
        let value = self.header("retry-after")?.trim();
        if let Ok(seconds) = value.parse() {
            return Some(Duration::from_secs(seconds));
        }
        let at = |text: &str| jiff::fmt::rfc2822::parse(text).ok().map(|at| at.timestamp());
        let wait = at(value)?.duration_since(at(self.header("date")?)?);
        Some(Duration::try_from(wait).unwrap_or_default())
    }
}

/// How the server says that something is wrong.
#[derive(Deserialize)]
struct Complaint {
    error: Reason,
}

#[derive(Deserialize)]
struct Reason {
    code: String,
    #[serde(default)]
    message: String,
    #[serde(default)]
    record: Option<serde_json::Value>,
    #[serde(default)]
    field: Option<String>,
}

impl Reason {
    fn record(&self) -> Option<Uuid> {
        self.record.as_ref()?.as_str()?.parse().ok()
    }
}

/// Gives an answer of success on, and says what any other means.
pub(super) fn judge(
    host: &str,
    answer: Answer,
    about: About,
    clean: &dyn Fn(&str) -> String,
) -> Result<Answer, ClientError> {
    let status = answer.status;
    if matches!(status, 200..=299) {
        return Ok(answer);
    }
    let reason = serde_json::from_slice::<Complaint>(&answer.body).ok().map(|said| said.error);
    let message = match &reason {
        Some(Reason { message, field: Some(field), .. }) => clean(&format!("{field}: {message}")),
        Some(Reason { message, .. }) => clean(message),
        None => clean(&String::from_utf8_lossy(&answer.body)),
    };
    let record = reason.as_ref().and_then(Reason::record);
    let code = reason.map(|said| clean(&said.code));
    let refused = |code: String, message| ClientError::Refused { status, code, message, record };
    Err(match (status, code) {
        (300..=399, _) => {
            let target = answer.header("location").map_or_else(String::new, clean);
            refused(
                "redirected".to_owned(),
                format!("it says to go to {target}; give that address"),
            )
        }
        (403, Some(code)) if record.is_some() => refused(code, message),
        (401 | 403, _) => ClientError::NotAuthorized { status, message },
        (408 | 425 | 429 | 500.., _) => {
            let retry_after = answer.retry_after();
            ClientError::Unavailable { host: host.to_owned(), status, retry_after, message }
        }
        (404 | 409 | 410, Some(_)) if about == About::Lease => ClientError::LeaseLost { message },
        // A proxy may say this one, too.
        (413, code) => refused(code.unwrap_or_else(|| "too_large".to_owned()), message),
        (_, Some(code)) => refused(code, message),
        (_, None) => ClientError::Strange {
            host: host.to_owned(),
            reason: clean(&format!("HTTP {status}, {message}")),
        },
    })
}

/// The library's error in our words: its own may repeat the whole address.
pub(super) fn failure(
    host: &str,
    error: &ureq::Error,
    clean: &dyn Fn(&str) -> String,
) -> ClientError {
    let host = host.to_owned();
    let reason = match error {
        ureq::Error::BodyExceedsLimit(_) => {
            return ClientError::Strange { host, reason: "its answer is too long".to_owned() };
        }
        ureq::Error::Protocol(error) => {
            return ClientError::Strange { host, reason: clean(&error.to_string()) };
        }
        ureq::Error::HostNotFound => "there is no such host".to_owned(),
        ureq::Error::Io(error) => match error.kind() {
            ErrorKind::ConnectionRefused => "the connection was refused".to_owned(),
            _ => error.to_string(),
        },
        ureq::Error::Timeout(_) => "no answer in time".to_owned(),
        ureq::Error::Tls(reason) => (*reason).to_owned(),
        ureq::Error::Rustls(error) => error.to_string(),
        ureq::Error::ConnectProxyFailed(_) => "the proxy refuses to connect".to_owned(),
        ureq::Error::InvalidProxyUrl => "the proxy's address is invalid".to_owned(),
        ureq::Error::ConnectionFailed => "the connection failed".to_owned(),
        _ => "the request could not be made".to_owned(),
    };
    ClientError::Unreachable { host, reason: clean(&reason) }
}
