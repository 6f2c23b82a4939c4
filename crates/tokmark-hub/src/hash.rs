//! SHA-256 of files, computed once per content.

use std::collections::BTreeMap;
use std::fs::{self, File, Metadata};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::UNIX_EPOCH;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::HubError;

const CHUNK_BYTES: usize = 1 << 20;

/// Remembers the hash of a file by its canonical path, size and time of change, in a
/// small JSON file. Processes may share it: it is replaced as a whole, and an entry that
/// is lost when two write at once is computed again. A file that cannot be read or
/// understood is ignored and rewritten; one that cannot be written costs time only.
#[derive(Debug)]
pub struct HashCache {
    file: Option<PathBuf>,
    /// Keeps threads of one process from losing each other's entries.
    writing: Mutex<()>,
}

#[derive(Debug, Default, Serialize, Deserialize)]
struct Hashes {
    version: u32,
    files: BTreeMap<String, Entry>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Entry {
    size_bytes: u64,
    modified_ns: u64,
    sha256: String,
}

const VERSION: u32 = 1;

impl HashCache {
    /// Kept in `file`, whose folder is made when first needed.
    pub fn at(file: impl Into<PathBuf>) -> Self {
        HashCache { file: Some(file.into()), writing: Mutex::new(()) }
    }

    /// Remembers nothing.
    pub fn disabled() -> Self {
        HashCache { file: None, writing: Mutex::new(()) }
    }

    fn load(&self) -> Hashes {
        let read = || -> Option<Hashes> {
            let text = fs::read(self.file.as_ref()?).ok()?;
            serde_json::from_slice(&text).ok()
        };
        read().filter(|hashes| hashes.version == VERSION).unwrap_or_default()
    }

    fn known(&self, path: &Path, metadata: &Metadata) -> Option<String> {
        let key = key(path)?;
        let entry = self.load().files.remove(&key)?;
        let current = entry_of(metadata, entry.sha256.clone())?;
        (current == entry).then_some(entry.sha256)
    }

    /// Size of a file whose hash is not known.
    pub(crate) fn unhashed_bytes(&self, path: &Path) -> Option<u64> {
        let metadata = fs::metadata(path).ok()?;
        self.known(path, &metadata).is_none().then_some(metadata.len())
    }

    /// Remembers that the file at `path` as it is now has this hash. Failure is silent:
    /// the hash is then computed again.
    pub(crate) fn remember(&self, path: &Path, metadata: &Metadata, sha256: &str) {
        let (Some(file), Some(key)) = (&self.file, key(path)) else {
            return;
        };
        let Some(entry) = entry_of(metadata, sha256.to_owned()) else {
            return;
        };
        let _writing = self.writing.lock().unwrap_or_else(|poison| poison.into_inner());
        let mut hashes = self.load();
        hashes.version = VERSION;
        hashes.files.retain(|path, _| Path::new(path).exists());
        hashes.files.insert(key, entry);
        if let Ok(text) = serde_json::to_vec_pretty(&hashes) {
            let _ = write_atomically(file, &text);
        }
    }
}

/// The SHA-256 of the file's content, 64 lower-case hex digits; from `cache` where path,
/// size and time of change are those of an earlier call, which then reads nothing.
///
/// # Errors
/// [`HubError::FileMissing`], [`HubError::NotAFile`] for a folder, [`HubError::Io`], and
/// [`HubError::ChangedWhileRead`] when size or time of change differ afterwards.
pub fn sha256_file(path: &Path, cache: &HashCache) -> Result<String, HubError> {
    let before = regular_file(path)?;
    if let Some(known) = cache.known(path, &before) {
        return Ok(known);
    }
    let mut file = File::open(path).map_err(HubError::io("read", path))?;
    let mut hasher = Sha256::new();
    hash_into(&mut file, &mut hasher).map_err(HubError::io("read", path))?;
    let sha256 = hex(hasher);
    let after = regular_file(path)?;
    if entry_of(&before, String::new()) != entry_of(&after, String::new()) {
        return Err(HubError::ChangedWhileRead { path: path.to_owned() });
    }
    cache.remember(path, &after, &sha256);
    Ok(sha256)
}

/// The metadata of a regular file (also behind a symbolic link).
pub(crate) fn regular_file(path: &Path) -> Result<Metadata, HubError> {
    let metadata = fs::metadata(path).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound | std::io::ErrorKind::NotADirectory => {
            HubError::FileMissing { path: path.to_owned() }
        }
        _ => HubError::io("read", path)(error),
    })?;
    let found = if metadata.is_dir() {
        "a folder"
    } else if !metadata.is_file() {
        "no regular file"
    } else {
        return Ok(metadata);
    };
    Err(HubError::NotAFile { path: path.to_owned(), found })
}

