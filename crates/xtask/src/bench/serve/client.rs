//! HTTP with one kept connection.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde::de::DeserializeOwned;

/// Largest answer that is read.
const LARGEST: u64 = 64 << 20;

/// One caller. Each thread has its own, so that connections are kept and not shared.
pub(super) struct Client {
    agent: ureq::Agent,
    url: String,
}

/// What came back.
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) body: Vec<u8>,
}

impl Client {
    /// A caller of the server at `url` who waits this long for an answer.
    pub(super) fn new(url: &str, timeout: Duration) -> Self {
        let config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .proxy(None)
            .timeout_global(Some(timeout))
            .build();
        Client { agent: config.into(), url: url.to_owned() }
    }

    /// A page, packed as browsers ask for it.
    ///
    /// # Errors
    /// When there is no whole answer.
    pub(super) fn page(&self, path: &str) -> Result<Answer> {
        let request = self.agent.get(format!("{}{path}", self.url));
        let answer = request.header("accept-encoding", "gzip").call();
        read(answer).with_context(|| format!("GET {path} was not answered"))
    }

    /// What the interface for programs says.
    ///
    /// # Errors
    /// When it says no or something else.
    pub(super) fn json<T: DeserializeOwned>(&self, path: &str) -> Result<T> {
        let answer = read(self.agent.get(format!("{}{path}", self.url)).call())
            .with_context(|| format!("GET {path} was not answered"))?;
        ensure!(answer.status == 200, "GET {path}: {}", answer.said());
        serde_json::from_slice(&answer.body)
            .with_context(|| format!("GET {path} gave no such JSON"))
    }

    /// Sends JSON in gzip.
    ///
    /// # Errors
    /// When there is no whole answer.
    pub(super) fn post(&self, path: &str, token: &str, packed: &[u8]) -> Result<Answer> {
        let request = self
            .agent
            .post(format!("{}{path}", self.url))
            .header("authorization", format!("Bearer {token}"))
            .header("content-encoding", "gzip")
            .content_type("application/json");
        read(request.send(packed)).with_context(|| format!("POST {path} was not answered"))
    }
}

impl Answer {
    /// Status and the beginning of the body, for people.
    pub(super) fn said(&self) -> String {
        let text = String::from_utf8_lossy(&self.body);
        let beginning: String = text.chars().take(300).collect();
        format!("status {}, {beginning}", self.status)
    }
}

fn read(answer: Result<ureq::http::Response<ureq::Body>, ureq::Error>) -> Result<Answer> {
    let mut response = answer?;
    let status = response.status().as_u16();
    let body = response.body_mut().with_config().limit(LARGEST).read_to_vec()?;
    Ok(Answer { status, body })
}

/// A text as part of an address.
pub(super) fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                escaped.push(char::from(byte));
            }
            _ => escaped += &format!("%{byte:02X}"),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_means_something_in_an_address_is_escaped() {
        assert_eq!(escaped("Qwen3-0.6B-Q4_K_M"), "Qwen3-0.6B-Q4_K_M");
        assert_eq!(escaped("tg128 @ d2048&x=é"), "tg128%20%40%20d2048%26x%3D%C3%A9");
    }
}
