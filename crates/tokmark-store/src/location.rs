use std::ffi::OsStr;
use std::fmt;
use std::path::{Path, PathBuf};

use etcetera::base_strategy::{BaseStrategy, choose_native_strategy};
use url::Url;

use crate::StoreError;

/// Where records are kept.
#[derive(Clone, PartialEq, Eq)]
pub enum StoreUrl {
    /// A file.
    Sqlite(PathBuf),
    /// A database of a server, `postgres://USER:PASSWORD@HOST:PORT/DATABASE`.
    Postgres(Url),
}

impl StoreUrl {
    /// The store that the user means: `--db`, else `DATABASE_URL`, else `tokmark.db` in
    /// the data folder, see [`default_data_folder`]. Empty texts count as absent.
    ///
    /// # Errors
    ///
    /// [`StoreError::InvalidUrl`], and [`StoreError::NoDataFolder`] where it is needed.
    pub fn from_arg(
        db: Option<&str>,
        database_url: Option<&str>,
        tokmark_data: Option<&OsStr>,
    ) -> Result<Self, StoreError> {
        match [db, database_url].into_iter().flatten().find(|text| !text.is_empty()) {
            Some(text) => Self::parse(text),
            None => Ok(StoreUrl::Sqlite(default_data_folder(tokmark_data)?.join("tokmark.db"))),
        }
    }

    /// Reads a path, `sqlite:PATH`, `sqlite://PATH` or `postgres://...`.
    ///
    /// # Errors
    ///
    /// [`StoreError::InvalidUrl`] for another scheme, an unreadable URL or an empty path.
    pub fn parse(text: &str) -> Result<Self, StoreError> {
        if let Some(rest) = text.strip_prefix("sqlite:") {
            let rest = rest.strip_prefix("//").unwrap_or(rest);
            let path = rest.split('?').next().unwrap_or_default();
            return match percent_decoded(path) {
                Some(path) if path == ":memory:" => {
                    Err(invalid(text, "a store in memory would keep nothing"))
                }
                Some(path) if !path.is_empty() => Ok(StoreUrl::Sqlite(path.into())),
                _ => Err(invalid(text, "no path")),
            };
        }
        if text.starts_with("postgres:") || text.starts_with("postgresql:") {
            let url = Url::parse(text).map_err(|error| invalid(text, &error.to_string()))?;
            return Ok(StoreUrl::Postgres(url));
        }
        match text.split_once("://") {
            Some((scheme, _)) => Err(invalid(text, &format!("unknown scheme {scheme}"))),
            None => Ok(StoreUrl::Sqlite(text.into())),
        }
    }

    /// The file of an SQLite store.
    pub fn file(&self) -> Option<&Path> {
        match self {
            StoreUrl::Sqlite(path) => Some(path),
            StoreUrl::Postgres(_) => None,
        }
    }
}

impl fmt::Display for StoreUrl {
    /// The path, or the URL without password and parameters (one of them may be a password).
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StoreUrl::Sqlite(path) => write!(f, "{}", path.display()),
            StoreUrl::Postgres(url) => f.write_str(&without_password(url.as_str())),
        }
    }
}

impl fmt::Debug for StoreUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StoreUrl({self})")
    }
}

/// `TOKMARK_DATA` where it is set, else `tokmark` in the platform's folder for data:
/// `$XDG_DATA_HOME` or `~/.local/share` on Linux, `~/Library/Application Support` on
/// macOS, `%APPDATA%` on Windows.
///
/// # Errors
///
/// [`StoreError::NoDataFolder`] where the user has no home folder.
pub fn default_data_folder(tokmark_data: Option<&OsStr>) -> Result<PathBuf, StoreError> {
    if let Some(folder) = tokmark_data.filter(|folder| !folder.is_empty()) {
        return Ok(folder.into());
    }
    choose_native_strategy()
        .map(|platform| platform.data_dir().join("tokmark"))
        .map_err(|error| StoreError::NoDataFolder { reason: error.to_string() })
}

fn invalid(text: &str, reason: &str) -> StoreError {
    StoreError::InvalidUrl { text: without_password(text), reason: reason.to_owned() }
}

/// Works on text, since a password may be the very thing that makes a URL unreadable:
/// what stands between the first colon and the last `@` before the path is left out.
fn without_password(text: &str) -> String {
    let text = text.split(['?', '#']).next().unwrap_or_default();
    let Some((scheme, rest)) = text.split_once("://") else {
        return text.to_owned();
    };
    let Some((login, place)) = rest.rsplit_once('@') else {
        return text.to_owned();
    };
    let user = login.split(':').next().unwrap_or_default();
    format!("{scheme}://{user}@{place}")
}

/// Undoes `%20` and the like; `None` where the result is no text.
fn percent_decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        let code = match (first, tail) {
            (b'%', [high, low, ..]) => std::str::from_utf8(&[*high, *low])
                .ok()
                .and_then(|digits| u8::from_str_radix(digits, 16).ok()),
            _ => None,
        };
        bytes.push(code.unwrap_or(*first));
        rest = if code.is_some() { &tail[2..] } else { tail };
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_and_urls_are_told_apart() {
        let sqlite = |text: &str| StoreUrl::Sqlite(text.into());
        assert_eq!(StoreUrl::parse("runs.db").unwrap(), sqlite("runs.db"));
        assert_eq!(StoreUrl::parse("sqlite:runs.db").unwrap(), sqlite("runs.db"));
        assert_eq!(StoreUrl::parse("sqlite://runs.db?mode=rwc").unwrap(), sqlite("runs.db"));
        assert_eq!(StoreUrl::parse("sqlite:///a/b%20c%C3%A9.db").unwrap(), sqlite("/a/b cé.db"));
        assert_eq!(StoreUrl::parse("sqlite:100%.db").unwrap(), sqlite("100%.db"));
        assert!(matches!(StoreUrl::parse("postgres://h/d").unwrap(), StoreUrl::Postgres(_)));
        assert!(matches!(StoreUrl::parse("postgresql://h/d").unwrap(), StoreUrl::Postgres(_)));
        for wrong in ["mysql://u:secret@h/d", "sqlite:", "sqlite::memory:", "postgres:// h:x/d"] {
            let error = StoreUrl::parse(wrong).unwrap_err();
            assert!(matches!(error, StoreError::InvalidUrl { .. }), "{wrong}: {error}");
            assert!(!error.to_string().contains("secret"), "{error}");
        }
    }

    #[test]
    fn the_argument_comes_before_the_environment_and_both_before_the_folder() {
        let data = Some(OsStr::new("/data"));
        let shown = |db, url| StoreUrl::from_arg(db, url, data).unwrap().to_string();
        assert_eq!(shown(Some("a.db"), Some("b.db")), "a.db");
        assert_eq!(shown(None, Some("b.db")), "b.db");
        assert_eq!(shown(Some(""), Some("")), "/data/tokmark.db");
    }

    #[test]
    fn passwords_are_never_shown() {
        for url in [
            "postgres://ann:secret@host:5432/runs",
            "postgres://ann:se%40cret@host:5432/runs?password=secret&sslmode=disable",
        ] {
            let url = StoreUrl::parse(url).unwrap();
            assert_eq!(url.to_string(), "postgres://ann@host:5432/runs");
            assert_eq!(format!("{url:?}"), "StoreUrl(postgres://ann@host:5432/runs)");
        }
        assert_eq!(without_password("postgres://ann:sec@ret:x@ho st/d"), "postgres://ann@ho st/d");
    }
}
