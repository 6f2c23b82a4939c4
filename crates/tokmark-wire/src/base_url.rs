//! The address that a user gives, and where each path of a server lies under it.

use std::fmt;
use std::str::FromStr;

use url::{Host, Url};

use crate::WireError;

/// OpenRouter's host, whose API lies under `/api/v1` alone
/// (its API reference, "Overview").
const OPENROUTER: &str = "openrouter.ai";

/// Ends of addresses that people copy with the path of a request in them, after `/v1`.
const REQUEST_ENDS: [&str; 3] = ["/chat/completions", "/completions", "/models"];

/// Base URL of a server. `Display` and `Debug` show neither user information nor query.
#[derive(Clone, PartialEq, Eq)]
pub struct BaseUrl {
    /// As given, without fragment; its path is not used.
    url: Url,
    /// What stands before `/props` or `/api/ps`: empty, or `/prefix`.
    root: String,
    /// What stands before `/v1/models`: the root, or the root and `/api`.
    openai: String,
}

impl BaseUrl {
    /// Reads what a user types: `http://host:port`, with or without `/v1`, with a path prefix,
    /// with or without a scheme.
    ///
    /// Without a scheme it is `https` for a name with a dot and no port, as `openrouter.ai`,
    /// and `http` for everything else, as `localhost:8080` or `10.0.0.7`. Of
    /// `http://host/api/v1` (Lemonade, OpenRouter) the OpenAI API lies under `/api/v1` and
    /// everything else under `/`.
    ///
    /// # Errors
    /// [`WireError::BaseUrl`] when it is no URL, has no host, or another scheme.
    pub fn parse(input: &str) -> Result<Self, WireError> {
        let input = input.trim();
        if input.is_empty() {
            return Err(WireError::base_url("it is empty"));
        }
        let mut url = parse_with_scheme(input)?;
        if !matches!(url.scheme(), "http" | "https") {
            let reason = format!("the scheme {} is neither http nor https", url.scheme());
            return Err(WireError::base_url(reason));
        }
        url.set_fragment(None);
        let path = url.path().trim_end_matches('/');
        let path = without_request_end(path);
        let (prefix, is_versioned) = match path.strip_suffix("/v1") {
            Some(prefix) => (prefix, true),
            None => (path, false),
        };
        let root = prefix.strip_suffix("/api").unwrap_or(prefix);
        let is_openrouter = url.domain() == Some(OPENROUTER);
        let openai = match is_versioned {
            true => prefix.to_owned(),
            false if is_openrouter => format!("{root}/api"),
            false => root.to_owned(),
        };
        let root = root.to_owned();
        Ok(BaseUrl { url, root, openai })
    }

    /// The URL to ask for a path such as `/v1/models`, `/props` or `/api/chat`: paths under
    /// `/v1` lie where the OpenAI API does, all others under the root. It keeps the query that
    /// the user gave, which may be a secret, and leaves out user information
    /// ([`BaseUrl::basic_auth`]).
    pub fn at(&self, path: &str) -> Url {
        let prefix = if path.starts_with("/v1/") { &self.openai } else { &self.root };
        let mut url = self.without_user();
        url.set_path(&format!("{prefix}{path}"));
        url
    }

    /// User and password of the address, percent-decoded.
    pub fn basic_auth(&self) -> Option<(String, String)> {
        let decode = |text: &str| {
            percent_decoded(text.as_bytes())
                .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
        };
        if self.url.username().is_empty() && self.url.password().is_none() {
            return None;
        }
        let user = decode(self.url.username())?;
        Some((user, decode(self.url.password().unwrap_or_default())?))
    }

    /// The values of the address's query, as they are sent and decoded. Any of them may be a
    /// secret.
    pub fn query_values(&self) -> Vec<String> {
        let raw = self.url.query().unwrap_or_default().split('&');
        let raw = raw.map(|pair| pair.split_once('=').map_or(pair, |(_, value)| value).to_owned());
        let decoded = self.url.query_pairs().map(|(_, value)| value.into_owned());
        let mut values: Vec<String> = raw.chain(decoded).filter(|v| !v.is_empty()).collect();
        values.sort_unstable();
        values.dedup();
        values
    }

    /// Whether the server runs on this machine, as far as the address tells: a loopback
    /// address, or `localhost` and names under it.
    pub fn is_loopback(&self) -> bool {
        match self.url.host() {
            Some(Host::Ipv4(address)) => address.is_loopback(),
            Some(Host::Ipv6(address)) => address.is_loopback(),
            Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
            None => false,
        }
    }

    fn without_user(&self) -> Url {
        let mut url = self.url.clone();
        // Fails only for URLs that have no host, which `parse` refuses.
        let _ = url.set_username("");
        let _ = url.set_password(None);
        url
    }
}

impl fmt::Display for BaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut url = self.without_user();
        url.set_query(None);
        url.set_path(&self.openai);
        f.write_str(url.as_str().trim_end_matches('/'))
    }
}

impl fmt::Debug for BaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BaseUrl({self})")
    }
}

impl FromStr for BaseUrl {
    type Err = WireError;

    fn from_str(input: &str) -> Result<Self, WireError> {
        BaseUrl::parse(input)
    }
}

fn parse_with_scheme(input: &str) -> Result<Url, WireError> {
    let parse = |text: &str| {
        let url = Url::parse(text).map_err(|error| WireError::base_url(error.to_string()))?;
        match url.has_host() {
            true => Ok(url),
            false => Err(WireError::base_url("it names no host")),
        }
    };
    let lower = input.to_ascii_lowercase();
    if input.contains("://") || lower.starts_with("http:") || lower.starts_with("https:") {
        return parse(input);
    }
    let url = parse(&format!("http://{input}"))?;
    let authority = input.split(['/', '?', '#']).next().unwrap_or(input);
    let has_port = authority.rsplit('@').next().is_some_and(|host| host.contains(':'));
    let is_public = !has_port && url.domain().is_some_and(|name| name.contains('.'));
    if is_public { parse(&format!("https://{input}")) } else { Ok(url) }
}

