//! Where a server is.

use std::net::IpAddr;

use ureq::http::Uri;

use crate::ClientError;

/// Scheme, host, port and the path that the server's own paths follow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Address {
    text: String,
    host: String,
    is_loopback: bool,
}

impl Address {
    /// Without a scheme it is `http`, as the other commands take it.
    pub(super) fn parse(text: &str) -> Result<Self, ClientError> {
        let bad = |reason| ClientError::BadAddress { reason };
        let text = text.trim();
        let whole = if text.contains("://") { text.to_owned() } else { format!("http://{text}") };
        if whole.contains('#') {
            return Err(bad("it has a '#'; leave that and the rest away"));
        }
        let uri: Uri = whole
            .parse()
            .map_err(|_| bad("write it as https://bench.example.org or 127.0.0.1:8080"))?;
        if !matches!(uri.scheme_str(), Some("http" | "https")) {
            return Err(bad("it begins with neither http:// nor https://"));
        }
        let authority = uri.authority().ok_or_else(|| bad("it has no host"))?;
        if authority.as_str().contains('@') {
            return Err(bad("it holds a user or a password; a token is given apart"));
        }
        if uri.query().is_some() {
            return Err(bad("it has a '?'; leave that and the rest away"));
        }
        let name = authority.host();
        if name.is_empty() {
            return Err(bad("it has no host"));
        }
        if authority.as_str() != name && authority.port_u16().is_none() {
            return Err(bad("what follows the ':' is no port"));
        }
        let plain = name.trim_start_matches('[').trim_end_matches(']');
        let is_loopback = plain.eq_ignore_ascii_case("localhost")
            || plain.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback());
        let host = authority.as_str().to_owned();
        Ok(Address { text: whole.trim_end_matches('/').to_owned(), host, is_loopback })
    }

    pub(super) fn as_str(&self) -> &str {
        &self.text
    }

    /// Host and port, for people.
    pub(super) fn host(&self) -> &str {
        &self.host
    }

    /// Whether the server is on this machine.
    pub(super) fn is_loopback(&self) -> bool {
        self.is_loopback
    }

    /// The address of one of the server's paths, which begins with a slash.
    pub(super) fn join(&self, path: &str) -> String {
        format!("{}{path}", self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_follow_the_address_with_its_own_path() {
        let joined = |text: &str| Address::parse(text).unwrap().join("/api/jobs");
        assert_eq!(joined("127.0.0.1:8080"), "http://127.0.0.1:8080/api/jobs");
        assert_eq!(joined("https://bench.example.org/"), "https://bench.example.org/api/jobs");
        assert_eq!(joined("http://[::1]:80/tok/"), "http://[::1]:80/tok/api/jobs");
    }

    #[test]
    fn loopback_is_told_from_other_hosts() {
        let is_loopback = |text: &str| Address::parse(text).unwrap().is_loopback();
        assert!(is_loopback("localhost:1") && is_loopback("127.1.2.3") && is_loopback("[::1]:8"));
        assert!(!is_loopback("127.0.0.1.example.org") && !is_loopback("10.0.0.1"));
    }

    #[test]
    fn what_is_no_address_is_refused_without_being_repeated() {
        let hostile = [
            "",
            "ftp://host",
            "file:///etc/passwd",
            "http://user:secret@host",
            "http://host?secret",
            "http://host#secret",
            "http://",
            "http://a b",
            "http://host:secret",
        ];
        for text in hostile {
            let error = Address::parse(text).unwrap_err();
            assert!(matches!(error, ClientError::BadAddress { .. }), "{text}");
            assert!(!error.to_string().contains("secret"), "{error}");
        }
    }
}
