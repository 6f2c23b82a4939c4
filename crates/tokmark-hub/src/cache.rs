//! The folder in which fetched models lie, and how they are found again.
//!
//! ```text
//! NAME.gguf                        added from a file
//! hf/OWNER/REPO/PATH               from Hugging Face; choices.json beside: quant -> path
//! url/KEY/NAME                     from the web; KEY is made from the address
//! ….source.json                    beside each: where it came from, size and hash
//! ….part, ….part.json              what is being fetched (see `part`)
//! hashes.json, .locks/             hash cache; one lock per file, never removed
//! ```

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokmark_model::Bytes;

use crate::hash::{regular_file, sha256_text, write_atomically};
use crate::quant::Split;
use crate::source::is_safe_relative;
use crate::{HashCache, HubError, ModelUrl, Outside, Progress, sha256_file};

/// Pause between two looks at a lock that another process holds.
const LOCK_PAUSE: Duration = Duration::from_millis(200);

/// How deep below the cache folder a model may lie.
const MAX_DEPTH: usize = 12;

/// A model that lies whole in the cache.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CachedModel {
    /// Its file; of a model in several files the first.
    pub path: PathBuf,
    /// The name of that file.
    pub file_name: String,
    /// Size of all its files together.
    pub size: Bytes,
    /// Where it came from, as in [`crate::LocalModel`].
    pub source_label: String,
    /// Who published it, where known.
    pub publisher: Option<String>,
    /// SHA-256 of `path` when it was put here, where known.
    pub sha256: Option<String>,
}

/// What is kept beside a file about where it came from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Origin {
    pub source_label: String,
    pub publisher: Option<String>,
    pub sha256: Option<String>,
    pub size_bytes: u64,
}

/// What lies where a file should.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Lying {
    /// Nothing, or nothing that could be what was asked for.
    Absent,
    /// The file, right as far as anything is known to check it by.
    Whole(Origin),
    /// A file whose content is not what it was, or not what it should be.
    Spoiled { expected: String, found: String },
}

#[derive(Debug)]
pub(crate) struct Cache {
    pub root: PathBuf,
}

impl Cache {
    pub fn hashes_file(&self) -> PathBuf {
        self.root.join("hashes.json")
    }

    pub fn added_file(&self, name: &str) -> PathBuf {
        self.root.join(name)
    }

    pub fn repo_folder(&self, owner: &str, repo: &str) -> PathBuf {
        self.root.join("hf").join(owner).join(repo)
    }

    pub fn url_folder(&self, url: &ModelUrl) -> PathBuf {
        let key = sha256_text(url.url().as_str());
        self.root.join("url").join(&key[..16])
    }

    /// Looks at the file `path`, which must hold `sha256` where that is given, else the
    /// hash it had when it was put there. Reads the file only if it changed since.
    pub fn look(
        &self,
        path: &Path,
        sha256: Option<&str>,
        hashes: &HashCache,
    ) -> Result<Lying, HubError> {
        let metadata = match regular_file(path) {
            Ok(metadata) if metadata.len() > 0 => metadata,
            Ok(_) | Err(HubError::FileMissing { .. }) => return Ok(Lying::Absent),
            Err(error) => return Err(error),
        };
        let origin = self.origin(path, metadata.len());
        let Some(expected) = sha256.map(str::to_owned).or_else(|| origin.sha256.clone()) else {
            return Ok(Lying::Whole(origin));
        };
        let found = sha256_file(path, hashes)?;
        if found == expected {
            return Ok(Lying::Whole(origin));
        }
        Ok(Lying::Spoiled { expected, found })
    }

    /// What is known of a file in the cache. Facts about a file of another size are not
    /// about this one.
    pub fn origin(&self, path: &Path, size_bytes: u64) -> Origin {
        let kept = fs::read(beside(path, ".source.json"))
            .ok()
            .and_then(|text| serde_json::from_slice::<Origin>(&text).ok())
            .filter(|origin| origin.size_bytes == size_bytes);
        kept.unwrap_or_else(|| Origin {
            source_label: format!("cache:{}", file_name(path)),
            publisher: None,
            sha256: None,
            size_bytes,
        })
    }

