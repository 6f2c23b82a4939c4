//! One file from the web, and every way in which that goes wrong.

mod support;

use std::fs;
use std::sync::Arc;
use std::time::Duration;

use support::{Reply, Server, Told, files_ending, hub, model, options, sha256};
use tokmark_hub::{Hub, HubError, Outside, ProxyChoice, Secret, Silent, Source};

const SIZE: usize = 300_000;

#[test]
fn a_file_is_fetched_once_and_kept_with_its_origin() {
    let folder = tempfile::tempdir().unwrap();
    let content = model(SIZE, 1);
    let served = content.clone();
    let server = Server::start(move |request| Reply::file(request, &served, "a"));
    let hub = hub(folder.path());
    let source = server.url("dir/m-Q4_1.gguf?sig=secret");
    let mut told = Told::default();
    let first = hub.resolve(&source, &mut told).unwrap();
    assert_eq!(fs::read(&first.path).unwrap(), content);
    assert_eq!(first.file_name, "m-Q4_1.gguf");
    assert_eq!(first.source_label, format!("{}/dir/m-Q4_1.gguf", server.address()));
    assert_eq!(first.expected_sha256, Some(sha256(&content)));
    assert_eq!(told.started, [("m-Q4_1.gguf".to_owned(), Some(SIZE as u64))]);
    assert_eq!((told.advanced, told.done), (SIZE as u64, 1));
    let second = hub.resolve(&source, &mut Silent).unwrap();
    assert_eq!(first, second);
    assert_eq!(server.requests().len(), 1);
    assert!(files_ending(folder.path(), ".part").is_empty());
    assert!(files_ending(folder.path(), ".part.json").is_empty());
    for file in files_ending(folder.path(), ".json") {
        assert!(!fs::read_to_string(&file).unwrap().contains("secret"), "{file:?}");
    }
}

#[test]
fn a_cut_connection_is_gone_on_with() {
    let folder = tempfile::tempdir().unwrap();
    let content = model(SIZE, 1);
    let served = content.clone();
    let server = Server::start(move |request| {
        let reply = Reply::file(request, &served, "a");
        let length = reply.body.len();
        reply.cut_after(length.min(100_000))
    });
    let (options, slept) = options(folder.path());
    let mut told = Told::default();
    let hub = Hub::open(options).unwrap();
    let found = hub.resolve(&server.url("m.gguf"), &mut told).unwrap();
    assert_eq!(fs::read(found.path).unwrap(), content);
    assert_eq!(server.offsets(), [None, Some(100_000), Some(200_000)]);
    assert!(server.requests()[1].header("if-range").is_some());
    assert_eq!(slept.lock().unwrap().iter().sum::<Duration>(), Duration::from_secs(2));
    assert_eq!(told.advanced, SIZE as u64);
}

#[test]
fn a_server_that_brings_nothing_is_given_up_and_the_part_kept() {
    let folder = tempfile::tempdir().unwrap();
    let content = model(SIZE, 1);
    let served = content.clone();
    let server = Server::start(move |request| {
        let reply = Reply::file(request, &served, "a");
        match request.number {
            0 => reply.cut_after(100_000),
            1..=5 => reply.cut_after(10),
            _ => reply,
        }
    });
    let (options, slept) = options(folder.path());
    let hub = Hub::open(options).unwrap();
    let error = hub.resolve(&server.url("m.gguf"), &mut Silent).unwrap_err();
    let HubError::BrokenOff { have, total, .. } = &error else { panic!("{error}") };
    assert_eq!((have.get(), total.unwrap().get()), (100_040, SIZE as u64));
    // 1, 2, 4 and 8 seconds; the first attempt of all brought something.
    assert_eq!(slept.lock().unwrap().iter().sum::<Duration>(), Duration::from_secs(15));
    assert!(files_ending(folder.path(), ".gguf").is_empty());
    let found = hub.resolve(&server.url("m.gguf"), &mut Silent).unwrap();
    assert_eq!(fs::read(found.path).unwrap(), content);
}

