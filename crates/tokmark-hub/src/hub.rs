//! The hub: from a source to a whole file on this machine.

use std::path::{Path, PathBuf};

use etcetera::BaseStrategy;

use tokmark_model::Bytes;

use crate::cache::{Cache, Lying, Origin, file_name};
use crate::download::{Fetcher, Wanted};
use crate::hash::{checked_sha256, regular_file, sha256_text};
use crate::http::Client;
use crate::quant::Split;
use crate::repository::Wish;
use crate::{
    CachedModel, DEFAULT_MODEL, HashCache, HubError, HubOptions, ModelUrl, Progress, Source, add,
    sha256_file,
};

/// Finds models and keeps them. May be shared between threads, and any number of
/// processes may use one cache folder.
#[derive(Debug)]
pub struct Hub {
    pub(crate) cache: Cache,
    client: Client,
    pub(crate) hashes: HashCache,
    pub(crate) options: HubOptions,
}

/// A model that lies whole on this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LocalModel {
    /// What to give to the engine: the file, of a model in several files the first.
    pub path: PathBuf,
    /// All its files in order; `parts[0]` is `path`.
    pub parts: Vec<PathBuf>,
    /// Where it came from, fit for a record: `hf:owner/repo/file`, an address without
    /// secrets, `file:NAME` or `cache:NAME`. Never a folder of this machine.
    pub source_label: String,
    /// Who published it: the repository's owner. `None` when unknown.
    pub publisher: Option<String>,
    /// The name of `path`.
    pub file_name: String,
    /// The SHA-256 of `path`, 64 lower-case hex digits, where its origin states it or it
    /// was computed when the file came. `None` for a path.
    pub expected_sha256: Option<String>,
}

impl Hub {
    /// Touches neither disk nor network.
    ///
    /// # Errors
    /// [`HubError::NoCacheFolder`] without a folder given and without a home;
    /// [`HubError::BadSource`] for an endpoint or proxy that is no address.
    pub fn open(options: HubOptions) -> Result<Hub, HubError> {
        let root = match &options.cache_dir {
            Some(folder) => folder.clone(),
            None => etcetera::base_strategy::choose_native_strategy()
                .map_err(|_| HubError::NoCacheFolder)?
                .cache_dir()
                .join("tokmark")
                .join("models"),
        };
        let cache = Cache { root };
        Ok(Hub {
            client: Client::new(&options)?,
            hashes: HashCache::at(cache.hashes_file()),
            cache,
            options,
        })
    }

    /// The folder of the cache, which may not exist yet.
    pub fn cache_dir(&self) -> &Path {
        &self.cache.root
    }

    /// The hash cache that lies in the cache folder, for [`sha256_file`].
    pub fn hash_cache(&self) -> &HashCache {
        &self.hashes
    }

    /// Makes the model of `source` lie on this machine, fetching what is not here. What
    /// is here is used without asking the network; to get a newer version, remove the
    /// file.
    ///
    /// # Errors
    /// Any [`HubError`]; what was fetched until then is kept and gone on with next time,
    /// unless it was not what was wanted.
    pub fn resolve(
        &self,
        source: &Source,
        progress: &mut dyn Progress,
    ) -> Result<LocalModel, HubError> {
        match source {
            Source::Path(path) => self.local_path(path),
            Source::Name(name) => match self.cache.find(name) {
                Err(HubError::UnknownName { .. }) if Path::new(name).is_dir() => {
                    Err(HubError::NotAFile { path: name.into(), found: "a folder" })
                }
                found => self.cached(found?),
            },
            Source::Url { url, sha256 } => self.web_model(url, sha256.as_deref(), progress),
            Source::HuggingFace { owner, repo, quant, file } => {
                // Whoever made it without parsing may have put `..` into it.
                Source::hugging_face(&format!("{owner}/{repo}"), file.as_deref())?;
                let wish = Wish { owner, repo, quant: quant.as_deref(), file: file.as_deref() };
                self.repository_model(source, &wish, progress)
            }
        }
    }

