//! What the user wrote to name a model.

use std::fmt;
use std::path::{Path, PathBuf};

use url::Url;

use crate::HubError;
use crate::hash::checked_sha256;

/// Where a model is to come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// A file on this machine. A bare file name that does not exist there is also
    /// looked for in the cache.
    Path(PathBuf),
    /// A file on the web.
    Url {
        /// Its address, without the part after `#`.
        url: ModelUrl,
        /// What its SHA-256 must be, 64 lower-case hex digits, from `#sha256=`. Of a
        /// model in several files it is that of the first.
        sha256: Option<String>,
    },
    /// A GGUF file in a Hugging Face repository.
    HuggingFace {
        /// User or organization, which is the publisher.
        owner: String,
        /// The repository's name.
        repo: String,
        /// Quantization as in the file's name (`Q4_K_M`), letter case ignored. `None`:
        /// `Q4_K_M`, else `Q8_0`, else the first model file, as llama.cpp chooses.
        quant: Option<String>,
        /// Path of the file inside the repository; wins over `quant`.
        file: Option<String>,
    },
    /// A model in the cache: its file name, the name without `.gguf`, or the beginning
    /// of exactly one.
    Name(String),
}

impl Source {
    /// Reads `text`, in this order: `hf:owner/repo`, `hf:owner/repo:QUANT` or
    /// `hf:owner/repo/FILE.gguf`; `http://` or `https://`, optionally with
    /// `#sha256=HASH` at the end; a file that exists, or something that contains a path
    /// separator or ends in `.gguf`; else a name in the cache. Looks at the file system
    /// but reads no file.
    ///
    /// ```
    /// use tokmark_hub::Source;
    /// let source = Source::parse("hf:owner/repo:q8_0")?;
    /// assert_eq!(source.to_string(), "hf:owner/repo:q8_0");
    /// # Ok::<(), tokmark_hub::HubError>(())
    /// ```
    ///
    /// # Errors
    /// [`HubError::BadSource`] and [`HubError::BadSha256`] when it begins like one of
    /// these and does not go on like it, or is empty.
    pub fn parse(text: &str) -> Result<Source, HubError> {
        let trimmed = text.trim();
        if trimmed.is_empty() {
            return Err(bad(text, "it is empty; give a path, a URL, hf:owner/repo or a name"));
        }
        if let Some(spec) = trimmed.strip_prefix("hf:") {
            return Source::hugging_face(spec.trim_start_matches("//"), None);
        }
        let lower = trimmed.to_ascii_lowercase();
        if lower.starts_with("http://") || lower.starts_with("https://") {
            return parse_url(trimmed);
        }
        let path = Path::new(text);
        if path.is_file() || text.contains(std::path::is_separator) || lower.ends_with(".gguf") {
            return Ok(Source::Path(path.to_owned()));
        }
        Ok(Source::Name(trimmed.to_owned()))
    }

    /// Reads what llama-bench's `-hf` takes (`owner/repo`, `owner/repo:QUANT`) with what
    /// its `-hff` takes (`file`, a path inside the repository). Also
    /// `owner/repo/FILE.gguf`.
    ///
    /// # Errors
    /// [`HubError::BadSource`] when owner or repository is missing or cannot be one.
    pub fn hugging_face(spec: &str, file: Option<&str>) -> Result<Source, HubError> {
        let shape = "write hf:owner/repo, hf:owner/repo:QUANT or hf:owner/repo/FILE.gguf";
        let shown = format!("hf:{spec}");
        let (path, quant) = match spec.split_once(':') {
            Some((path, quant)) if is_repo_name(quant) => (path, Some(quant.to_owned())),
            Some(_) => return Err(bad(&shown, shape)),
            None => (spec, None),
        };
        let mut segments = path.splitn(3, '/');
        let (Some(owner), Some(repo)) = (segments.next(), segments.next()) else {
            return Err(bad(&shown, shape));
        };
        if !is_repo_name(owner) || !is_repo_name(repo) {
            return Err(bad(&shown, shape));
        }
        let file = file.or(segments.next()).map(str::to_owned);
        if file.as_deref().is_some_and(|file| !is_safe_relative(file)) {
            return Err(bad(&shown, "the file must be a path inside the repository"));
        }
        Ok(Source::HuggingFace { owner: owner.to_owned(), repo: repo.to_owned(), quant, file })
    }
}