/// Feeds all that is left in `reader`; returns how many bytes that was.
pub(crate) fn hash_into(reader: &mut impl Read, hasher: &mut Sha256) -> std::io::Result<u64> {
    let mut buffer = vec![0; CHUNK_BYTES];
    let mut total = 0;
    loop {
        match reader.read(&mut buffer) {
            Ok(0) => return Ok(total),
            Ok(count) => {
                hasher.update(&buffer[..count]);
                total += count as u64;
            }
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// The 64 lower-case digits of a finished hash.
pub(crate) fn hex(hasher: Sha256) -> String {
    format!("{:x}", hasher.finalize())
}

/// The hash of a short text, for names inside the cache.
pub(crate) fn sha256_text(text: &str) -> String {
    hex(Sha256::new_with_prefix(text))
}

/// `text` as 64 lower-case hex digits.
pub(crate) fn checked_sha256(text: &str) -> Result<String, HubError> {
    if text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Ok(text.to_ascii_lowercase());
    }
    Err(HubError::BadSha256 { text: text.to_owned() })
}

/// Replaces the file as a whole: a reader sees the old content or the new one.
pub(crate) fn write_atomically(path: &Path, content: &[u8]) -> std::io::Result<()> {
    use std::sync::atomic::{AtomicU64, Ordering};
    static COUNTER: AtomicU64 = AtomicU64::new(0);
    let folder = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder)?;
    let unique = COUNTER.fetch_add(1, Ordering::Relaxed);
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let temporary = folder.join(format!(".{name}.{}.{unique}.tmp", std::process::id()));
    let write = || {
        let mut file = File::create(&temporary)?;
        file.write_all(content)?;
        file.sync_all()?;
        fs::rename(&temporary, path)
    };
    write().inspect_err(|_| {
        let _ = fs::remove_file(&temporary);
    })
}

/// A path that is no Unicode text has no key, and is hashed each time.
fn key(path: &Path) -> Option<String> {
    fs::canonicalize(path).ok()?.to_str().map(str::to_owned)
}

fn entry_of(metadata: &Metadata, sha256: String) -> Option<Entry> {
    let modified = metadata.modified().ok()?.duration_since(UNIX_EPOCH).ok()?;
    Some(Entry {
        size_bytes: metadata.len(),
        modified_ns: u64::try_from(modified.as_nanos()).ok()?,
        sha256,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    const ABC: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

    fn touch(path: &Path, content: &str, seconds: u64) {
        fs::write(path, content).unwrap();
        let time = UNIX_EPOCH + Duration::from_secs(seconds);
        let file = File::options().write(true).open(path).unwrap();
        file.set_modified(time).unwrap();
    }

    #[test]
    fn unchanged_files_are_not_read_again() {
        let folder = tempfile::tempdir().unwrap();
        let (path, cache) = (folder.path().join("m"), HashCache::at(folder.path().join("h.json")));
        touch(&path, "abc", 1_000);
        assert_eq!(sha256_file(&path, &cache).unwrap(), ABC);
        // Same size and time, other content: only a reader would notice.
        touch(&path, "xyz", 1_000);
        assert_eq!(sha256_file(&path, &cache).unwrap(), ABC);
        touch(&path, "xyz", 1_001);
        assert_ne!(sha256_file(&path, &cache).unwrap(), ABC);
        touch(&path, "wxyz", 1_001);
        let longer = sha256_file(&path, &cache).unwrap();
        assert_eq!(longer, sha256_file(&path, &HashCache::disabled()).unwrap());
    }

    #[test]
    fn a_corrupt_cache_is_ignored_and_rewritten() {
        let folder = tempfile::tempdir().unwrap();
        let (path, file) = (folder.path().join("m"), folder.path().join("h.json"));
        touch(&path, "abc", 1_000);
        for rubbish in ["", "{\"version\":1", "[]", "{\"version\":99,\"files\":{}}"] {
            fs::write(&file, rubbish).unwrap();
            assert_eq!(sha256_file(&path, &HashCache::at(&file)).unwrap(), ABC);
            let text = fs::read_to_string(&file).unwrap();
            assert!(text.contains(ABC), "{text}");
        }
    }

    #[test]
    fn a_cache_that_cannot_be_written_is_no_error() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("m");
        touch(&path, "abc", 1_000);
        // A file where a folder would be needed: fails for root too.
        let cache = HashCache::at(path.join("h.json"));
        assert_eq!(sha256_file(&path, &cache).unwrap(), ABC);
        assert_eq!(sha256_file(&path, &cache).unwrap(), ABC);
    }

    #[test]
    fn threads_sharing_a_cache_leave_it_readable() {
        let folder = tempfile::tempdir().unwrap();
        let cache = HashCache::at(folder.path().join("h.json"));
        std::thread::scope(|scope| {
            for number in 0..8 {
                let (path, cache) = (folder.path().join(format!("m{number}")), &cache);
                scope.spawn(move || {
                    touch(&path, "abc", 1_000);
                    assert_eq!(sha256_file(&path, cache).unwrap(), ABC);
                });
            }
        });
        assert_eq!(cache.load().files.len(), 8);
    }

    #[test]
    fn missing_files_and_folders_are_named() {
        let folder = tempfile::tempdir().unwrap();
        let cache = HashCache::disabled();
        let missing = sha256_file(&folder.path().join("absent"), &cache);
        assert!(matches!(missing, Err(HubError::FileMissing { .. })));
        let dir = sha256_file(folder.path(), &cache);
        assert!(matches!(dir, Err(HubError::NotAFile { .. })));
    }
}
