//! Repositories on a stand-in for Hugging Face.

mod support;

use std::fs;

use support::{Reply, Request, Server, Told, files_ending, model, options, sha256};
use tokmark_hub::{Hub, HubError, HubOptions, Secret, Silent, Source};

const SIZE: usize = 50_000;
const TREE: &str = "/api/models/maker/m-GGUF/tree/main?recursive=true";

/// The files of the repository `maker/m-GGUF`; content depends on the position.
const FILES: [&str; 6] = [
    "README.md",
    "m-Q4_1.gguf",
    "m-Q4_K_M.gguf",
    "mmproj-m-Q8_0.gguf",
    "q8/m-Q8_0-00001-of-00002.gguf",
    "q8/m-Q8_0-00002-of-00002.gguf",
];

fn content(path: &str) -> Vec<u8> {
    let seed = FILES.iter().position(|file| *file == path).unwrap();
    model(SIZE, u32::try_from(seed).unwrap())
}

fn entry(path: &str) -> String {
    let oid = sha256(&content(path));
    format!(
        "{{\"type\":\"file\",\"oid\":\"00\",\"size\":{SIZE},\"path\":\"{path}\",\
         \"lfs\":{{\"oid\":\"{oid}\",\"size\":{SIZE},\"pointerSize\":134}}}}"
    )
}

fn tree(paths: &[&str]) -> String {
    let mut entries =
        vec!["{\"type\":\"directory\",\"oid\":\"00\",\"size\":0,\"path\":\"q8\"}".to_owned()];
    entries.extend(paths.iter().map(|path| entry(path)));
    format!("[{}]", entries.join(","))
}

fn site(request: &Request) -> Reply {
    if request.target == TREE {
        return Reply::new(200, tree(&FILES)).with("Content-Type", "application/json");
    }
    match request.target.strip_prefix("/maker/m-GGUF/resolve/main/") {
        Some(path) if FILES.contains(&path) => Reply::file(request, &content(path), path),
        _ => Reply::new(404, "Entry not found"),
    }
}

fn at(server: &Server, folder: &std::path::Path) -> HubOptions {
    HubOptions { hf_endpoint: Some(server.address()), ..options(folder).0 }
}

fn parse(text: &str) -> Source {
    Source::parse(text).unwrap()
}

#[test]
fn the_quantization_that_was_asked_for_is_fetched() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(site);
    let hub = Hub::open(at(&server, folder.path())).unwrap();
    let mut told = Told::default();
    let found = hub.resolve(&parse("hf:maker/m-GGUF:q4_1"), &mut told).unwrap();
    assert_eq!(fs::read(&found.path).unwrap(), content("m-Q4_1.gguf"));
    assert_eq!(found.source_label, "hf:maker/m-GGUF/m-Q4_1.gguf");
    assert_eq!(found.publisher.as_deref(), Some("maker"));
    assert_eq!(found.expected_sha256, Some(sha256(&content("m-Q4_1.gguf"))));
    assert_eq!(told.started, [("m-Q4_1.gguf".to_owned(), Some(SIZE as u64))]);
    let default = hub.resolve(&parse("hf:maker/m-GGUF"), &mut Silent).unwrap();
    assert_eq!(default.file_name, "m-Q4_K_M.gguf");
    // Label, name and the same wish again all lead to the file, and ask nobody.
    let asked = server.requests().len();
    for again in ["hf:maker/m-GGUF/m-Q4_1.gguf", "hf:maker/m-GGUF:Q4_1", "m-Q4_1", "m-Q4_1.gguf"] {
        assert_eq!(hub.resolve(&parse(again), &mut Silent).unwrap(), found, "{again}");
    }
    assert_eq!(server.requests().len(), asked);
}