fn without_request_end(path: &str) -> &str {
    let starts = REQUEST_ENDS.iter().filter_map(|end| path.strip_suffix(end));
    starts.into_iter().find(|start| start.ends_with("/v1")).unwrap_or(path)
}

/// `None` where a `%` is followed by something else than two hexadecimal digits.
fn percent_decoded(text: &[u8]) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((&byte, tail)) = rest.split_first() {
        rest = tail;
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let (digits, tail) = rest.split_at_checked(2)?;
        rest = tail;
        let digits = std::str::from_utf8(digits).ok()?;
        bytes.push(u8::from_str_radix(digits, 16).ok()?);
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn base(input: &str) -> BaseUrl {
        BaseUrl::parse(input).unwrap()
    }

    fn at(input: &str, path: &str) -> String {
        base(input).at(path).to_string()
    }

    #[test]
    fn every_way_to_write_a_server_leads_to_its_paths() {
        let ways = [
            "http://127.0.0.1:8080",
            "http://127.0.0.1:8080/",
            "http://127.0.0.1:8080/v1",
            "http://127.0.0.1:8080/v1/",
            "127.0.0.1:8080",
            " 127.0.0.1:8080/v1/chat/completions ",
            "HTTP://127.0.0.1:8080/v1/models#top",
        ];
        for way in ways {
            assert_eq!(at(way, "/v1/models"), "http://127.0.0.1:8080/v1/models", "{way}");
            assert_eq!(at(way, "/props"), "http://127.0.0.1:8080/props", "{way}");
            assert_eq!(base(way).to_string(), "http://127.0.0.1:8080", "{way}");
        }
        assert_eq!(at("[::1]:8000", "/version"), "http://[::1]:8000/version");
        assert_eq!(at("localhost", "/health"), "http://localhost/health");
        assert_eq!(at("box.lan:80", "/health"), "http://box.lan/health");
    }

    #[test]
    fn a_prefix_stands_before_every_path() {
        let way = "https://host/llm/v1";
        assert_eq!(at(way, "/v1/chat/completions"), "https://host/llm/v1/chat/completions");
        assert_eq!(at(way, "/metrics"), "https://host/llm/metrics");
        assert_eq!(at("https://host/llm", "/v1/models"), "https://host/llm/v1/models");
        assert_eq!(base(way).to_string(), "https://host/llm");
        assert_eq!(at("https://host/models", "/v1/models"), "https://host/models/v1/models");
    }

    #[test]
    fn an_api_under_api_v1_is_asked_there_and_the_rest_at_the_root() {
        let lemonade = "http://localhost:8000/api/v1";
        assert_eq!(at(lemonade, "/v1/models"), "http://localhost:8000/api/v1/models");
        assert_eq!(at(lemonade, "/api/v1/health"), "http://localhost:8000/api/v1/health");
        assert_eq!(at(lemonade, "/metrics"), "http://localhost:8000/metrics");
        assert_eq!(at("localhost:11434/api", "/api/chat"), "http://localhost:11434/api/chat");
        assert_eq!(at("localhost:11434/api", "/v1/models"), "http://localhost:11434/v1/models");
        for way in ["openrouter.ai", "https://openrouter.ai/api", "https://openrouter.ai/api/v1"] {
            assert_eq!(at(way, "/v1/models"), "https://openrouter.ai/api/v1/models", "{way}");
        }
    }

    #[test]
    fn secrets_are_used_and_never_shown() {
        let base = base("http://me:p%40ss@host:1/v1?key=sk-123");
        assert_eq!(base.to_string(), "http://host:1");
        assert_eq!(format!("{base:?}"), "BaseUrl(http://host:1)");
        assert_eq!(base.at("/v1/models").as_str(), "http://host:1/v1/models?key=sk-123");
        assert_eq!(base.basic_auth(), Some(("me".to_owned(), "p@ss".to_owned())));
        assert_eq!(base.query_values(), ["sk-123"]);
        let several = super::BaseUrl::parse("host?a=b%2Bc&flag&d=").unwrap();
        assert_eq!(several.query_values(), ["b%2Bc", "b+c", "flag"]);
        assert_eq!(super::BaseUrl::parse("http://host").unwrap().basic_auth(), None);
        let error = BaseUrl::parse("ftp://me:secret@host").unwrap_err().to_string();
        assert!(!error.contains("secret") && error.contains("ftp"), "{error}");
        let error = BaseUrl::parse("http://me:secret@[host").unwrap_err().to_string();
        assert!(!error.contains("secret"), "{error}");
    }

    #[test]
    fn what_is_no_address_is_an_error() {
        for input in ["", "  ", "http://", "unix:///run/server", "http://host:99999", "file:///x"] {
            assert!(matches!(BaseUrl::parse(input), Err(WireError::BaseUrl { .. })), "{input}");
        }
    }

    #[test]
    fn loopback_addresses_are_told_from_others() {
        for local in ["localhost:1", "127.0.0.9", "[::1]:80", "a.localhost:80"] {
            assert!(base(local).is_loopback(), "{local}");
        }
        for other in ["10.0.0.1", "example.com", "localhost.example.com"] {
            assert!(!base(other).is_loopback(), "{other}");
        }
    }
}
