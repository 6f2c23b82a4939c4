//! Models that lie on this machine, with what their headers say.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use tokmark_gguf::{Header, Limits};
use tokmark_hub::{Hub, HubError, Silent, Source};
use tokmark_model::{Bytes, ModelFacts};

use super::ranges::{CONTEXT, GENERATE, MODELS};
use crate::view::words::printable;

/// A model that may be compared, or a file that looks like one and is none.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Candidate {
    /// Name to show, different from every other's: the file's stem, else its path.
    pub(crate) name: String,
    /// How `tokmark compare` is given it.
    pub(crate) given: String,
    /// Size of its file, or of all its files.
    pub(crate) size: Bytes,
    /// What its header says, or why it can't be compared. Without a hash.
    pub(crate) facts: Result<ModelFacts, String>,
}

/// Everything in the cache of `hub`, and every `*.gguf` in the working directory `folder`: what
/// can be compared first, then by size. Reads headers, and no file whole.
///
/// # Errors
/// [`HubError`] when the cache can't be read. A `folder` that can't be read holds no models.
pub(crate) fn candidates(hub: &Hub, folder: &Path) -> Result<Vec<Candidate>, HubError> {
    let mut found = here(hub, folder);
    let mut seen: BTreeSet<PathBuf> =
        found.iter().map(|candidate| canonical(&folder.join(&candidate.given))).collect();
    let cached = hub.list()?;
    let mut n_so_called = BTreeMap::<String, u32>::new();
    for model in &cached {
        *n_so_called.entry(model.file_name.clone()).or_default() += 1;
    }
    for model in cached {
        if !seen.insert(canonical(&model.path)) {
            continue;
        }
        let is_clear = n_so_called[&model.file_name] == 1
            && !folder.join(&model.file_name).exists()
            && is_plain(&model.file_name);
        let given = if is_clear {
            Ok(model.file_name.clone())
        } else {
            model.path.to_str().map(str::to_owned).ok_or(UNNAMEABLE)
        };
        let mut facts = read(&model.path, &model.file_name, model.size);
        if let Ok(facts) = &mut facts {
            facts.source = Some(model.source_label);
            facts.publisher = model.publisher.or(facts.publisher.take());
        }
        found.push(candidate(&model.file_name, given, model.size, facts));
    }
    tell_apart(&mut found);
    found.sort_by(|a, b| {
        (a.facts.is_err(), a.size, &a.name).cmp(&(b.facts.is_err(), b.size, &b.name))
    });
    Ok(found)
}

/// Every file of which [`candidates`] makes something, with its size and when it was written: as
/// long as these stand, so do the candidates. Opens none of them.
///
/// # Errors
/// As [`candidates`].
pub(crate) fn files(hub: &Hub, folder: &Path) -> Result<Vec<SeenFile>, HubError> {
    let cached = hub.list()?.into_iter().map(|model| model.path);
    let seen = |path: PathBuf| {
        let metadata = path.metadata().ok();
        let written = metadata.as_ref().and_then(|metadata| metadata.modified().ok());
        (path, metadata.map_or(0, |metadata| metadata.len()), written)
    };
    Ok(model_paths(folder).into_iter().chain(cached).map(seen).collect())
}

/// Path, size in bytes, and when it was written.
pub(crate) type SeenFile = (PathBuf, u64, Option<SystemTime>);

/// What to do where fewer than two of `candidates` can be compared; `None` where the wizard
/// has something to offer. Lines without the last line feed.
pub(crate) fn too_few(candidates: &[Candidate]) -> Option<String> {
    let usable: Vec<&Candidate> =
        candidates.iter().filter(|candidate| candidate.facts.is_ok()).collect();
    if usable.len() >= *MODELS.start() {
        return None;
    }
    let mut text = match usable.first() {
        None => "no model on this machine to compare".to_owned(),
        Some(only) => {
            let name = printable(&only.name);
            format!("only one model on this machine, and nothing to compare it with: {name}")
        }
    };
    for candidate in candidates {
        if let Err(reason) = &candidate.facts {
            let reason = format!("{} can't be compared: {reason}", candidate.name);
            text += &format!("\n{}", printable(&reason));
        }
    }
    text += "\nadd models to the cache:  tokmark models add FILE.gguf\n\
             or name what to fetch:    tokmark compare hf:OWNER/REPO:Q4_K_M hf:OWNER/REPO:Q8_0\n\
             or name files:            tokmark compare FOLDER/A.gguf FOLDER/B.gguf";
    Some(text)
}

/// Why a file can't be named in a command line.
const UNNAMEABLE: &str = "its path is no UTF-8 text; rename it";

