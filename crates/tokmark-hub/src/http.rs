//! One GET at a time: redirects, the token, time limits, and what a failure means.

use std::io::Read;
use std::time::{Duration, SystemTime};

use ureq::http::{HeaderMap, Response};
use ureq::{Agent, Body, Proxy};
use url::Url;

use crate::{HubError, HubOptions, ModelUrl, ProxyChoice, Secret};

const MAX_REDIRECTS: usize = 10;
const CONNECT_LIMIT: Duration = Duration::from_secs(20);
/// A server that sends nothing for so long counts as gone.
const SILENCE_LIMIT: Duration = Duration::from_secs(60);
const DEFAULT_ENDPOINT: &str = "https://huggingface.co";

#[derive(Debug)]
pub(crate) struct Client {
    agent: Agent,
    endpoint: Url,
    token: Option<Secret>,
}

/// The wish to get the rest of a file, and only if it is still the same.
#[derive(Debug, Clone)]
pub(crate) struct Rest {
    pub offset: u64,
    /// A strong ETag, quotes included.
    pub etag: Option<String>,
}

/// Why there is no answer.
#[derive(Debug)]
pub(crate) enum Failure {
    /// Trying again may help, after the pause if the server named one.
    Passing { reason: String, wait: Option<Duration> },
    /// There is nobody to ask. Trying again helps only if there was before.
    Absent { reason: String },
    /// Trying again will not help.
    Lasting(HubError),
}

impl Failure {
    pub fn passing(reason: impl Into<String>) -> Failure {
        Failure::Passing { reason: reason.into(), wait: None }
    }
}

impl From<HubError> for Failure {
    fn from(error: HubError) -> Failure {
        Failure::Lasting(error)
    }
}

/// An answer with status 200, 206 or 416.
pub(crate) struct Answer {
    pub status: u16,
    headers: HeaderMap,
    body: Body,
}

impl Client {
    pub fn new(options: &HubOptions) -> Result<Client, HubError> {
        let endpoint = options.hf_endpoint.as_deref().unwrap_or(DEFAULT_ENDPOINT);
        let endpoint = ModelUrl::parse(endpoint)?.url().clone();
        let proxy = match &options.proxy {
            ProxyChoice::Environment => Proxy::try_from_env(),
            ProxyChoice::Direct => None,
            ProxyChoice::Url(url) => {
                let proxy = Proxy::new(url.reveal()).map_err(|_| HubError::BadSource {
                    text: "proxy".to_owned(),
                    reason: "it is no proxy address; write http://host:port".to_owned(),
                })?;
                Some(proxy)
            }
        };
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .max_idle_connections(0)
            .proxy(proxy)
            .timeout_resolve(Some(CONNECT_LIMIT))
            .timeout_connect(Some(CONNECT_LIMIT))
            .timeout_recv_response(Some(SILENCE_LIMIT))
            .timeout_per_read(Some(SILENCE_LIMIT))
            .user_agent(concat!("tokmark/", env!("CARGO_PKG_VERSION")))
            .accept_encoding("identity")
            .build();
        Ok(Client { agent: config.into(), endpoint, token: options.hf_token.clone() })
    }

    /// An address below the endpoint, each segment encoded.
    pub fn endpoint(&self, segments: &[&str]) -> Url {
        let mut url = self.endpoint.clone();
        url.set_query(None);
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().extend(segments);
        }
        url
    }

    /// Asks for `url`, following redirects. The token goes along to the endpoint's own
    /// scheme, host and port only, hop by hop.
    pub fn get(&self, url: &Url, rest: Option<&Rest>) -> Result<Answer, Failure> {
        let mut current = url.clone();
        for _ in 0..=MAX_REDIRECTS {
            let response = self.send(&current, rest)?;
            let status = response.status().as_u16();
            if !matches!(status, 301 | 302 | 303 | 307 | 308) {
                return judge(&current, response);
            }
            current = self.target(url, &current, response.headers())?;
        }
        Err(bad_redirect(url, format!("more than {MAX_REDIRECTS} times")).into())
    }

    fn send(&self, url: &Url, rest: Option<&Rest>) -> Result<Response<Body>, Failure> {
        let mut request = self.agent.get(url.as_str());
        if let Some(rest) = rest {
            request = request.header("range", format!("bytes={}-", rest.offset));
            if let Some(etag) = &rest.etag {
                request = request.header("if-range", etag);
            }
        }
        if let Some(token) = self.token.as_ref().filter(|_| self.is_endpoint(url)) {
            request = request.header("authorization", format!("Bearer {}", token.reveal()));
        }
        request.call().map_err(|error| failure(url, error))
    }

    fn is_endpoint(&self, url: &Url) -> bool {
        url.origin() == self.endpoint.origin()
    }

    fn target(&self, first: &Url, current: &Url, headers: &HeaderMap) -> Result<Url, HubError> {
        let location = text(headers, "location");
        let location = location.ok_or_else(|| bad_redirect(first, "to nowhere".to_owned()))?;
        let target = current.join(location);
        let target = target.map_err(|_| bad_redirect(first, "to no valid address".to_owned()))?;
        let shown = ModelUrl::from_url(target.clone());
        if !matches!(target.scheme(), "http" | "https") || !target.has_host() {
            return Err(bad_redirect(
                first,
                format!("to {}:, which is not fetched", target.scheme()),
            ));
        }
        if current.scheme() == "https" && target.scheme() == "http" {
            return Err(bad_redirect(first, format!("from https to the open {shown}")));
        }
        Ok(target)
    }
}

