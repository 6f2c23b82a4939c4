//! Putting a file of this machine into the cache.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};
use tokmark_model::Bytes;

use crate::cache::{Lying, Origin, beside};
use crate::download::Fetcher;
use crate::hash::{checked_sha256, hex, regular_file};
use crate::source::is_safe_name;
use crate::{DEFAULT_MODEL, HubError, Silent};

/// Copies `src` to `name` in the cache: beside its place first, hashed on the way, moved
/// when it is whole and right. Does nothing when the cache holds that content already.
pub(crate) fn add_file(
    fetcher: &Fetcher<'_>,
    src: &Path,
    name: &str,
    expected_sha256: Option<&str>,
) -> Result<PathBuf, HubError> {
    if !is_safe_name(name) {
        return Err(HubError::BadSource {
            text: name.to_owned(),
            reason: "it cannot name a file in the cache; take letters, digits, - _ and ."
                .to_owned(),
        });
    }
    let expected = expected_sha256.map(checked_sha256).transpose()?;
    let dest = fetcher.cache.added_file(name);
    let _lock = fetcher.cache.lock(&dest, fetcher.outside, &mut Silent)?;
    if expected.is_some() {
        let lying = fetcher.cache.look(&dest, expected.as_deref(), fetcher.hashes)?;
        if matches!(lying, Lying::Whole(_)) {
            return Ok(dest);
        }
    }
    let size_bytes = regular_file(src)?.len();
    let folder = &fetcher.cache.root;
    if let Ok(free) = (fetcher.outside.free_space)(folder)
        && size_bytes > free
    {
        return Err(HubError::DiskFull {
            folder: folder.clone(),
            needed: Bytes(size_bytes),
            free: Some(Bytes(free)),
        });
    }
    let part = beside(&dest, ".adding");
    let added = copy(src, &part).and_then(|(copied, sha256)| {
        check(src, size_bytes, copied, expected.as_deref(), &sha256)?;
        let is_default = sha256 == DEFAULT_MODEL.sha256;
        let origin = Origin {
            source_label: format!("file:{name}"),
            publisher: is_default.then(|| DEFAULT_MODEL.publisher.to_owned()),
            sha256: Some(sha256.clone()),
            size_bytes,
        };
        fetcher.cache.put(&part, &dest, &origin)?;
        Ok(sha256)
    });
    let sha256 = added.inspect_err(|_| {
        let _ = fs::remove_file(&part);
    })?;
    if let Ok(metadata) = regular_file(&dest) {
        fetcher.hashes.remember(&dest, &metadata, &sha256);
    }
    Ok(dest)
}

fn check(
    src: &Path,
    size_bytes: u64,
    copied: u64,
    expected: Option<&str>,
    found: &str,
) -> Result<(), HubError> {
    if copied != size_bytes {
        return Err(HubError::ChangedWhileRead { path: src.to_owned() });
    }
    match expected.filter(|expected| *expected != found) {
        Some(expected) => Err(HubError::WrongHash {
            what: src.display().to_string(),
            expected: expected.to_owned(),
            found: found.to_owned(),
            advice: "it is another file or damaged; get it anew",
        }),
        None => Ok(()),
    }
}

/// Copies and brings to the disk; returns size and hash of what was copied.
fn copy(from: &Path, to: &Path) -> Result<(u64, String), HubError> {
    let mut source = File::open(from).map_err(HubError::io("read", from))?;
    let mut target = File::create(to).map_err(HubError::io("write", to))?;
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; 1 << 20];
    let mut copied = 0;
    loop {
        let count = source.read(&mut buffer).map_err(HubError::io("read", from))?;
        if count == 0 {
            break;
        }
        target.write_all(&buffer[..count]).map_err(HubError::io("write", to))?;
        hasher.update(&buffer[..count]);
        copied += count as u64;
    }
    target.sync_all().map_err(HubError::io("write", to))?;
    Ok((copied, hex(hasher)))
}
