//! Who asks, from where, and what he may do.

use std::net::SocketAddr;

use axum::extract::{ConnectInfo, FromRequestParts, Request, State as Shared};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, header};
use axum::middleware::Next;
use axum::response::Response;
use sha2::{Digest, Sha256};
use tokmark_store::Scope;
use uuid::Uuid;

use crate::error::ServerError;
use crate::state::State;

/// Cookie in which a browser keeps its token.
pub(crate) const COOKIE: &str = "tokmark_token";

/// Unknown tokens that an address may try. Its known ones wait with it.
const GUESSES_PER_MINUTE: u32 = 120;

/// A token as its owner holds it. The store has only its hash.
#[derive(Clone)]
pub struct Token(String);

impl Token {
    /// The text to send.
    pub fn text(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Token(not shown)")
    }
}

/// A new token of 244 random bits from the system.
pub fn new_token() -> Token {
    Token(format!("tkm_{}{}", Uuid::new_v4().simple(), Uuid::new_v4().simple()))
}

/// What the store keeps of a token: its SHA-256. A token is random, so that no salt is needed.
pub fn hash_token(text: &str) -> [u8; 32] {
    Sha256::digest(text.as_bytes()).into()
}

/// Whoever asks.
#[derive(Debug, Clone)]
pub(crate) struct Caller {
    /// Under which his requests are counted: his token's name, or his address.
    pub(crate) name: String,
    scopes: Vec<Scope>,
    has_token: bool,
}

impl Caller {
    /// Whether he may do what needs `scope`. Admin may everything, submit also reads.
    pub(crate) fn may(&self, scope: Scope) -> bool {
        self.scopes.iter().any(|own| *own >= scope)
    }

    fn needs(&self, scope: Scope) -> Result<(), ServerError> {
        let name = scope_name(scope);
        match self.may(scope) {
            true => Ok(()),
            false if self.has_token => Err(ServerError::Scope { scope: name }),
            false => Err(ServerError::NoToken { scope: name }),
        }
    }
}

/// The scope's word.
pub(crate) fn scope_name(scope: Scope) -> &'static str {
    match scope {
        Scope::Read => "read",
        Scope::Submit => "submit",
        Scope::Admin => "admin",
    }
}