impl Answer {
    /// A header's text; `None` when absent or no text.
    pub fn header(&self, name: &str) -> Option<&str> {
        text(&self.headers, name)
    }

    /// The ETag, if it may be used to go on with a part of a file.
    pub fn strong_etag(&self) -> Option<&str> {
        self.header("etag").filter(|etag| etag.starts_with('"'))
    }

    /// `(first, total)` from `Content-Range: bytes FIRST-LAST/TOTAL`; `first` is `None`
    /// in `bytes */TOTAL`, `total` in `.../*`.
    pub fn content_range(&self) -> Option<(Option<u64>, Option<u64>)> {
        let (range, total) =
            self.header("content-range")?.strip_prefix("bytes ")?.split_once('/')?;
        let first = range.split_once('-').and_then(|(first, _)| first.trim().parse().ok());
        Some((first, total.trim().parse().ok()))
    }

    /// Bytes of this body, where the server says.
    pub fn content_length(&self) -> Option<u64> {
        self.header("content-length")?.trim().parse().ok()
    }

    /// Whether the body marks its own end, so that a cut cannot pass for it.
    pub fn is_chunked(&self) -> bool {
        self.header("transfer-encoding").is_some_and(|coding| coding.contains("chunked"))
    }

    /// Whether a page for people came.
    pub fn is_html(&self) -> bool {
        self.header("content-type")
            .is_some_and(|kind| kind.trim_start().to_ascii_lowercase().starts_with("text/html"))
    }

    pub fn into_reader(self) -> impl Read {
        self.body.into_reader()
    }
}

/// For people: without user, password, query and fragment.
pub(crate) fn shown(url: &Url) -> String {
    ModelUrl::from_url(url.clone()).to_string()
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

fn bad_redirect(url: &Url, reason: String) -> HubError {
    HubError::BadRedirect { url: shown(url), reason }
}

fn judge(url: &Url, response: Response<Body>) -> Result<Answer, Failure> {
    let (head, body) = response.into_parts();
    let (status, url) = (head.status.as_u16(), shown(url));
    let error = match status {
        200 | 206 | 416 => {
            return Ok(Answer { status, headers: head.headers, body });
        }
        408 | 425 | 429 | 500 | 502 | 503 | 504 => {
            return Err(Failure::Passing {
                reason: format!("HTTP {status}"),
                wait: retry_after(&head.headers),
            });
        }
        401 | 403 => HubError::Refused { url, status },
        404 | 410 => HubError::NotFound { url, status },
        _ => HubError::Status { url, status },
    };
    Err(error.into())
}

/// `Retry-After` in seconds or as a date, which is read against the server's own clock
/// where it sends its `Date`.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let value = text(headers, "retry-after")?.trim();
    if let Ok(seconds) = value.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = |value: &str| {
        let zoned = jiff::fmt::rfc2822::parse(value).ok()?;
        Some(SystemTime::from(zoned.timestamp()))
    };
    let now = text(headers, "date").and_then(date).unwrap_or_else(SystemTime::now);
    Some(date(value)?.duration_since(now).unwrap_or_default())
}

/// The library's error in our words: its own may repeat the whole address.
fn failure(url: &Url, error: ureq::Error) -> Failure {
    use std::io::ErrorKind;
    let absent = |reason: &str| Failure::Absent { reason: reason.to_owned() };
    let lasting = |reason: &str| {
        Failure::Lasting(HubError::Unreachable { url: shown(url), reason: reason.to_owned() })
    };
    match error {
        ureq::Error::HostNotFound => absent("there is no such host"),
        ureq::Error::Io(error) => match error.kind() {
            ErrorKind::ConnectionRefused => absent("the connection was refused"),
            _ => Failure::passing(error.to_string()),
        },
        ureq::Error::Timeout(_) => Failure::passing("no answer in time"),
        ureq::Error::Tls(reason) => lasting(reason),
        ureq::Error::Rustls(error) => lasting(&error.to_string()),
        ureq::Error::Protocol(error) => Failure::passing(error.to_string()),
        ureq::Error::ConnectProxyFailed(_) => lasting("the proxy refuses to connect"),
        ureq::Error::InvalidProxyUrl => lasting("the proxy's address is invalid"),
        ureq::Error::ConnectionFailed => Failure::passing("the connection failed"),
        _ => lasting("the request could not be made"),
    }
}
