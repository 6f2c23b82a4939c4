//! From a wish for a model of a Hugging Face repository to its files on this machine.

use std::path::{Path, PathBuf};

use crate::cache::{Origin, files_below};
use crate::download::Wanted;
use crate::hub::local;
use crate::hugging_face::{RepoFile, file_url, in_hf_cache, repo_files, snapshot};
use crate::quant::{Split, choose, is_model};
use crate::{Hub, HubError, LocalModel, Progress, Source, sha256_file};

impl Hub {
    pub(crate) fn repository_model(
        &self,
        source: &Source,
        wish: &Wish<'_>,
        progress: &mut dyn Progress,
    ) -> Result<LocalModel, HubError> {
        let folder = self.cache.repo_folder(wish.owner, wish.repo);
        let chosen = match wish.file {
            Some(file) => Some(file.to_owned()),
            None => self.cache.chosen(&folder, wish.quant),
        };
        if let Some(path) = chosen {
            let parts: Vec<PathBuf> =
                part_paths(&path).iter().map(|part| folder.join(part)).collect();
            if let Some(model) = self.lying(&parts, None)? {
                return Ok(model);
            }
        }
        if self.options.offline {
            return self.offline_repository(source, wish, &folder);
        }
        let fetcher = self.fetcher();
        let files = repo_files(&fetcher, wish.owner, wish.repo, progress)?;
        let files = wish.pick(&files)?;
        if let Some(model) = self.foreign(wish, &files) {
            return Ok(model);
        }
        for file in &files {
            let wanted = Wanted {
                url: file_url(&fetcher, wish.owner, wish.repo, &file.path),
                dest: folder.join(&file.path),
                size_bytes: Some(file.size_bytes),
                sha256: file.sha256.clone(),
                source_label: wish.label(&file.path),
                publisher: Some(wish.owner.to_owned()),
            };
            fetcher.fetch(&wanted, progress)?;
        }
        self.cache.remember_choice(&folder, wish.quant, &files[0].path);
        let parts: Vec<PathBuf> = files.iter().map(|file| folder.join(&file.path)).collect();
        self.fetched(&parts)
    }

    /// By the same rules, among what lies in our cache or in Hugging Face's own.
    fn offline_repository(
        &self,
        source: &Source,
        wish: &Wish<'_>,
        folder: &Path,
    ) -> Result<LocalModel, HubError> {
        let own = relative_files(folder)?;
        if let Ok(files) = wish.pick(&own) {
            let parts: Vec<PathBuf> = files.iter().map(|file| folder.join(&file.path)).collect();
            if let Some(model) = self.lying(&parts, None)? {
                return Ok(model);
            }
        }
        let foreign = self.options.hf_cache_dir.as_deref();
        let foreign = foreign.and_then(|cache| snapshot(cache, wish.owner, wish.repo));
        if let Some(snapshot) = foreign
            && let Ok(files) = wish.pick(&relative_files(&snapshot)?)
            && let Some(model) = self.foreign(wish, &files)
        {
            return Ok(model);
        }
        Err(HubError::Offline { what: source.to_string() })
    }

    /// The files in Hugging Face's own cache, if all are there with the right content.
    fn foreign(&self, wish: &Wish<'_>, files: &[RepoFile]) -> Option<LocalModel> {
        let cache = self.options.hf_cache_dir.as_deref()?;
        let mut parts = Vec::new();
        let mut first = None;
        for file in files {
            let (path, blob) = in_hf_cache(cache, wish.owner, wish.repo, &file.path)?;
            if file.sha256.as_ref().is_some_and(|sha256| *sha256 != blob) {
                return None;
            }
            if sha256_file(&path, &self.hashes).ok()? != blob {
                return None;
            }
            parts.push(path);
            first.get_or_insert(blob);
        }
        let origin = Origin {
            source_label: wish.label(&files.first()?.path),
            publisher: Some(wish.owner.to_owned()),
            sha256: first,
            size_bytes: 0,
        };
        Some(local(parts, origin))
    }
}

/// What is wanted of a repository.
pub(crate) struct Wish<'a> {
    pub owner: &'a str,
    pub repo: &'a str,
    pub quant: Option<&'a str>,
    pub file: Option<&'a str>,
}

impl Wish<'_> {
    fn label(&self, path: &str) -> String {
        format!("hf:{}/{}/{path}", self.owner, self.repo)
    }

    /// The files of the model that is meant, all parts in order.
    fn pick(&self, files: &[RepoFile]) -> Result<Vec<RepoFile>, HubError> {
        let paths: Vec<&str> = files.iter().map(|file| file.path.as_str()).collect();
        let index = match self.file {
            Some(file) => paths.iter().position(|path| *path == file),
            None => choose(&paths, self.quant),
        };
        let Some(index) = index else {
            return Err(self.nothing(&paths));
        };
        let find = |path: &String| {
            let found = files.iter().find(|file| file.path == *path).cloned();
            found.ok_or_else(|| HubError::PartMissing { file: path.clone() })
        };
        part_paths(paths[index]).iter().map(find).collect()
    }

    fn nothing(&self, paths: &[&str]) -> HubError {
        let repo = format!("{}/{}", self.owner, self.repo);
        let available = paths.iter().filter(|path| is_model(path));
        let available: Vec<String> = available.map(|path| (*path).to_owned()).collect();
        match self.file.or(self.quant) {
            Some(wanted) if !available.is_empty() => {
                HubError::NoSuchFile { repo, wanted: wanted.to_owned(), available }
            }
            _ => HubError::NoModel { repo },
        }
    }
}

fn part_paths(path: &str) -> Vec<String> {
    Split::of(path).map_or(vec![path.to_owned()], |split| split.paths())
}

/// The files below `folder` with `/` in their paths, sorted as the site sorts them.
fn relative_files(folder: &Path) -> Result<Vec<RepoFile>, HubError> {
    let mut files = Vec::new();
    for path in files_below(folder)? {
        let relative = path.strip_prefix(folder).unwrap_or(&path);
        let segments: Vec<_> = relative.iter().map(|part| part.to_string_lossy()).collect();
        files.push(RepoFile { path: segments.join("/"), size_bytes: 0, sha256: None });
    }
    files.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(files)
}