#[test]
fn a_server_without_ranges_is_read_from_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let content = model(SIZE, 1);
    let served = content.clone();
    let server = Server::start(move |request| {
        let reply = Reply::whole(&served).with("ETag", "\"a\"");
        if request.number == 0 { reply.cut_after(100_000) } else { reply }
    });
    let mut told = Told::default();
    let found = hub(folder.path()).resolve(&server.url("m.gguf"), &mut told).unwrap();
    assert_eq!(fs::read(found.path).unwrap(), content);
    assert_eq!(server.offsets(), [None, Some(100_000)]);
    assert_eq!((told.started.len(), told.advanced), (2, SIZE as u64));
}

#[test]
fn without_ranges_and_with_cuts_it_is_given_up() {
    let folder = tempfile::tempdir().unwrap();
    let served = model(SIZE, 1);
    let server = Server::start(move |_| Reply::whole(&served).cut_after(100_000));
    let error = hub(folder.path()).resolve(&server.url("m.gguf"), &mut Silent).unwrap_err();
    assert!(matches!(error, HubError::BrokenOff { .. }), "{error}");
    assert!(server.requests().len() <= 6);
    assert!(files_ending(folder.path(), ".gguf").is_empty());
}

#[test]
fn a_file_that_changes_on_the_way_is_read_anew() {
    let folder = tempfile::tempdir().unwrap();
    let (old, new) = (model(SIZE, 1), model(SIZE, 2));
    for respects_if_range in [true, false] {
        let (old, served) = (old.clone(), new.clone());
        let server = Server::start(move |request| {
            let mut request = request.clone();
            if !respects_if_range {
                request.headers.remove("if-range");
            }
            match request.number {
                0 => Reply::file(&request, &old, "old").cut_after(100_000),
                _ => Reply::file(&request, &served, "new"),
            }
        });
        let found = hub(folder.path()).resolve(&server.url("m.gguf"), &mut Silent).unwrap();
        assert_eq!(fs::read(found.path).unwrap(), new);
    }
}

#[test]
fn a_wrong_hash_is_refused_and_nothing_kept() {
    let folder = tempfile::tempdir().unwrap();
    let served = model(SIZE, 1);
    let server = Server::start(move |request| Reply::file(request, &served, "a"));
    let wanted = sha256(b"other");
    let source = server.url(&format!("m.gguf#sha256={wanted}"));
    let error = hub(folder.path()).resolve(&source, &mut Silent).unwrap_err();
    let HubError::WrongHash { expected, .. } = &error else { panic!("{error}") };
    assert_eq!(*expected, wanted);
    assert!(files_ending(folder.path(), ".gguf").is_empty());
    assert!(files_ending(folder.path(), ".part").is_empty());
}

#[test]
fn a_resumed_file_with_a_wrong_hash_is_read_anew_once() {
    let folder = tempfile::tempdir().unwrap();
    let (old, new) = (model(SIZE, 1), model(SIZE, 2));
    let hash = sha256(&new);
    // One ETag for two contents: only the hash can tell.
    let served = new.clone();
    let server = Server::start(move |request| match request.number {
        0 => Reply::file(request, &old, "a").cut_after(100_000),
        _ => Reply::file(request, &served, "a"),
    });
    let source = server.url(&format!("m.gguf#sha256={hash}"));
    let found = hub(folder.path()).resolve(&source, &mut Silent).unwrap();
    assert_eq!(fs::read(found.path).unwrap(), new);
    assert_eq!(server.offsets(), [None, Some(100_000), None]);
}