    /// The default model: what [`add_file`](Self::add_file) put into the cache, else
    /// fetched from its publisher.
    ///
    /// # Errors
    /// As [`resolve`](Self::resolve).
    pub fn default_model(&self, progress: &mut dyn Progress) -> Result<LocalModel, HubError> {
        let path = self.cache.added_file(DEFAULT_MODEL.file_name);
        match self.cache.look(&path, Some(DEFAULT_MODEL.sha256), &self.hashes)? {
            Lying::Whole(origin) => Ok(local(vec![path], origin)),
            _ => self.resolve(&Source::parse(DEFAULT_MODEL.hf)?, progress),
        }
    }

    /// Copies a file into the cache under `name`, hashed on the way and moved into place
    /// when whole. Cheap when the cache holds that content already and
    /// `expected_sha256` says so.
    ///
    /// # Errors
    /// [`HubError::BadSource`] for a name that is none; [`HubError::WrongHash`], after
    /// which the cache is as before; [`HubError::DiskFull`]; [`HubError::FileMissing`];
    /// [`HubError::Io`].
    pub fn add_file(
        &self,
        src: &Path,
        name: &str,
        expected_sha256: Option<&str>,
    ) -> Result<LocalModel, HubError> {
        let path = add::add_file(&self.fetcher(), src, name, expected_sha256)?;
        let size = regular_file(&path)?.len();
        let origin = self.cache.origin(&path, size);
        Ok(local(vec![path], origin))
    }

    /// All models that lie whole in the cache, by name.
    ///
    /// # Errors
    /// [`HubError::Io`] when the cache exists and cannot be read.
    pub fn list(&self) -> Result<Vec<CachedModel>, HubError> {
        self.cache.list()
    }

    /// The SHA-256 that identifies the model: of its file; of several, that of their
    /// hashes in order, each as 64 lower-case hex digits and a line feed.
    ///
    /// # Errors
    /// As [`sha256_file`].
    pub fn model_sha256(&self, model: &LocalModel) -> Result<String, HubError> {
        if let [path] = model.parts.as_slice() {
            return sha256_file(path, &self.hashes);
        }
        let mut lines = String::new();
        for path in &model.parts {
            lines.push_str(&sha256_file(path, &self.hashes)?);
            lines.push('\n');
        }
        Ok(sha256_text(&lines))
    }

    /// Bytes of the model's files that [`Hub::model_sha256`] would have to read, because no
    /// hash of them is known.
    pub fn unhashed_bytes(&self, model: &LocalModel) -> Bytes {
        let unknown = model.parts.iter().filter_map(|part| self.hashes.unhashed_bytes(part));
        Bytes(unknown.sum())
    }