    /// Moves a finished file into place and keeps its origin beside it. A process that
    /// dies in between leaves facts without a file, or the file of before.
    pub fn put(&self, from: &Path, to: &Path, origin: &Origin) -> Result<(), HubError> {
        let text = serde_json::to_vec_pretty(origin).expect("texts and numbers serialize");
        let facts = beside(to, ".source.json");
        write_atomically(&facts, &text).map_err(HubError::io("write", &facts))?;
        fs::rename(from, to).map_err(HubError::io("write", to))?;
        #[cfg(unix)]
        if let Some(folder) = to.parent() {
            let synced = File::open(folder).and_then(|folder| folder.sync_all());
            synced.map_err(HubError::io("write", folder))?;
        }
        Ok(())
    }

    /// Makes the folder of `path` and takes the lock of that file, which lasts until the
    /// returned value is dropped, also by the death of the process.
    pub fn lock(
        &self,
        path: &Path,
        outside: &Outside,
        progress: &mut dyn Progress,
    ) -> Result<File, HubError> {
        let locks = self.root.join(".locks");
        let folder = path.parent().unwrap_or(&self.root);
        for folder in [&locks, folder] {
            fs::create_dir_all(folder).map_err(HubError::io("write", folder))?;
        }
        let inside = path.strip_prefix(&self.root).unwrap_or(path);
        let key = sha256_text(&inside.to_string_lossy());
        let lock_path = locks.join(format!("{}.lock", &key[..16]));
        let mut options = File::options();
        let file = options.write(true).create(true).truncate(false).open(&lock_path);
        let file = file.map_err(HubError::io("write", &lock_path))?;
        let mut said = false;
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(file),
                Err(TryLockError::Error(error)) => {
                    return Err(HubError::io("lock", &lock_path)(error));
                }
                Err(TryLockError::WouldBlock) => {}
            }
            let name = file_name(path);
            if !said {
                progress.waiting(&format!("another process is fetching {name}; waiting for it"));
                said = true;
            }
            if progress.cancelled() {
                return Err(HubError::Cancelled { what: name });
            }
            (outside.sleep)(LOCK_PAUSE);
        }
    }

    /// All models that lie here whole, by name and then path. A folder that cannot be
    /// read is an error, an absent cache is empty.
    pub fn list(&self) -> Result<Vec<CachedModel>, HubError> {
        let files: BTreeSet<PathBuf> = files_below(&self.root)?.into_iter().collect();
        let mut models = Vec::new();
        for path in &files {
            let parts = match Split::of(&file_name(path)) {
                Some(split) if split.index > 1 => continue,
                Some(split) => split.paths().iter().map(|part| path.with_file_name(part)).collect(),
                None => vec![path.clone()],
            };
            let is_model = path.extension().is_some_and(|end| end.eq_ignore_ascii_case("gguf"))
                || files.contains(&beside(path, ".source.json"));
            if !is_model || !parts.iter().all(|part| files.contains(part)) {
                continue;
            }
            let size_of = |part: &PathBuf| regular_file(part).map(|metadata| metadata.len());
            let sizes = parts.iter().map(size_of).collect::<Result<Vec<_>, _>>()?;
            if sizes.contains(&0) {
                continue;
            }
            let origin = self.origin(path, sizes[0]);
            models.push(CachedModel {
                path: path.clone(),
                file_name: file_name(path),
                size: Bytes(sizes.iter().sum()),
                source_label: origin.source_label,
                publisher: origin.publisher,
                sha256: origin.sha256,
            });
        }
        models.sort_by(|a, b| (&a.file_name, &a.path).cmp(&(&b.file_name, &b.path)));
        Ok(models)
    }

    /// The one model that `name` means: by file name, else by file name without `.gguf`,
    /// else by the beginning of its name, letter case ignored. Copies of one content
    /// count as one.
    pub fn find(&self, name: &str) -> Result<CachedModel, HubError> {
        let models = self.list()?;
        let lower = name.to_lowercase();
        let rules: [&dyn Fn(&CachedModel) -> bool; 3] =
            [&|model| model.file_name == name, &|model| stem(&model.file_name) == name, &|model| {
                model.file_name.to_lowercase().starts_with(&lower)
            }];
        for rule in rules {
            let found: Vec<&CachedModel> = models.iter().filter(|model| rule(model)).collect();
            if let Some(first) = found.first() {
                if found.iter().all(|model| is_same(first, model)) {
                    return Ok((*first).clone());
                }
                return Err(HubError::AmbiguousName {
                    name: name.to_owned(),
                    candidates: candidates(&found),
                });
            }
        }
        let known: BTreeSet<String> = models.into_iter().map(|model| model.file_name).collect();
        Err(HubError::UnknownName { name: name.to_owned(), known: known.into_iter().collect() })
    }

    /// Which file of the repository an earlier call chose for `quant`.
    pub fn chosen(&self, folder: &Path, quant: Option<&str>) -> Option<String> {
        let path = choices(folder).remove(&choice_key(quant))?;
        is_safe_relative(&path).then_some(path)
    }

    /// Remembers that choice. Failure is silent: the repository is then asked again.
    pub fn remember_choice(&self, folder: &Path, quant: Option<&str>, path: &str) {
        let mut all = choices(folder);
        all.insert(choice_key(quant), path.to_owned());
        if let Ok(text) = serde_json::to_vec_pretty(&all) {
            let _ = write_atomically(&folder.join("choices.json"), &text);
        }
    }
}