#[test]
fn a_body_without_length_needs_chunks_or_a_hash() {
    let folder = tempfile::tempdir().unwrap();
    let content = model(SIZE, 1);
    let served = content.clone();
    let server = Server::start(move |request| {
        let mut reply = Reply::whole(&served);
        reply.hide_length = true;
        reply.chunked = request.target.contains("chunked");
        if request.target.contains("cut") && request.number == 0 {
            reply.cut_after = Some(100_000);
        }
        reply
    });
    let hub = hub(folder.path());
    let cut = hub.resolve(&server.url("cut-chunked.gguf"), &mut Silent).unwrap();
    assert_eq!(fs::read(cut.path).unwrap(), content);
    let error = hub.resolve(&server.url("m.gguf"), &mut Silent).unwrap_err();
    assert!(matches!(error, HubError::UnknownSize { .. }), "{error}");
    assert!(error.to_string().contains("#sha256="));
    let hashed = server.url(&format!("m.gguf#sha256={}", sha256(&content)));
    hub.resolve(&hashed, &mut Silent).unwrap();
}

#[test]
fn redirects_are_followed_and_loops_are_not() {
    let folder = tempfile::tempdir().unwrap();
    let served = model(SIZE, 1);
    let server = Server::start(move |request| match request.target.as_str() {
        "/m.gguf" => Reply::new(302, "").with("Location", "cdn/x?sig=1"),
        "/cdn/x?sig=1" => Reply::file(request, &served, "a"),
        "/away.gguf" => Reply::new(302, "").with("Location", "ftp://127.0.0.1/x"),
        "/nowhere.gguf" => Reply::new(302, ""),
        _ => Reply::new(302, "").with("Location", "/loop.gguf?secret=1"),
    });
    let hub = hub(folder.path());
    let found = hub.resolve(&server.url("m.gguf"), &mut Silent).unwrap();
    assert_eq!(found.file_name, "m.gguf");
    for name in ["loop.gguf", "away.gguf", "nowhere.gguf"] {
        let before = server.requests().len();
        let error = hub.resolve(&server.url(name), &mut Silent).unwrap_err();
        assert!(matches!(error, HubError::BadRedirect { .. }), "{error}");
        assert!(!error.to_string().contains("secret"), "{error}");
        assert!(server.requests().len() - before <= 11);
    }
}

#[test]
fn a_busy_server_is_given_the_time_it_asks_for() {
    let folder = tempfile::tempdir().unwrap();
    let served = model(SIZE, 1);
    let server = Server::start(move |request| match request.number {
        0 => Reply::new(429, "").with("Retry-After", "7"),
        1 => Reply::new(503, "")
            .with("Date", "Wed, 21 Oct 2026 07:28:00 GMT")
            .with("Retry-After", "Wed, 21 Oct 2026 07:28:30 GMT"),
        _ => Reply::file(request, &served, "a"),
    });
    let (options, slept) = options(folder.path());
    let mut told = Told::default();
    let hub = Hub::open(options).unwrap();
    hub.resolve(&server.url("m.gguf"), &mut told).unwrap();
    assert_eq!(slept.lock().unwrap().iter().sum::<Duration>(), Duration::from_secs(37));
    assert_eq!(told.waiting[0], "m.gguf: HTTP 429; trying again in 7 s");
}

#[test]
fn a_server_that_asks_for_an_hour_is_given_up() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(|_| Reply::new(429, "").with("Retry-After", "3600"));
    let (options, slept) = options(folder.path());
    let hub = Hub::open(options).unwrap();
    let error = hub.resolve(&server.url("m.gguf"), &mut Silent).unwrap_err();
    assert!(matches!(&error, HubError::Busy { wait, .. } if wait.as_secs() == 3600), "{error}");
    assert!(slept.lock().unwrap().is_empty());
}