#[test]
fn a_split_model_is_fetched_whole() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(site);
    let hub = Hub::open(at(&server, folder.path())).unwrap();
    let mut told = Told::default();
    let found = hub.resolve(&parse("hf:maker/m-GGUF:Q8_0"), &mut told).unwrap();
    assert_eq!((found.parts.len(), told.done), (2, 2));
    assert_eq!(found.file_name, "m-Q8_0-00001-of-00002.gguf");
    assert_eq!(fs::read(&found.parts[1]).unwrap(), content(FILES[5]));
    let listed = hub.list().unwrap();
    assert_eq!((listed.len(), listed[0].size.get()), (1, 2 * SIZE as u64));
    assert_eq!(hub.resolve(&parse("m-Q8_0"), &mut Silent).unwrap(), found);
    // Without its second part it is not taken for whole.
    fs::remove_file(&found.parts[1]).unwrap();
    assert!(hub.list().unwrap().is_empty());
    let error = hub.resolve(&Source::Path(found.path.clone()), &mut Silent).unwrap_err();
    assert!(matches!(error, HubError::PartMissing { .. }), "{error}");
    hub.resolve(&parse("hf:maker/m-GGUF:Q8_0"), &mut told).unwrap();
    assert_eq!(told.done, 3);
}

#[test]
fn what_the_repository_lacks_is_answered_with_what_it_has() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(|request| match request.target.as_str() {
        "/api/models/maker/none/tree/main?recursive=true" => Reply::new(200, "[]"),
        "/api/models/maker/gone/tree/main?recursive=true" => Reply::new(401, "{}"),
        "/api/models/maker/odd/tree/main?recursive=true" => Reply::new(200, "{\"a\":1}"),
        _ => site(request),
    });
    let hub = Hub::open(at(&server, folder.path())).unwrap();
    for (source, hint) in [
        (
            "hf:maker/m-GGUF:Q2_K",
            "maker/m-GGUF has no `Q2_K`; it has: m-Q4_1.gguf, m-Q4_K_M.gguf, q8/",
        ),
        ("hf:maker/m-GGUF/x.gguf", "has no `x.gguf`"),
        ("hf:maker/none", "holds no GGUF model"),
        ("hf:maker/gone", "HF_TOKEN"),
        ("hf:maker/odd", "makes no sense"),
    ] {
        let error = hub.resolve(&parse(source), &mut Silent).unwrap_err().to_string();
        assert!(error.contains(hint), "{error}");
    }
}

#[test]
fn a_server_that_lies_about_size_or_hash_is_found_out() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(|request| match request.target.as_str() {
        "/maker/m-GGUF/resolve/main/m-Q4_1.gguf" => Reply::whole(&model(SIZE + 1, 1)),
        "/maker/m-GGUF/resolve/main/m-Q4_K_M.gguf" => Reply::whole(&model(SIZE, 99)),
        _ => site(request),
    });
    let hub = Hub::open(at(&server, folder.path())).unwrap();
    let error = hub.resolve(&parse("hf:maker/m-GGUF:Q4_1"), &mut Silent).unwrap_err();
    assert!(matches!(error, HubError::WrongSize { .. }), "{error}");
    let error = hub.resolve(&parse("hf:maker/m-GGUF"), &mut Silent).unwrap_err();
    assert!(matches!(error, HubError::WrongHash { .. }), "{error}");
    assert!(files_ending(folder.path(), ".gguf").is_empty());
}

#[test]
fn the_token_goes_to_the_endpoint_and_nowhere_else() {
    let folder = tempfile::tempdir().unwrap();
    let cdn = Server::start(|request| {
        let path = request.target.trim_start_matches('/').trim_end_matches("?sig=1").to_owned();
        Reply::file(request, &content(&path), "a")
    });
    let elsewhere = cdn.address();
    let server = Server::start(move |request| {
        match request.target.strip_prefix("/maker/m-GGUF/resolve/main/") {
            Some(path) => Reply::new(302, "").with("Location", format!("{elsewhere}/{path}?sig=1")),
            None => site(request),
        }
    });
    let options =
        HubOptions { hf_token: Some(Secret::new("hf_secret")), ..at(&server, folder.path()) };
    let hub = Hub::open(options).unwrap();
    hub.resolve(&parse("hf:maker/m-GGUF:Q4_1"), &mut Silent).unwrap();
    hub.resolve(&cdn.url("m-Q4_K_M.gguf"), &mut Silent).unwrap();
    let authorized = |server: &Server| {
        let requests = server.requests();
        let with = |request: &&Request| request.header("authorization") == Some("Bearer hf_secret");
        let any = requests.iter().filter(|request| request.header("authorization").is_some());
        (requests.iter().filter(with).count(), any.count())
    };
    assert_eq!(authorized(&server), (2, 2));
    assert_eq!(authorized(&cdn), (0, 0));
    assert_eq!(cdn.requests().len(), 2);
    assert!(!format!("{hub:?}").contains("hf_secret"));
}