macro_rules! callers {
    ($($(#[$doc:meta])* $name:ident: $scope:ident),*) => { $(
        $(#[$doc])*
        #[derive(Debug, Clone)]
        pub(crate) struct $name(pub(crate) Caller);

        impl<S: Send + Sync> FromRequestParts<S> for $name {
            type Rejection = ServerError;

            async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ServerError> {
                let caller = parts.extensions.get::<Caller>().cloned();
                let caller = caller.ok_or(ServerError::Internal)?;
                caller.needs(Scope::$scope)?;
                Ok($name(caller))
            }
        }
    )* };
}

callers!(
    /// A caller who may read.
    Reader: Read,
    /// A caller who may send records and start work.
    Submitter: Submit
);

/// Refuses foreign names and foreign pages, finds out who asks, and keeps his pace.
pub(crate) async fn admit(
    Shared(state): Shared<State>,
    mut request: Request,
    next: Next,
) -> Result<Response, ServerError> {
    let host = host(request.headers()).unwrap_or_default();
    if !is_allowed(&host, &state.options.hosts) {
        return Err(ServerError::Host { host: host.chars().take(100).collect() });
    }
    let writes = !matches!(*request.method(), Method::GET | Method::HEAD | Method::OPTIONS);
    if writes && is_foreign(request.headers(), &host) {
        return Err(ServerError::CrossOrigin);
    }
    let peer = request.extensions().get::<ConnectInfo<SocketAddr>>().map(|info| info.0);
    let caller = caller(&state, request.headers(), peer).await?;
    let limits = &state.options.limits;
    let limit = if writes { limits.writes_per_minute } else { limits.reads_per_minute };
    state
        .pace
        .take(&caller.name, writes, limit)
        .map_err(|after_s| ServerError::TooMany { after_s })?;
    request.extensions_mut().insert(caller);
    Ok(next.run(request).await)
}

async fn caller(
    state: &State,
    headers: &HeaderMap,
    peer: Option<SocketAddr>,
) -> Result<Caller, ServerError> {
    let address = peer.map_or_else(|| "unknown".to_owned(), |peer| peer.ip().to_string());
    let open = if state.options.public { vec![Scope::Read] } else { Vec::new() };
    let given = bearer(headers).map(|token| (token, true));
    let Some((token, from_header)) = given.or_else(|| cookie(headers).map(|token| (token, false)))
    else {
        return Ok(Caller { name: address, scopes: open, has_token: false });
    };
    // Guesses are slowed down before they cost a query.
    let guesser = format!("{address}, unknown tokens");
    let slower = |after_s| ServerError::TooMany { after_s };
    state.pace.look(&guesser, GUESSES_PER_MINUTE).map_err(slower)?;
    let now = (state.options.clock)();
    match state.store.tokens().find(&hash_token(token), now).await? {
        Some(row) => {
            Ok(Caller { name: format!("token {}", row.name), scopes: row.scopes, has_token: true })
        }
        None => {
            state.pace.take(&guesser, true, GUESSES_PER_MINUTE).map_err(slower)?;
            match from_header {
                true => Err(ServerError::UnknownToken),
                // A browser keeps a cookie longer than a token lives.
                false => Ok(Caller { name: address, scopes: open, has_token: false }),
            }
        }
    }
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

fn cookie(headers: &HeaderMap) -> Option<&str> {
    let all = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    all.flat_map(|value| value.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find_map(|(name, value)| (name == COOKIE).then_some(value))
}

/// Name and port under which the server was asked.
fn host(headers: &HeaderMap) -> Option<String> {
    Some(headers.get(header::HOST)?.to_str().ok()?.to_ascii_lowercase())
}

fn is_allowed(host: &str, others: &[String]) -> bool {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) => name,
        _ => host,
    };
    let own = ["localhost", "127.0.0.1", "[::1]"];
    own.contains(&name)
        || others.iter().any(|other| {
            let other = other.to_ascii_lowercase();
            other == name || other == host
        })
}

/// Whether a browser says that the request comes from another site's page.
fn is_foreign(headers: &HeaderMap, host: &str) -> bool {
    let text = |name| headers.get(name).and_then(|value: &header::HeaderValue| value.to_str().ok());
    if let Some(site) = text(header::HeaderName::from_static("sec-fetch-site"))
        && !matches!(site, "same-origin" | "none")
    {
        return true;
    }
    match text(header::ORIGIN) {
        None => false,
        Some(origin) => {
            origin.split_once("://").is_none_or(|(_, name)| !name.eq_ignore_ascii_case(host))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_own_names_are_answered() {
        for host in ["localhost", "localhost:8080", "127.0.0.1:1", "[::1]:80", "bench.example"] {
            assert!(is_allowed(host, &["bench.example".to_owned()]), "{host}");
        }
        for host in ["", "evil.example", "localhost.evil.example", "127.0.0.1.evil:80", "[::2]:80"]
        {
            assert!(!is_allowed(host, &[]), "{host}");
        }
    }

    #[test]
    fn foreign_pages_are_told_by_what_browsers_send() {
        let headers = |pairs: &[(&'static str, &'static str)]| {
            let pairs = pairs.iter();
            pairs
                .map(|(name, value)| {
                    (header::HeaderName::from_static(name), header::HeaderValue::from_static(value))
                })
                .collect::<HeaderMap>()
        };
        assert!(!is_foreign(&headers(&[]), "localhost:80"));
        assert!(!is_foreign(&headers(&[("origin", "http://localhost:80")]), "localhost:80"));
        assert!(is_foreign(&headers(&[("origin", "http://evil.example")]), "localhost:80"));
        assert!(is_foreign(&headers(&[("origin", "null")]), "localhost:80"));
        assert!(is_foreign(&headers(&[("sec-fetch-site", "cross-site")]), "localhost:80"));
    }
}
