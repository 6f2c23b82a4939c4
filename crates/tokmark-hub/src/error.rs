//! Everything that can go wrong between a name and a whole file.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokmark_model::Bytes;

/// Why a model could not be had. Addresses are shown without user, password, query and
/// fragment; tokens are never part of a message.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HubError {
    /// The text is no path, address, repository or name.
    #[error("`{text}` is no model source: {reason}")]
    BadSource {
        /// What was written.
        text: String,
        /// What is wrong with it, and what would be right.
        reason: String,
    },
    /// A hash was given that is none.
    #[error("`{text}` is no SHA-256; give its 64 hexadecimal digits")]
    BadSha256 {
        /// What was given.
        text: String,
    },
    /// The file is not there.
    #[error("no model file at `{path}`; check the path; a repository is written hf:owner/repo")]
    FileMissing {
        /// Where it should have been.
        path: PathBuf,
    },
    /// A folder, a device, or an empty file.
    #[error("`{path}` is no model file: it is {found}; give the path of a GGUF file")]
    NotAFile {
        /// The path that was given.
        path: PathBuf,
        /// What is there instead.
        found: &'static str,
    },
    /// A model that is cut into several files lacks one.
    #[error("part `{file}` of the model is missing; all parts must lie in one folder")]
    PartMissing {
        /// The name of the absent file.
        file: String,
    },
    /// No cached model is called so.
    #[error("no model called `{name}` in the cache; {}", known_names(.known))]
    UnknownName {
        /// What was asked for.
        name: String,
        /// File names that the cache holds, sorted.
        known: Vec<String>,
    },
    /// Several different cached models could be meant.
    #[error("`{name}` may mean several models: {}; write one of these", .candidates.join(", "))]
    AmbiguousName {
        /// What was asked for.
        name: String,
        /// Texts that name one model each.
        candidates: Vec<String>,
    },
    /// Offline was asked for, and the model is not here.
    #[error("`{what}` is not in the cache, and offline was asked for; run once without --offline")]
    Offline {
        /// The source that was asked for.
        what: String,
    },
    /// The repository has no GGUF of that quantization, or no file of that name.
    #[error("{repo} has no `{wanted}`; it has: {}", .available.join(", "))]
    NoSuchFile {
        /// `owner/repo`.
        repo: String,
        /// Quantization or file name that was asked for.
        wanted: String,
        /// Model files that there are.
        available: Vec<String>,
    },
    /// The repository holds no GGUF model.
    #[error("{repo} holds no GGUF model; look for a repository whose name ends in -GGUF")]
    NoModel {
        /// `owner/repo`.
        repo: String,
    },
    /// 401 or 403.
    #[error(
        "{url} may not be read (HTTP {status}); check the spelling, and for a gated or private \
         model accept its licence on the site and set HF_TOKEN"
    )]
    Refused {
        /// The address.
        url: String,
        /// The HTTP status.
        status: u16,
    },
    /// 404 or 410.
    #[error("nothing at {url} (HTTP {status}); check the spelling")]
    NotFound {
        /// The address.
        url: String,
        /// The HTTP status.
        status: u16,
    },
    /// The server asked for a longer pause than is waited for.
    #[error("{url} asks to come back in {} s; try again then", .wait.as_secs())]
    Busy {
        /// The address.
        url: String,
        /// The pause it asked for.
        wait: Duration,
    },
    /// Another HTTP status than any expected one.
    #[error("{url} answered HTTP {status}; try again later or take another source")]
    Status {
        /// The address.
        url: String,
        /// The HTTP status.
        status: u16,
    },
    /// No answer.
    #[error(
        "{url} cannot be reached: {reason}; check the network and the proxy, or use --offline \
         with a model that is here"
    )]
    Unreachable {
        /// The address.
        url: String,
        /// What the network said.
        reason: String,
    },
    /// The connection broke again and again.
    #[error(
        "{url} broke off after {} of {}: {reason}; run the same command again to go on from there",
        bytes(*.have), .total.map_or("an unknown number of bytes".to_owned(), bytes)
    )]
    BrokenOff {
        /// The address.
        url: String,
        /// What is kept.
        have: Bytes,
        /// The whole size.
        total: Option<Bytes>,
        /// What happened last.
        reason: String,
    },
    /// Redirected in circles, or somewhere that may not be followed.
    #[error("{url} redirects {reason}; give the address of the file itself")]
    BadRedirect {
        /// The address that was asked for.
        url: String,
        /// Where to, or how often.
        reason: String,
    },
    /// Something else than a model came.
    #[error("{url} is no GGUF model but {found}; give the address of the file itself{}", blob_hint(.url))]
    NotAModel {
        /// The address.
        url: String,
        /// What came.
        found: String,
    },
    /// The size is not the one that was announced.
    #[error(
        "{what} has {}, but {} were announced; try again, the file may just have been replaced",
        bytes(*.found), bytes(*.expected)
    )]
    WrongSize {
        /// Address or file.
        what: String,
        /// What was announced.
        expected: Bytes,
        /// What there was.
        found: Bytes,
    },
    /// The content is not the one that was announced.
    #[error("{what} has SHA-256 {found}, but {expected} was expected; {advice}")]
    WrongHash {
        /// Address or file.
        what: String,
        /// The hash that was expected.
        expected: String,
        /// The hash of what there is.
        found: String,
        /// What to try next.
        advice: &'static str,
    },
    /// The end of the file cannot be told from a cut connection.
    #[error(
        "{url} does not say how large the file is, so a cut would go unseen; append \
         #sha256=HASH to the address"
    )]
    UnknownSize {
        /// The address.
        url: String,
    },
    /// The server's answer makes no sense.
    #[error("{url} gave an answer that makes no sense: {reason}; check HF_ENDPOINT and the proxy")]
    BadAnswer {
        /// The address.
        url: String,
        /// What is wrong with it.
        reason: String,
    },
    /// Too little room.
    #[error(
        "no room in `{folder}`: {} more are needed{}; free some space, or set TOKMARK_CACHE to \
         another disk",
        bytes(*.needed), .free.map_or(String::new(), |free| format!(" and {} are free", bytes(free)))
    )]
    DiskFull {
        /// Where it was to be written.
        folder: PathBuf,
        /// How much was still to come.
        needed: Bytes,
        /// How much there is, where it was asked beforehand.
        free: Option<Bytes>,
    },
    /// No home folder, hence no cache folder.
    #[error("no folder for the cache: this system names no home; set TOKMARK_CACHE")]
    NoCacheFolder,
    /// The file was written to while it was read.
    #[error("`{path}` changed while it was read; try again when nothing writes to it")]
    ChangedWhileRead {
        /// The file.
        path: PathBuf,
    },
    /// [`crate::Progress::cancelled`] said so.
    #[error("fetching {what} was stopped; run the same command again to go on from there")]
    Cancelled {
        /// The file's name.
        what: String,
    },
    /// The file system refused.
    #[error("cannot {action} `{path}`: {source}; check that it exists and its permissions")]
    Io {
        /// A verb: `read`, `write`, `lock`.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

impl HubError {
    /// For `map_err`: the system refused to `action` the file at `path`.
    pub(crate) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> HubError {
        let path = path.to_owned();
        move |source| match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => HubError::DiskFull {
                folder: path.parent().map(Path::to_owned).unwrap_or(path),
                needed: Bytes(1),
                free: None,
            },
            _ => HubError::Io { action, path, source },
        }
    }
}

fn known_names(known: &[String]) -> String {
    if known.is_empty() {
        return "it is empty: give a path, a URL or hf:owner/repo".to_owned();
    }
    format!("it holds: {}", known.join(", "))
}

fn blob_hint(url: &str) -> &'static str {
    if url.contains("/blob/") { ", with /resolve/ in place of /blob/" } else { "" }
}

/// `98.4 MB` and the like, powers of ten.
pub(crate) fn bytes(count: Bytes) -> String {
    let Bytes(count) = count;
    match count {
        0..1_000 => format!("{count} bytes"),
        1_000..1_000_000 => format!("{:.1} kB", count as f64 * 1e-3),
        1_000_000..1_000_000_000 => format!("{:.1} MB", count as f64 * 1e-6),
        _ => format!("{:.2} GB", count as f64 * 1e-9),
    }
}