/// Whether the hub takes `name` for a name or path and no program takes it for a flag.
fn is_plain(name: &str) -> bool {
    let lower = name.to_ascii_lowercase();
    !["-", "hf:", "http://", "https://"].iter().any(|start| lower.starts_with(start))
        && name.trim() == name
}

/// The `*.gguf` in the working directory, sorted.
fn model_paths(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let is_model = |path: &PathBuf| {
        path.extension().is_some_and(|end| end.eq_ignore_ascii_case("gguf")) && !path.is_dir()
    };
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.path()).filter(is_model).collect();
    paths.sort();
    paths
}

/// The models in the working directory, named by their files.
fn here(hub: &Hub, folder: &Path) -> Vec<Candidate> {
    let mut found = Vec::new();
    for path in model_paths(folder) {
        let file_name = file_name(&path);
        let given = match path.file_name().and_then(|name| name.to_str()) {
            Some(name) if is_plain(name) => Ok(name.to_owned()),
            Some(name) => Ok(format!("./{name}")),
            None => Err(UNNAMEABLE),
        };
        let own_size = path.metadata().map_or(0, |metadata| metadata.len());
        let (size, facts) = match hub.resolve(&Source::Path(path.clone()), &mut Silent) {
            // A later file of a split model; the first stands for all.
            Ok(model) if model.path != path => continue,
            Ok(model) => {
                let sizes = model.parts.iter().map(|part| part.metadata().map_or(0, |m| m.len()));
                let size = Bytes(sizes.sum());
                (size, read(&path, &file_name, size))
            }
            Err(error) => (Bytes(own_size), Err(error.to_string())),
        };
        found.push(candidate(&file_name, given, size, facts));
    }
    found
}

fn candidate(
    file_name: &str,
    given: Result<String, &str>,
    size: Bytes,
    facts: Result<ModelFacts, String>,
) -> Candidate {
    let (given, facts) = match given {
        Ok(given) => (given, facts),
        Err(reason) => (file_name.to_owned(), Err(reason.to_owned())),
    };
    Candidate { name: stem(file_name).to_owned(), given, size, facts }
}

/// Names that several share give way to what `tokmark compare` is given.
fn tell_apart(found: &mut [Candidate]) {
    let mut n_so_called = BTreeMap::<String, u32>::new();
    for candidate in found.iter() {
        *n_so_called.entry(candidate.name.clone()).or_default() += 1;
    }
    for candidate in found {
        if n_so_called[&candidate.name] > 1 {
            candidate.name = candidate.given.clone();
        }
    }
}

/// The facts of a whole model that can be compared.
fn read(path: &Path, file_name: &str, size: Bytes) -> Result<ModelFacts, String> {
    let io = |fault| format!("it can't be read: {fault}");
    let file = File::open(path).map_err(io)?;
    let own_size = file.metadata().map_err(io)?.len();
    let header = Header::read(&mut BufReader::new(file), &Limits::for_file_size(own_size))
        .and_then(|header| header.check_file_size(own_size).map(|()| header))
        .map_err(|fault| fault.to_string())?;
    let mut facts = tokmark_gguf::facts(&header, file_name, size);
    let title = std::mem::replace(&mut facts.name, stem(file_name).to_owned());
    facts.title = (title != facts.name).then_some(title);
    match unfit(&facts) {
        Some(reason) => Err(reason),
        None => Ok(facts),
    }
}

/// Why a sound file is no model for a comparison.
fn unfit(facts: &ModelFacts) -> Option<String> {
    let least = CONTEXT.start() + GENERATE.start();
    if facts.n_params == Some(0) {
        return Some("it holds no weights".to_owned());
    }
    if facts.architecture.as_deref() == Some("clip") {
        return Some("it reads images for another model and generates nothing".to_owned());
    }
    let trained = facts.context_length.filter(|&trained| trained < u64::from(least))?;
    Some(format!("it was trained for {trained} tokens, and the least is {least}"))
}

fn canonical(path: &Path) -> PathBuf {
    path.canonicalize().unwrap_or_else(|_| path.to_owned())
}

fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

fn stem(file_name: &str) -> &str {
    match file_name.rsplit_once('.') {
        Some((stem, end)) if end.eq_ignore_ascii_case("gguf") && !stem.is_empty() => stem,
        _ => file_name,
    }
}

#[cfg(test)]
mod tests {
    use tokmark_gguf::{TinyLlama, tiny_llama};
    use tokmark_hub::HubOptions;

    use super::*;

    fn hub(cache: &Path) -> Hub {
        let cache_dir = Some(cache.to_owned());
        Hub::open(HubOptions { cache_dir, offline: true, ..HubOptions::default() }).unwrap()
    }

