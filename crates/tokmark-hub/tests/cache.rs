//! Files put into the cache, and names that find them.

mod support;

use std::fs;
use std::path::Path;
use std::sync::Arc;

use support::{files_ending, hub, model, options, sha256};
use tokmark_hub::{DEFAULT_MODEL, Hub, HubError, Outside, Silent, Source, sha256_file};

fn file(folder: &Path, seed: u32) -> std::path::PathBuf {
    let path = folder.join(format!("source-{seed}"));
    fs::write(&path, model(10_000, seed)).unwrap();
    path
}

fn named(hub: &Hub, name: &str) -> Result<String, HubError> {
    let source = Source::parse(name)?;
    hub.resolve(&source, &mut Silent).map(|model| model.file_name)
}

#[test]
fn a_file_is_added_under_its_name() {
    let folder = tempfile::tempdir().unwrap();
    let hub = hub(folder.path());
    let src = file(folder.path(), 1);
    let hash = sha256(&model(10_000, 1));
    let added = hub.add_file(&src, "a-Q4_1.gguf", Some(&hash.to_uppercase())).unwrap();
    assert_eq!(added.expected_sha256.as_deref(), Some(hash.as_str()));
    assert_eq!(added.source_label, "file:a-Q4_1.gguf");
    assert_eq!(fs::read(&added.path).unwrap(), model(10_000, 1));
    assert_eq!(sha256_file(&added.path, hub.hash_cache()).unwrap(), hash);
    // A second time not even the source is needed.
    fs::remove_file(&src).unwrap();
    assert_eq!(hub.add_file(&src, "a-Q4_1.gguf", Some(&hash)).unwrap(), added);
    let listed = hub.list().unwrap();
    assert_eq!((listed.len(), listed[0].size.get()), (1, 10_000));
    assert_eq!(listed[0].sha256, Some(hash));
}

#[test]
fn a_file_that_is_not_right_leaves_the_cache_as_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let hub = hub(folder.path());
    let (good, other) = (file(folder.path(), 1), file(folder.path(), 2));
    hub.add_file(&good, "a.gguf", None).unwrap();
    let wrong = hub.add_file(&other, "a.gguf", Some(&sha256(b"x")));
    assert!(matches!(wrong, Err(HubError::WrongHash { .. })));
    let missing = hub.add_file(Path::new("absent"), "a.gguf", None);
    assert!(matches!(missing, Err(HubError::FileMissing { .. })));
    for name in ["../a.gguf", "", ".a", "a/b.gguf"] {
        let error = hub.add_file(&good, name, None).unwrap_err();
        assert!(matches!(error, HubError::BadSource { .. }), "{error}");
    }
    assert_eq!(fs::read(hub.cache_dir().join("a.gguf")).unwrap(), model(10_000, 1));
    assert!(files_ending(folder.path(), ".adding").is_empty());
}

#[test]
fn a_file_that_does_not_fit_is_not_copied() {
    let folder = tempfile::tempdir().unwrap();
    let (mut options, _) = options(folder.path());
    options.outside = Outside { free_space: Arc::new(|_| Ok(9_999)), ..options.outside };
    let hub = Hub::open(options).unwrap();
    let error = hub.add_file(&file(folder.path(), 1), "a.gguf", None).unwrap_err();
    assert!(matches!(error, HubError::DiskFull { .. }), "{error}");
    assert!(hub.list().unwrap().is_empty());
}

#[test]
fn names_are_found_whole_by_stem_and_by_unique_beginning() {
    let folder = tempfile::tempdir().unwrap();
    let hub = hub(folder.path());
    for (seed, name) in
        ["Alpha-Q4_1.gguf", "Alpha-Q8_0.gguf", "alpha.gguf", "Beta.gguf"].iter().enumerate()
    {
        let src = file(folder.path(), u32::try_from(seed).unwrap());
        hub.add_file(&src, name, None).unwrap();
    }
    assert_eq!(named(&hub, "Beta.gguf").unwrap(), "Beta.gguf");
    assert_eq!(named(&hub, "alpha").unwrap(), "alpha.gguf");
    assert_eq!(named(&hub, "ALPHA-Q8").unwrap(), "Alpha-Q8_0.gguf");
    assert_eq!(named(&hub, "b").unwrap(), "Beta.gguf");
    let error = named(&hub, "alpha-q").unwrap_err().to_string();
    assert!(error.contains("Alpha-Q4_1.gguf, Alpha-Q8_0.gguf"), "{error}");
    let error = named(&hub, "gamma").unwrap_err().to_string();
    assert!(error.contains("it holds: Alpha-Q4_1.gguf, Alpha-Q8_0.gguf, Beta.gguf"), "{error}");
}

