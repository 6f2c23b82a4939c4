//! Addresses without what may be secret in them.

/// `url` without user, password, query, fragment and final slash; `None` where it can't be
/// told what of it is a password.
pub(super) fn without_secrets(url: &str) -> Option<String> {
    let url = url.trim();
    let plain = url.split(['?', '#']).next().unwrap_or_default();
    let (scheme, rest) = match plain.split_once("://") {
        Some((scheme, rest)) => (format!("{scheme}://"), rest),
        None => (String::new(), plain),
    };
    let end = rest.find('/').unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
    // A password with '/' or '?' in it leaves its '@' behind the host.
    let is_ambiguous = host.len() == authority.len() && url.contains('@');
    if host.is_empty() || is_ambiguous {
        return None;
    }
    Some(format!("{scheme}{host}{}", path.trim_end_matches('/')))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_secret_is_left() {
        let kept = |url| without_secrets(url).unwrap_or_default();
        assert_eq!(kept("http://127.0.0.1:9000"), "http://127.0.0.1:9000");
        assert_eq!(kept(" https://me:word@host:1/v1/?key=word#word "), "https://host:1/v1");
        assert_eq!(kept("me:word@host/v1"), "host/v1");
        assert_eq!(kept("https://a@b:word@host"), "https://host");
        for ambiguous in
            ["http://me:wo/rd@host", "http://me:wo?rd@host", "http://me:wo#rd@host", ""]
        {
            assert_eq!(without_secrets(ambiguous), None, "{ambiguous}");
        }
    }
}