impl fmt::Display for Source {
    /// In the notation of [`Source::parse`], an address without its secrets.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Source::Path(path) => write!(formatter, "{}", path.display()),
            Source::Url { url, .. } => write!(formatter, "{url}"),
            Source::Name(name) => formatter.write_str(name),
            Source::HuggingFace { owner, repo, quant, file } => {
                write!(formatter, "hf:{owner}/{repo}")?;
                match (file, quant) {
                    (Some(file), _) => write!(formatter, "/{file}"),
                    (None, Some(quant)) => write!(formatter, ":{quant}"),
                    (None, None) => Ok(()),
                }
            }
        }
    }
}

/// An `http` or `https` address. Shown, also by `Debug`, without user, password, query
/// and fragment, in which secrets hide.
#[derive(Clone, PartialEq, Eq)]
pub struct ModelUrl(Url);

impl ModelUrl {
    /// # Errors
    /// [`HubError::BadSource`] when `text` is no `http` or `https` address with a host.
    pub fn parse(text: &str) -> Result<ModelUrl, HubError> {
        let url = Url::parse(text).map_err(|error| bad(&redact(text), &error.to_string()))?;
        if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
            return Err(bad(&redact(text), "only http:// and https:// are fetched"));
        }
        Ok(ModelUrl(url))
    }

    pub(crate) fn from_url(url: Url) -> ModelUrl {
        ModelUrl(url)
    }

    pub(crate) fn url(&self) -> &Url {
        &self.0
    }

    /// The last segment of the path, decoded; `None` when it cannot name a file.
    pub fn file_name(&self) -> Option<String> {
        let last = self.0.path_segments()?.next_back()?;
        let decoded = percent_decoded(last)?;
        is_safe_name(&decoded).then_some(decoded)
    }
}

impl fmt::Display for ModelUrl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let host = self.0.host_str().unwrap_or_default();
        write!(formatter, "{}://{host}", self.0.scheme())?;
        if let Some(port) = self.0.port() {
            write!(formatter, ":{port}")?;
        }
        formatter.write_str(self.0.path())
    }
}

impl fmt::Debug for ModelUrl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "ModelUrl({self})")
    }
}

fn parse_url(text: &str) -> Result<Source, HubError> {
    let mut url = ModelUrl::parse(text)?;
    let sha256 = match url.0.fragment() {
        Some(fragment) => match fragment.strip_prefix("sha256=") {
            Some(hash) => Some(checked_sha256(hash)?),
            None => {
                let reason = "after # only sha256=HASH is understood";
                return Err(bad(&url.to_string(), reason));
            }
        },
        None => None,
    };
    url.0.set_fragment(None);
    if url.file_name().is_none() {
        let reason = "the address ends in no file name; give that of the file itself";
        return Err(bad(&url.to_string(), reason));
    }
    Ok(Source::Url { url, sha256 })
}

fn bad(text: &str, reason: &str) -> HubError {
    HubError::BadSource { text: text.to_owned(), reason: reason.to_owned() }
}

/// For a text that is no address and may hold a password all the same.
fn redact(text: &str) -> String {
    let end = text.find(['?', '#']).unwrap_or(text.len());
    let text = &text[..end];
    match (text.find("://"), text.rfind('@')) {
        (Some(scheme), Some(at)) if at > scheme => {
            format!("{}://…{}", &text[..scheme], &text[at..])
        }
        _ => text.to_owned(),
    }
}

/// Hugging Face's alphabet for users, repositories and tags.
fn is_repo_name(text: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    !text.is_empty() && text != "." && text != ".." && text.chars().all(allowed)
}

