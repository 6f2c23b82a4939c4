//! One server: what it is asked, and what its answers mean.

mod address;
mod answer;

use std::collections::BTreeSet;
use std::fmt;
use std::time::Duration;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use tokmark_model::{AgentHello, Job, JobEnd, JobOrder, JobReport, Record, Uuid};
use ureq::Proxy;
use ureq::http::HeaderValue;

use crate::ClientError;
use crate::packed::{json, packed};
use address::Address;
use answer::{Answer, failure, judge};

/// Time to find the host, and again to connect.
const CONNECTING: Duration = Duration::from_secs(10);
/// Time for everything but an upload.
const ASKING: Duration = Duration::from_secs(30);
/// Time for an upload, and within it for a server that is silent.
const UPLOADING: (Duration, Duration) = (Duration::from_secs(900), Duration::from_secs(120));
/// Bodies from here on are announced and sent only where the server wants them: one that
/// refuses a large body at once would otherwise break the connection before it is heard.
const LARGE_BYTES: usize = 256 * 1024;

/// A server as an agent or a command that uploads sees it. Blocking; may be shared between
/// threads. Follows no redirect, and goes through the proxy of the environment unless the
/// server is on this machine.
pub struct Client {
    agent: ureq::Agent,
    address: Address,
    authorization: Option<HeaderValue>,
    token: Option<String>,
}

/// What the server did with records.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub struct Uploaded {
    /// Records that it did not have.
    pub n_new: u64,
    /// Records that it had already.
    pub n_known: u64,
    /// Their names.
    #[serde(default)]
    pub ids: Vec<Uuid>,
}

/// What a request is about, which decides what some answers mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum About {
    Records,
    Work,
    /// A job that this agent has by lease.
    Lease,
}

impl Client {
    /// A client of the server at `address`: `https://bench.example.org`, `127.0.0.1:8080`, or
    /// with a path that its own paths follow. Asks nothing yet.
    ///
    /// # Errors
    /// [`ClientError::BadAddress`] and [`ClientError::BadToken`].
    pub fn new(address: &str, token: Option<&str>) -> Result<Self, ClientError> {
        let address = Address::parse(address)?;
        let authorization = token.map(authorization).transpose()?;
        let proxy = if address.is_loopback() { None } else { Proxy::try_from_env() };
        let config = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .proxy(proxy)
            .timeout_resolve(Some(CONNECTING))
            .timeout_connect(Some(CONNECTING))
            .user_agent(concat!("tokmark/", env!("CARGO_PKG_VERSION")))
            .accept("application/json")
            .build();
        let token = token.map(str::to_owned);
        Ok(Client { agent: config.into(), address, authorization, token })
    }

    /// The server's address, without a slash at its end.
    pub fn address(&self) -> &str {
        self.address.as_str()
    }

    /// Brings records. The server takes all of them or none, and a record that it has already
    /// is fine. [`crate::Outbox`] does the same and loses nothing on the way.
    ///
    /// # Errors
    /// Each of [`ClientError`] but [`ClientError::LeaseLost`].
    pub fn upload(&self, records: &[Record]) -> Result<Uploaded, ClientError> {
        if records.is_empty() {
            return Ok(Uploaded::default());
        }
        let n_records = records.iter().map(|record| record.id).collect::<BTreeSet<_>>().len();
        self.upload_packed(&packed(&json(&records)), n_records)
    }

    /// Brings a packed array of `n_records` different records.
    pub(crate) fn upload_packed(
        &self,
        body: &[u8],
        n_records: usize,
    ) -> Result<Uploaded, ClientError> {
        let answer = self.post("/api/benchmarks", body, About::Records)?;
        let uploaded: Uploaded = self.read(&answer)?;
        // Whoever answers but did not take every record must not make us forget them.
        if uploaded.n_new.checked_add(uploaded.n_known) != Some(n_records as u64) {
            let Uploaded { n_new, n_known, .. } = uploaded;
            return Err(self.strange(format!(
                "it counts {n_new} new and {n_known} known of {n_records} records"
            )));
        }
        Ok(uploaded)
    }

    /// Asks for work. `None` when there is none for this machine and these models.
    ///
    /// # Errors
    /// Each of [`ClientError`] but [`ClientError::LeaseLost`].
    pub fn claim(&self, agent: Uuid, hello: &AgentHello) -> Result<Option<Job>, ClientError> {
        let path = format!("/api/agents/{agent}/claim");
        let answer = self.post(&path, &json(hello), About::Work)?;
        if answer.status == 204 { Ok(None) } else { self.read(&answer).map(Some) }
    }

    /// Tells how far a job is, which renews its lease.
    ///
    /// # Errors
    /// Each of [`ClientError`].
    pub fn report(&self, job: Uuid, report: &JobReport) -> Result<JobOrder, ClientError> {
        let path = format!("/api/jobs/{job}/report");
        self.read(&self.post(&path, &json(report), About::Lease)?)
    }

    /// Tells how a job ended. May be told again in the same words.
    ///
    /// # Errors
    /// Each of [`ClientError`].
    pub fn end(&self, job: Uuid, end: &JobEnd) -> Result<Job, ClientError> {
        let path = format!("/api/jobs/{job}/end");
        self.read(&self.post(&path, &json(end), About::Lease)?)
    }

    /// Sends `body`, and gives an answer with a status of success.
    fn post(&self, path: &str, body: &[u8], about: About) -> Result<Answer, ClientError> {
        let (whole, silent) = if about == About::Records { UPLOADING } else { (ASKING, ASKING) };
        let mut request = self
            .agent
            .post(self.address.join(path))
            .config()
            .timeout_global(Some(whole))
            .timeout_recv_response(Some(silent))
            .timeout_per_write(Some(silent))
            .build()
            .content_type("application/json");
        if about == About::Records {
            request = request.header("content-encoding", "gzip");
        }
        if body.len() >= LARGE_BYTES {
            request = request.header("expect", "100-continue");
        }
        if let Some(authorization) = &self.authorization {
            request = request.header("authorization", authorization);
        }
        let clean = |text: &str| self.clean(text);
        let host = self.address.host();
        let response = request.send(body).map_err(|error| failure(host, &error, &clean))?;
        let answer = Answer::read(response).map_err(|error| failure(host, &error, &clean))?;
        judge(host, answer, about, &clean)
    }

    fn read<T: DeserializeOwned>(&self, answer: &Answer) -> Result<T, ClientError> {
        serde_json::from_slice(&answer.body)
            .map_err(|error| self.strange(format!("its answer cannot be read: {error}")))
    }

    fn strange(&self, reason: String) -> ClientError {
        ClientError::Strange { host: self.address.host().to_owned(), reason: self.clean(&reason) }
    }

    /// A foreign text without the token, cut and escaped.
    fn clean(&self, text: &str) -> String {
        match &self.token {
            Some(token) => crate::shown::shown(&text.replace(token.as_str(), "***")),
            None => crate::shown::shown(text),
        }
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("address", &self.address).finish_non_exhaustive()
    }
}

/// The header that carries `token`.
fn authorization(token: &str) -> Result<HeaderValue, ClientError> {
    if token.is_empty() || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(ClientError::BadToken);
    }
    let mut value =
        HeaderValue::try_from(format!("Bearer {token}")).map_err(|_| ClientError::BadToken)?;
    value.set_sensitive(true);
    Ok(value)
}