    fn tiny(n_ctx_train: u32, n_layers: u32) -> Vec<u8> {
        tiny_llama(&TinyLlama { n_ctx_train, n_layers, ..TinyLlama::default() })
    }

    fn given(candidates: &[Candidate]) -> Vec<&str> {
        candidates.iter().map(|candidate| candidate.given.as_str()).collect()
    }

    #[test]
    fn models_here_and_in_the_cache_stand_by_size_and_those_that_are_none_last() {
        let (cache, folder) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let put = |name: &str, bytes: &[u8]| std::fs::write(folder.path().join(name), bytes);
        put("large.gguf", &tiny(512, 4)).unwrap();
        put("page.gguf", b"<!doctype html><html></html>").unwrap();
        put("cut.gguf", &tiny(512, 2)[..9_000]).unwrap();
        put("short.gguf", &tiny(128, 2)).unwrap();
        put("notes.txt", b"no model").unwrap();
        std::fs::create_dir(folder.path().join("folder.gguf")).unwrap();
        std::fs::write(cache.path().join("small.gguf"), tiny(512, 1)).unwrap();

        let found = candidates(&hub(cache.path()), folder.path()).unwrap();
        let expected = ["small.gguf", "large.gguf", "page.gguf", "cut.gguf", "short.gguf"];
        assert_eq!(given(&found), expected);
        let facts = found[1].facts.as_ref().unwrap();
        assert_eq!((facts.name.as_str(), facts.context_length), ("large", Some(512)));
        assert_eq!((facts.file_size_bytes, facts.sha256.as_ref()), (found[1].size, None));
        let reasons: Vec<&String> =
            found[2..].iter().map(|candidate| candidate.facts.as_ref().unwrap_err()).collect();
        assert!(reasons[0].contains("HTML"), "{reasons:?}");
        assert!(reasons[1].contains("download"), "{reasons:?}");
        assert_eq!(reasons[2], "it was trained for 128 tokens, and the least is 288");
    }

    #[test]
    fn what_is_given_means_this_model_and_no_other() {
        let (cache, folder) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        std::fs::write(folder.path().join("same.gguf"), tiny(512, 2)).unwrap();
        std::fs::write(folder.path().join("-p.gguf"), tiny(512, 3)).unwrap();
        let cached = cache.path().join("same.gguf");
        std::fs::write(&cached, tiny(512, 1)).unwrap();

        let found = candidates(&hub(cache.path()), folder.path()).unwrap();
        let cached = cached.to_str().unwrap();
        assert_eq!(given(&found), [cached, "same.gguf", "./-p.gguf"]);
        let names: Vec<&str> = found.iter().map(|candidate| candidate.name.as_str()).collect();
        assert_eq!(names, [cached, "same.gguf", "-p"]);
    }

    #[test]
    fn a_cache_that_is_the_working_directory_is_listed_once() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("a.gguf"), tiny(512, 1)).unwrap();
        let found = candidates(&hub(folder.path()), folder.path()).unwrap();
        assert_eq!(given(&found), ["a.gguf"]);
    }

    #[test]
    fn a_split_model_is_one_and_a_missing_part_is_told() {
        let (cache, folder) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let put = |name: &str| std::fs::write(folder.path().join(name), tiny(512, 1)).unwrap();
        put("a-00001-of-00002.gguf");
        put("a-00002-of-00002.gguf");
        put("b-00001-of-00002.gguf");
        let found = candidates(&hub(cache.path()), folder.path()).unwrap();
        assert_eq!(given(&found), ["a-00001-of-00002.gguf", "b-00001-of-00002.gguf"]);
        assert_eq!(found[0].size, Bytes(2 * tiny(512, 1).len() as u64));
        assert!(found[1].facts.as_ref().unwrap_err().contains("b-00002-of-00002.gguf"));
    }

    #[test]
    fn fewer_than_two_models_are_told_what_to_do() {
        let (cache, folder) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let nothing = candidates(&hub(cache.path()), folder.path()).unwrap();
        let text = too_few(&nothing).unwrap();
        assert!(text.contains("tokmark models add") && text.contains("hf:OWNER"), "{text}");
        std::fs::write(folder.path().join("a.gguf"), tiny(512, 1)).unwrap();
        std::fs::write(folder.path().join("page.gguf"), b"<html></html>").unwrap();
        insta::assert_snapshot!(
            too_few(&candidates(&hub(cache.path()), folder.path()).unwrap()).unwrap()
        );
        std::fs::write(folder.path().join("b.gguf"), tiny(512, 1)).unwrap();
        assert_eq!(too_few(&candidates(&hub(cache.path()), folder.path()).unwrap()), None);
    }
}