    pub(crate) fn fetcher(&self) -> Fetcher<'_> {
        Fetcher {
            client: &self.client,
            cache: &self.cache,
            hashes: &self.hashes,
            outside: &self.options.outside,
        }
    }

    fn local_path(&self, path: &Path) -> Result<LocalModel, HubError> {
        let is_bare = path.components().count() == 1;
        if is_bare && !path.exists() {
            let by_name = self.cache.list()?;
            if by_name.iter().any(|model| Path::new(&model.file_name) == path) {
                return self.cached(self.cache.find(&file_name(path))?);
            }
        }
        if regular_file(path)?.len() == 0 {
            return Err(HubError::NotAFile { path: path.to_owned(), found: "empty" });
        }
        let parts = match Split::of(&file_name(path)) {
            Some(split) => split.paths().iter().map(|part| path.with_file_name(part)).collect(),
            None => vec![path.to_owned()],
        };
        require_parts(&parts)?;
        let origin = Origin {
            source_label: format!("file:{}", file_name(&parts[0])),
            publisher: None,
            sha256: None,
            size_bytes: 0,
        };
        Ok(local(parts, origin))
    }

    /// A model from the list, with its content checked.
    fn cached(&self, model: CachedModel) -> Result<LocalModel, HubError> {
        let parts = match Split::of(&model.file_name) {
            Some(split) => {
                split.paths().iter().map(|part| model.path.with_file_name(part)).collect()
            }
            None => vec![model.path],
        };
        let mut first = None;
        for part in &parts {
            let origin = self.require_whole(part)?;
            first.get_or_insert(origin);
        }
        let origin = first.expect("a model has at least one file");
        Ok(local(parts, origin))
    }

    fn require_whole(&self, path: &Path) -> Result<Origin, HubError> {
        match self.cache.look(path, None, &self.hashes)? {
            Lying::Whole(origin) => Ok(origin),
            Lying::Absent => Err(HubError::PartMissing { file: file_name(path) }),
            Lying::Spoiled { expected, found } => Err(HubError::WrongHash {
                what: path.display().to_string(),
                expected,
                found,
                advice: "it changed since it was put into the cache; remove it and fetch it again",
            }),
        }
    }

    /// The files, if all lie in the cache whole. `sha256` is that of the first.
    pub(crate) fn lying(
        &self,
        parts: &[PathBuf],
        sha256: Option<&str>,
    ) -> Result<Option<LocalModel>, HubError> {
        let mut first = None;
        for (index, part) in parts.iter().enumerate() {
            let sha256 = sha256.filter(|_| index == 0);
            match self.cache.look(part, sha256, &self.hashes)? {
                Lying::Whole(origin) => first.get_or_insert(origin),
                _ => return Ok(None),
            };
        }
        Ok(first.map(|origin| local(parts.to_vec(), origin)))
    }

    fn web_model(
        &self,
        url: &ModelUrl,
        sha256: Option<&str>,
        progress: &mut dyn Progress,
    ) -> Result<LocalModel, HubError> {
        let sha256 = sha256.map(checked_sha256).transpose()?;
        let name = url.file_name().ok_or_else(|| HubError::BadSource {
            text: url.to_string(),
            reason: "the address ends in no file name".to_owned(),
        })?;
        let folder = self.cache.url_folder(url);
        let names = Split::of(&name).map_or(vec![name], |split| split.paths());
        let parts: Vec<PathBuf> = names.iter().map(|name| folder.join(name)).collect();
        if let Some(model) = self.lying(&parts, sha256.as_deref())? {
            return Ok(model);
        }
        self.require_online(&url.to_string())?;
        for (index, (name, dest)) in names.iter().zip(&parts).enumerate() {
            let mut part_url = url.url().clone();
            if names.len() > 1
                && let Ok(mut path) = part_url.path_segments_mut()
            {
                path.pop().push(name);
            }
            let wanted = Wanted {
                source_label: ModelUrl::from_url(part_url.clone()).to_string(),
                url: part_url,
                dest: dest.clone(),
                size_bytes: None,
                sha256: sha256.clone().filter(|_| index == 0),
                publisher: None,
            };
            self.fetcher().fetch(&wanted, progress)?;
        }
        self.fetched(&parts)
    }

    /// What was just fetched.
    pub(crate) fn fetched(&self, parts: &[PathBuf]) -> Result<LocalModel, HubError> {
        let path = parts.first().expect("a model has at least one file");
        let origin = self.require_whole(path)?;
        Ok(local(parts.to_vec(), origin))
    }

    fn require_online(&self, what: &str) -> Result<(), HubError> {
        match self.options.offline {
            true => Err(HubError::Offline { what: what.to_owned() }),
            false => Ok(()),
        }
    }
}

fn require_parts(parts: &[PathBuf]) -> Result<(), HubError> {
    match parts.iter().find(|part| !part.is_file()) {
        Some(missing) => Err(HubError::PartMissing { file: file_name(missing) }),
        None => Ok(()),
    }
}

pub(crate) fn local(parts: Vec<PathBuf>, origin: Origin) -> LocalModel {
    let path = parts[0].clone();
    LocalModel {
        file_name: file_name(&path),
        path,
        parts,
        source_label: origin.source_label,
        publisher: origin.publisher,
        expected_sha256: origin.sha256,
    }
}