#[test]
fn lasting_answers_are_not_asked_again() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(|request| {
        let status = request.target.trim_start_matches('/').trim_end_matches(".gguf");
        Reply::new(status.parse().unwrap(), "no")
    });
    for (status, hint) in [(401, "HF_TOKEN"), (403, "HF_TOKEN"), (404, "spelling"), (418, "418")] {
        let source = server.url(&format!("{status}.gguf"));
        let error = hub(folder.path()).resolve(&source, &mut Silent).unwrap_err();
        assert!(error.to_string().contains(hint), "{error}");
    }
    assert_eq!(server.requests().len(), 4);
    // What nobody serves is told at once too.
    let (options, slept) = options(folder.path());
    let nobody = Source::parse("http://127.0.0.1:9/m.gguf").unwrap();
    let error = Hub::open(options).unwrap().resolve(&nobody, &mut Silent).unwrap_err();
    assert!(matches!(error, HubError::Unreachable { .. }), "{error}");
    assert!(slept.lock().unwrap().is_empty());
}

#[test]
fn what_is_no_model_is_told_by_type_and_by_magic() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(|request| match request.target.as_str() {
        "/blob/page.gguf" => {
            Reply::new(200, "<!doctype html>").with("Content-Type", "text/html; charset=utf-8")
        }
        "/empty.gguf" => Reply::new(200, ""),
        _ => Reply::new(200, "{\"error\":\"no\"}").with("ETag", "\"a\""),
    });
    for (path, hint) in [
        ("blob/page.gguf", "a web page; give the address of the file itself, with /resolve/"),
        ("json.gguf", "begins with"),
        ("empty.gguf", "empty"),
    ] {
        let error = hub(folder.path()).resolve(&server.url(path), &mut Silent).unwrap_err();
        assert!(matches!(error, HubError::NotAModel { .. }), "{error}");
        assert!(error.to_string().contains(hint), "{error}");
    }
    assert!(files_ending(folder.path(), ".part").is_empty());
    assert!(files_ending(folder.path(), ".gguf").is_empty());
}

#[test]
fn a_full_disk_is_told_before_and_during() {
    let folder = tempfile::tempdir().unwrap();
    let served = model(SIZE, 1);
    let server = Server::start(move |request| Reply::file(request, &served, "a"));
    let (mut options, _) = options(folder.path());
    options.outside = Outside { free_space: Arc::new(|_| Ok(1_000)), ..options.outside };
    let hub = Hub::open(options).unwrap();
    let error = hub.resolve(&server.url("m.gguf"), &mut Silent).unwrap_err();
    let HubError::DiskFull { needed, free, .. } = &error else { panic!("{error}") };
    assert_eq!((needed.get(), free.unwrap().get()), (SIZE as u64, 1_000));
    assert!(error.to_string().contains("TOKMARK_CACHE"), "{error}");
    assert!(files_ending(folder.path(), ".gguf").is_empty());
}

#[cfg(target_os = "linux")]
#[test]
fn a_write_that_fails_for_want_of_room_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let served = model(SIZE, 1);
    let server = Server::start(move |request| Reply::file(request, &served, "a"));
    let hub = hub(folder.path());
    let source = server.url("m.gguf");
    let mut told = Told { stop_after: Some(0), ..Told::default() };
    hub.resolve(&source, &mut told).unwrap_err();
    // The device that is always full stands in for the part.
    let part = files_ending(folder.path(), ".part").remove(0);
    fs::remove_file(&part).unwrap();
    fs::remove_file(format!("{}.json", part.display())).unwrap();
    std::os::unix::fs::symlink("/dev/full", &part).unwrap();
    let error = hub.resolve(&source, &mut Silent).unwrap_err();
    assert!(matches!(&error, HubError::DiskFull { needed, .. } if needed.get() > 1), "{error:?}");
}