/// `path` with `ending` after its file name.
pub(crate) fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    PathBuf::from(name)
}

/// The last component for people.
pub(crate) fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// All files below `folder`, none when it is absent. Hidden ones are left out; links to
/// folders are not followed.
pub(crate) fn files_below(folder: &Path) -> Result<Vec<PathBuf>, HubError> {
    let mut files = Vec::new();
    let mut open = vec![(folder.to_owned(), 0)];
    while let Some((folder, depth)) = open.pop() {
        let entries = match fs::read_dir(&folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
            Err(error) => return Err(HubError::io("read", &folder)(error)),
        };
        for entry in entries {
            let entry = entry.map_err(HubError::io("read", &folder))?;
            let path = entry.path();
            if file_name(&path).starts_with('.') {
                continue;
            }
            match entry.file_type() {
                Ok(kind) if kind.is_dir() && depth < MAX_DEPTH => open.push((path, depth + 1)),
                Ok(kind) if !kind.is_dir() && path.is_file() => files.push(path),
                _ => {}
            }
        }
    }
    Ok(files)
}

fn choices(folder: &Path) -> BTreeMap<String, String> {
    let text = fs::read(folder.join("choices.json")).unwrap_or_default();
    serde_json::from_slice(&text).unwrap_or_default()
}

fn choice_key(quant: Option<&str>) -> String {
    quant.map_or("default".to_owned(), str::to_ascii_uppercase)
}

fn stem(file_name: &str) -> &str {
    let end = file_name.len().saturating_sub(".gguf".len());
    match file_name.get(end..) {
        Some(ending) if ending.eq_ignore_ascii_case(".gguf") => &file_name[..end],
        _ => file_name,
    }
}

fn is_same(a: &CachedModel, b: &CachedModel) -> bool {
    let same_hash = a.sha256.is_some() && a.sha256 == b.sha256 && a.size == b.size;
    a.path == b.path || same_hash
}

/// File names where these differ, else origins or, failing that, paths.
fn candidates(found: &[&CachedModel]) -> Vec<String> {
    let names: BTreeSet<&str> = found.iter().map(|model| model.file_name.as_str()).collect();
    if names.len() == found.len() {
        return names.into_iter().map(str::to_owned).collect();
    }
    let text = |model: &&CachedModel| match model.source_label.starts_with("hf:") {
        true => model.source_label.clone(),
        false => model.path.display().to_string(),
    };
    let texts: BTreeSet<String> = found.iter().map(text).collect();
    texts.into_iter().collect()
}