/// Whether `name` can be a file's name inside the cache on every system.
pub(crate) fn is_safe_name(name: &str) -> bool {
    let forbidden = |c: char| c.is_control() || "/\\:*?\"<>|".contains(c);
    !name.is_empty() && name.len() <= 200 && !name.starts_with('.') && !name.contains(forbidden)
}

/// Whether `path` stays inside the folder to which it is relative.
pub(crate) fn is_safe_relative(path: &str) -> bool {
    path.split('/').all(is_safe_name)
}

fn percent_decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let digit = |byte: Option<u8>| char::from(byte?).to_digit(16);
        let (high, low) = (digit(rest.next())?, digit(rest.next())?);
        bytes.push(u8::try_from(high * 16 + low).ok()?);
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hf(owner: &str, repo: &str, quant: Option<&str>, file: Option<&str>) -> Source {
        Source::HuggingFace {
            owner: owner.into(),
            repo: repo.into(),
            quant: quant.map(str::to_owned),
            file: file.map(str::to_owned),
        }
    }

    #[test]
    fn repositories_are_read() {
        let parse = |text| Source::parse(text).unwrap();
        assert_eq!(parse("hf:a/b"), hf("a", "b", None, None));
        assert_eq!(parse("hf:a/b-GGUF:Q4_1"), hf("a", "b-GGUF", Some("Q4_1"), None));
        assert_eq!(parse("hf:a/b/c/d.gguf"), hf("a", "b", None, Some("c/d.gguf")));
        let with_file = Source::hugging_face("a/b:Q4_1", Some("x.gguf")).unwrap();
        assert_eq!(with_file, hf("a", "b", Some("Q4_1"), Some("x.gguf")));
        for wrong in ["hf:", "hf:a", "hf:a/", "hf:a/b:", "hf:../b", "hf:a/b/../../c", "hf:a b/c"] {
            let message = Source::parse(wrong).unwrap_err().to_string();
            assert!(message.contains(wrong), "{message}");
        }
    }

    #[test]
    fn addresses_are_read() {
        let hash = "AB".repeat(32);
        let source = Source::parse(&format!("https://h/x%20y.gguf?t=1#sha256={hash}")).unwrap();
        let Source::Url { url, sha256 } = source else { panic!("{source:?}") };
        assert_eq!(sha256, Some("ab".repeat(32)));
        assert_eq!(url.file_name().unwrap(), "x y.gguf");
        assert!(Source::parse("https://h/x.gguf#sha256=12").is_err());
        assert!(Source::parse("https://h/x.gguf#md5=12").is_err());
        assert!(Source::parse("https://h/").is_err());
        assert!(Source::parse("https://h/..%2fx.gguf").is_err());
    }

    #[test]
    fn addresses_are_shown_without_secrets() {
        let source = Source::parse("https://me:pass@h:8443/x.gguf?sig=secret").unwrap();
        for shown in [source.to_string(), format!("{source:?}")] {
            assert!(shown.contains("https://h:8443/x.gguf"), "{shown}");
            assert!(!shown.contains("pass") && !shown.contains("secret"), "{shown}");
        }
        let error = Source::parse("https://me:pass@[bad/x.gguf?sig=secret").unwrap_err();
        let shown = error.to_string();
        assert!(!shown.contains("pass") && !shown.contains("secret"), "{shown}");
    }

    #[test]
    fn paths_and_names_are_told_apart() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("plain");
        std::fs::write(&file, "x").unwrap();
        let parse = |text: &str| Source::parse(text).unwrap();
        assert_eq!(parse(file.to_str().unwrap()), Source::Path(file));
        assert_eq!(parse("absent/model"), Source::Path("absent/model".into()));
        assert_eq!(parse("x.GGUF"), Source::Path("x.GGUF".into()));
        assert_eq!(parse("SmolLM2"), Source::Name("SmolLM2".into()));
        assert!(Source::parse(" ").is_err());
    }
}