#[test]
fn a_stopped_download_goes_on_later() {
    let folder = tempfile::tempdir().unwrap();
    let content = model(3_000_000, 1);
    let served = content.clone();
    let server = Server::start(move |request| Reply::file(request, &served, "a"));
    let hub = hub(folder.path());
    let source = server.url("m.gguf");
    let mut told = Told { stop_after: Some(1_000_000), ..Told::default() };
    let error = hub.resolve(&source, &mut told).unwrap_err();
    assert!(matches!(error, HubError::Cancelled { .. }), "{error}");
    assert!(hub.list().unwrap().is_empty());
    let found = hub.resolve(&source, &mut Silent).unwrap();
    assert_eq!(fs::read(found.path).unwrap(), content);
    assert!(server.offsets()[1].unwrap() >= 1_000_000);
}

#[test]
fn a_part_of_another_file_is_not_gone_on_with() {
    let folder = tempfile::tempdir().unwrap();
    let content = model(SIZE, 1);
    let served = content.clone();
    let server = Server::start(move |request| Reply::file(request, &served, "a"));
    let hub = hub(folder.path());
    let source = server.url("m.gguf");
    let mut told = Told { stop_after: Some(0), ..Told::default() };
    hub.resolve(&source, &mut told).unwrap_err();
    let part = files_ending(folder.path(), ".part").remove(0);
    for facts in ["", "{}", "rubbish", "{\"url_sha256\":\"x\",\"etag\":\"\\\"a\\\"\"}"] {
        fs::write(&part, b"GGUFwhat another one left").unwrap();
        fs::write(format!("{}.json", part.display()), facts).unwrap();
        let found = hub.resolve(&source, &mut Silent).unwrap();
        assert_eq!(fs::read(&found.path).unwrap(), content, "{facts}");
        fs::remove_file(found.path).unwrap();
    }
}

#[test]
fn a_split_model_comes_with_all_its_parts() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(|request| {
        let seed = u32::from(request.target.contains("m-00002"));
        Reply::file(request, &model(SIZE, seed), "a")
    });
    let hub = hub(folder.path());
    let found = hub.resolve(&server.url("m-00001-of-00002.gguf?k=1"), &mut Silent).unwrap();
    assert_eq!(found.parts.len(), 2);
    assert_eq!(fs::read(&found.parts[1]).unwrap(), model(SIZE, 1));
    assert_eq!(server.requests()[1].target, "/m-00002-of-00002.gguf?k=1");
    assert_eq!(hub.list().unwrap().len(), 1);
    let lines = format!("{}\n{}\n", sha256(&model(SIZE, 0)), sha256(&model(SIZE, 1)));
    assert_eq!(hub.model_sha256(&found).unwrap(), sha256(lines.as_bytes()));
}

#[test]
fn offline_uses_what_is_here_and_asks_nobody() {
    let folder = tempfile::tempdir().unwrap();
    let served = model(SIZE, 1);
    let server = Server::start(move |request| Reply::file(request, &served, "a"));
    let source = server.url("m.gguf");
    let (mut options, _) = options(folder.path());
    options.offline = true;
    let offline = Hub::open(options).unwrap();
    let error = offline.resolve(&source, &mut Silent).unwrap_err();
    assert!(matches!(error, HubError::Offline { .. }), "{error}");
    hub(folder.path()).resolve(&source, &mut Silent).unwrap();
    offline.resolve(&source, &mut Silent).unwrap();
    assert_eq!(server.requests().len(), 1);
}

#[test]
fn a_proxy_is_used_and_its_password_not_shown() {
    let folder = tempfile::tempdir().unwrap();
    let proxy = Server::start(|_| Reply::new(407, ""));
    let (mut options, _) = options(folder.path());
    let address = proxy.address().replace("http://", "http://me:hidden@");
    options.proxy = ProxyChoice::Url(Secret::new(address));
    let source = Source::parse("http://127.0.0.1:9/m.gguf").unwrap();
    let error = Hub::open(options).unwrap().resolve(&source, &mut Silent).unwrap_err();
    assert_eq!(proxy.requests().len(), 1);
    assert!(!format!("{error} {error:?}").contains("hidden"), "{error}");
}