#[test]
fn copies_of_one_content_are_one_model() {
    let folder = tempfile::tempdir().unwrap();
    let hub = hub(folder.path());
    let src = file(folder.path(), 1);
    hub.add_file(&src, "a-1.gguf", None).unwrap();
    hub.add_file(&src, "a-2.gguf", None).unwrap();
    assert_eq!(named(&hub, "a").unwrap(), "a-1.gguf");
}

#[test]
fn a_folder_that_is_no_name_is_called_a_folder() {
    let folder = tempfile::tempdir().unwrap();
    let name = folder.path().to_string_lossy().into_owned();
    let error = hub(folder.path()).resolve(&Source::Name(name), &mut Silent).unwrap_err();
    assert!(matches!(error, HubError::NotAFile { found: "a folder", .. }), "{error}");
}

#[test]
fn an_empty_cache_says_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let error = named(&hub(folder.path()), "x").unwrap_err().to_string();
    assert_eq!(
        error,
        "no model called `x` in the cache; it is empty: give a path, a URL or hf:owner/repo"
    );
}

#[test]
fn what_is_half_there_is_never_taken_for_whole() {
    let folder = tempfile::tempdir().unwrap();
    let hub = hub(folder.path());
    fs::create_dir_all(hub.cache_dir()).unwrap();
    for name in ["a.gguf.part", "a.gguf.part.json", "b.gguf.adding", "c.gguf.source.json", "x.json"]
    {
        fs::write(hub.cache_dir().join(name), "GGUF").unwrap();
    }
    fs::write(hub.cache_dir().join("empty.gguf"), "").unwrap();
    assert!(hub.list().unwrap().is_empty());
    assert!(named(&hub, "a").is_err());
}

#[test]
fn a_cached_file_that_changed_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let hub = hub(folder.path());
    let added = hub.add_file(&file(folder.path(), 1), "a.gguf", None).unwrap();
    fs::write(&added.path, model(10_000, 2)).unwrap();
    let error = named(&hub, "a").unwrap_err();
    assert!(matches!(error, HubError::WrongHash { .. }), "{error}");
    assert!(error.to_string().contains("remove it"), "{error}");
    hub.add_file(&file(folder.path(), 1), "a.gguf", None).unwrap();
    assert_eq!(named(&hub, "a").unwrap(), "a.gguf");
}

#[test]
fn a_path_is_checked_and_used_where_it_lies() {
    let folder = tempfile::tempdir().unwrap();
    let hub = hub(folder.path());
    let src = file(folder.path(), 1);
    let found = hub.resolve(&Source::Path(src.clone()), &mut Silent).unwrap();
    assert_eq!((found.path, found.expected_sha256), (src, None));
    assert_eq!(found.source_label, "file:source-1");
    let empty = folder.path().join("empty.gguf");
    fs::write(&empty, "").unwrap();
    for (path, hint) in [
        (folder.path().to_owned(), "a folder"),
        (empty, "it is empty"),
        (folder.path().join("absent.gguf"), "no model file at"),
    ] {
        let error = hub.resolve(&Source::Path(path), &mut Silent).unwrap_err().to_string();
        assert!(error.contains(hint), "{error}");
    }
    // Nothing was asked of the cache folder.
    assert!(!hub.cache_dir().exists());
}

#[test]
fn a_cache_folder_that_cannot_be_written_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let src = file(folder.path(), 1);
    let (mut options, _) = options(folder.path());
    // A file where a folder would be needed: fails for root too.
    options.cache_dir = Some(src.join("cache"));
    let hub = Hub::open(options).unwrap();
    let error = hub.add_file(&src, "a.gguf", None).unwrap_err();
    assert!(matches!(error, HubError::Io { action: "write", .. }), "{error}");
    hub.resolve(&Source::Path(src), &mut Silent).unwrap();
}

#[test]
fn the_default_model_is_taken_from_the_cache_only_if_it_is_the_right_one() {
    let folder = tempfile::tempdir().unwrap();
    let (mut options, _) = options(folder.path());
    options.offline = true;
    let hub = Hub::open(options).unwrap();
    hub.add_file(&file(folder.path(), 1), DEFAULT_MODEL.file_name, None).unwrap();
    let error = hub.default_model(&mut Silent).unwrap_err();
    assert!(error.to_string().contains(DEFAULT_MODEL.hf), "{error}");
    assert!(Source::parse(DEFAULT_MODEL.hf).is_ok());
    assert_eq!(DEFAULT_MODEL.file_name, format!("{}.gguf", DEFAULT_MODEL.name));
}
