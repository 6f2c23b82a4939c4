//! Hugging Face: the files of a repository, and its own cache on this machine.
//!
//! Definitions followed: `GET /api/models/{owner}/{repo}/tree/main?recursive=true`, whose
//! entries carry `type`, `path`, `size` and for large files `lfs.oid`, their SHA-256;
//! more than one page is linked by `Link: <...>; rel="next"`. Files are at
//! `/{owner}/{repo}/resolve/main/{path}`.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use url::Url;

use crate::cache::file_name;
use crate::download::Fetcher;
use crate::http::{Answer, Failure, shown};
use crate::retry::Attempts;
use crate::source::is_safe_relative;
use crate::{HubError, Progress};

const MAX_PAGES: usize = 50;
const MAX_PAGE_BYTES: u64 = 16 << 20;

/// One file of a repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RepoFile {
    pub path: String,
    pub size_bytes: u64,
    /// Known for files in large file storage, as all models are.
    pub sha256: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Entry {
    #[serde(rename = "type")]
    kind: String,
    path: String,
    #[serde(default)]
    size: u64,
    lfs: Option<Lfs>,
}

#[derive(Debug, Deserialize)]
struct Lfs {
    oid: String,
    size: Option<u64>,
}

/// The files of the repository's main branch, in the site's order. Paths that would
/// leave a folder are left out.
pub(crate) fn repo_files(
    fetcher: &Fetcher<'_>,
    owner: &str,
    repo: &str,
    progress: &mut dyn Progress,
) -> Result<Vec<RepoFile>, HubError> {
    let mut url = fetcher.client.endpoint(&["api", "models", owner, repo, "tree", "main"]);
    url.set_query(Some("recursive=true"));
    let mut files = Vec::new();
    for _ in 0..MAX_PAGES {
        let (entries, next) = page(fetcher, &url, &format!("{owner}/{repo}"), progress)?;
        files.extend(entries.into_iter().filter_map(repo_file));
        match next {
            Some(next) => url = next,
            None => return Ok(files),
        }
    }
    Err(HubError::BadAnswer {
        url: shown(&url),
        reason: format!("more than {MAX_PAGES} pages of files"),
    })
}

/// The address of a file's content.
pub(crate) fn file_url(fetcher: &Fetcher<'_>, owner: &str, repo: &str, path: &str) -> Url {
    let mut segments = vec![owner, repo, "resolve", "main"];
    segments.extend(path.split('/'));
    fetcher.client.endpoint(&segments)
}

fn page(
    fetcher: &Fetcher<'_>,
    url: &Url,
    name: &str,
    progress: &mut dyn Progress,
) -> Result<(Vec<Entry>, Option<Url>), HubError> {
    let mut attempts = Attempts::at(shown(url), fetcher.outside);
    loop {
        let failure = match fetcher.client.get(url, None).and_then(|answer| read(url, answer)) {
            Ok(page) => return Ok(page),
            Err(failure) => failure,
        };
        attempts.wait_after(failure, name, progress, |reason| HubError::Unreachable {
            url: shown(url),
            reason,
        })?;
    }
}

fn read(url: &Url, answer: Answer) -> Result<(Vec<Entry>, Option<Url>), Failure> {
    let bad = |reason: String| {
        let url = shown(url);
        Failure::from(HubError::BadAnswer { url, reason })
    };
    if answer.is_html() {
        return Err(bad("it is a web page".to_owned()));
    }
    let next = answer.header("link").and_then(next_link);
    let next = next.map(|next| url.join(next).map_err(|error| bad(error.to_string())));
    let expected = answer.content_length();
    let mut text = Vec::new();
    let mut reader = answer.into_reader().take(MAX_PAGE_BYTES);
    let count = reader.read_to_end(&mut text);
    let count = count.map_err(|error| Failure::passing(error.to_string()))?;
    if expected.is_some_and(|expected| (count as u64) < expected) {
        return Err(Failure::passing("the connection was cut"));
    }
    let entries = serde_json::from_slice(&text).map_err(|error| bad(error.to_string()))?;
    Ok((entries, next.transpose()?))
}

/// The target of `rel="next"` in a `Link` header.
fn next_link(header: &str) -> Option<&str> {
    let link = header.split(',').find(|link| link.contains("rel=\"next\""))?;
    link.trim().strip_prefix('<')?.split_once('>').map(|(target, _)| target)
}

fn repo_file(entry: Entry) -> Option<RepoFile> {
    if entry.kind != "file" || !is_safe_relative(&entry.path) {
        return None;
    }
    let size_bytes = entry.lfs.as_ref().and_then(|lfs| lfs.size).unwrap_or(entry.size);
    let oid = entry.lfs.map(|lfs| lfs.oid);
    Some(RepoFile {
        path: entry.path,
        size_bytes,
        sha256: oid.and_then(|oid| crate::hash::checked_sha256(&oid).ok()),
    })
}

/// The file in Hugging Face's own cache, and its SHA-256 as the name of the blob behind
/// it says; `None` when it is not there. That cache holds whole files only.
pub(crate) fn in_hf_cache(
    cache_dir: &Path,
    owner: &str,
    repo: &str,
    path: &str,
) -> Option<(PathBuf, String)> {
    let file = snapshot(cache_dir, owner, repo)?.join(path);
    let blob = file_name(&fs::canonicalize(&file).ok()?);
    let sha256 = crate::hash::checked_sha256(&blob).ok()?;
    file.is_file().then_some((file, sha256))
}

/// The folder of the main branch's last known state.
pub(crate) fn snapshot(cache_dir: &Path, owner: &str, repo: &str) -> Option<PathBuf> {
    let folder = cache_dir.join(format!("models--{owner}--{repo}"));
    let commit = fs::read_to_string(folder.join("refs/main")).ok()?;
    let commit = commit.trim();
    let is_commit = !commit.is_empty() && commit.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_commit.then(|| folder.join("snapshots").join(commit))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_page_is_found() {
        let header = "<https://h/a?cursor=1>; rel=\"prev\", <https://h/a?cursor=2>; rel=\"next\"";
        assert_eq!(next_link(header), Some("https://h/a?cursor=2"));
        assert_eq!(next_link("<https://h/a>; rel=\"prev\""), None);
    }

    #[test]
    fn entries_that_leave_the_folder_are_left_out() {
        let entry =
            |path: &str| Entry { kind: "file".into(), path: path.into(), size: 3, lfs: None };
        assert!(repo_file(entry("a/b.gguf")).is_some());
        for path in ["../b.gguf", "/b.gguf", "a//b", "a/./b", "C:\\b"] {
            assert!(repo_file(entry(path)).is_none(), "{path}");
        }
    }
}