#[test]
fn a_long_list_is_read_page_by_page() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(|request| match request.target.as_str() {
        TREE => {
            let next = format!("<http://{}{TREE}&cursor=2>; rel=\"next\"", request.headers["host"]);
            Reply::new(200, tree(&FILES[..2])).with("Link", next)
        }
        target if target.ends_with("cursor=2") => match request.number {
            1 => Reply::new(500, ""),
            2 => Reply::new(200, tree(&FILES[2..])).cut_after(40),
            _ => Reply::new(200, tree(&FILES[2..])),
        },
        _ => site(request),
    });
    let hub = Hub::open(at(&server, folder.path())).unwrap();
    let found = hub.resolve(&parse("hf:maker/m-GGUF"), &mut Silent).unwrap();
    assert_eq!(found.file_name, "m-Q4_K_M.gguf");
}

#[test]
fn offline_chooses_among_what_is_here() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(site);
    let online = Hub::open(at(&server, folder.path())).unwrap();
    online.resolve(&parse("hf:maker/m-GGUF:Q4_1"), &mut Silent).unwrap();
    let asked = server.requests().len();
    let options = HubOptions { offline: true, ..at(&server, folder.path()) };
    let offline = Hub::open(options).unwrap();
    let found = offline.resolve(&parse("hf:maker/m-GGUF"), &mut Silent).unwrap();
    assert_eq!(found.file_name, "m-Q4_1.gguf");
    let error = offline.resolve(&parse("hf:maker/m-GGUF:Q8_0"), &mut Silent).unwrap_err();
    assert!(error.to_string().contains("hf:maker/m-GGUF:Q8_0"), "{error}");
    assert_eq!(server.requests().len(), asked);
}

#[cfg(unix)]
#[test]
fn a_file_in_hugging_faces_own_cache_is_used_in_place() {
    let folder = tempfile::tempdir().unwrap();
    let hf_cache = folder.path().join("hf-cache");
    let repo = hf_cache.join("models--maker--m-GGUF");
    let (blobs, snapshot) = (repo.join("blobs"), repo.join("snapshots/abc123"));
    for folder in [&blobs, &snapshot, &repo.join("refs")] {
        fs::create_dir_all(folder).unwrap();
    }
    fs::write(repo.join("refs/main"), "abc123").unwrap();
    let content = content("m-Q4_1.gguf");
    let blob = blobs.join(sha256(&content));
    fs::write(&blob, &content).unwrap();
    std::os::unix::fs::symlink(&blob, snapshot.join("m-Q4_1.gguf")).unwrap();
    let server = Server::start(site);
    for offline in [false, true] {
        let options = HubOptions {
            offline,
            hf_cache_dir: Some(hf_cache.clone()),
            ..at(&server, folder.path())
        };
        let hub = Hub::open(options).unwrap();
        let found = hub.resolve(&parse("hf:maker/m-GGUF:Q4_1"), &mut Silent).unwrap();
        assert_eq!(found.path, snapshot.join("m-Q4_1.gguf"));
        assert_eq!(found.expected_sha256, Some(sha256(&content)));
        assert_eq!(found.publisher.as_deref(), Some("maker"));
    }
    // Only the list was asked for, and only online.
    assert_eq!(server.requests().len(), 1);
}

#[test]
fn a_source_made_by_hand_cannot_leave_the_cache() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(site);
    let hub = Hub::open(at(&server, folder.path())).unwrap();
    for (owner, file) in [("..", None), ("maker", Some("../../x.gguf"))] {
        let source = Source::HuggingFace {
            owner: owner.to_owned(),
            repo: "m-GGUF".to_owned(),
            quant: None,
            file: file.map(str::to_owned),
        };
        let error = hub.resolve(&source, &mut Silent).unwrap_err();
        assert!(matches!(error, HubError::BadSource { .. }), "{error}");
    }
    assert!(server.requests().is_empty());
}
