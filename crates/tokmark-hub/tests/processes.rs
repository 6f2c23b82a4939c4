//! Two that want the same file, and one that is killed.

mod support;

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use support::{Reply, Server, files_ending, hub, model};
use tokmark_hub::{HubError, Progress, Source};
use tokmark_model::Bytes;

const SIZE: usize = 2_000_000;
const FIRST: usize = 1_000_000;

/// Keeps a test that went wrong from hanging; decides nothing otherwise.
const PATIENCE: Duration = Duration::from_secs(20);

/// Says when it has to wait for another process.
struct Waiter(Sender<String>);

impl Progress for Waiter {
    fn started(&mut self, _: &str, _: Option<Bytes>) {}
    fn advanced(&mut self, _: Bytes) {}
    fn done(&mut self) {}
    fn waiting(&mut self, text: &str) {
        let _ = self.0.send(text.to_owned());
    }
}

/// A server that answers only when told to.
fn gated(content: Vec<u8>) -> (Server, Sender<()>) {
    let (open, gate) = channel::<()>();
    let gate: Arc<Mutex<Receiver<()>>> = Arc::new(Mutex::new(gate));
    let server = Server::start(move |request| {
        let _ = gate.lock().unwrap().recv_timeout(PATIENCE);
        Reply::file(request, &content, "a")
    });
    (server, open)
}

#[test]
fn two_that_want_one_file_fetch_it_once() {
    let folder = tempfile::tempdir().unwrap();
    let content = model(SIZE, 1);
    let (server, open) = gated(content.clone());
    let source = server.url("m.gguf");
    let (told, telling) = channel();
    let paths: Vec<PathBuf> = std::thread::scope(|scope| {
        // Two hubs, as two processes have; the lock does not know the difference.
        let fetch = || {
            let (source, folder, told) = (source.clone(), folder.path(), told.clone());
            scope.spawn(move || hub(folder).resolve(&source, &mut Waiter(told)).unwrap().path)
        };
        let both = [fetch(), fetch()];
        let text = telling.recv_timeout(PATIENCE).unwrap();
        assert_eq!(text, "another process is fetching m.gguf; waiting for it");
        open.send(()).unwrap();
        both.map(|thread| thread.join().unwrap()).into()
    });
    assert_eq!(paths[0], paths[1]);
    assert_eq!(fs::read(&paths[0]).unwrap(), content);
    assert_eq!(server.requests().len(), 1);
}

#[test]
fn waiting_for_another_can_be_stopped() {
    struct Impatient(bool);
    impl Progress for Impatient {
        fn started(&mut self, _: &str, _: Option<Bytes>) {}
        fn advanced(&mut self, _: Bytes) {}
        fn done(&mut self) {}
        fn waiting(&mut self, _: &str) {
            self.0 = true;
        }
        fn cancelled(&self) -> bool {
            self.0
        }
    }
    let folder = tempfile::tempdir().unwrap();
    let (server, open) = gated(model(SIZE, 1));
    let source = server.url("m.gguf");
    std::thread::scope(|scope| {
        let (told, telling) = channel();
        let first = {
            let (source, folder) = (source.clone(), folder.path());
            scope.spawn(move || hub(folder).resolve(&source, &mut Waiter(told)).is_ok())
        };
        // Once the server was asked, the first one holds the lock.
        while server.requests().is_empty() {
            std::thread::yield_now();
        }
        let error = hub(folder.path()).resolve(&source, &mut Impatient(false)).unwrap_err();
        assert!(matches!(error, HubError::Cancelled { .. }), "{error}");
        open.send(()).unwrap();
        assert!(first.join().unwrap());
        drop(telling);
    });
}

/// What the killed process does: fetches until `FIRST` bytes are written, says so, and
/// stays there.
struct Stuck(u64);

impl Progress for Stuck {
    fn started(&mut self, _: &str, _: Option<Bytes>) {}
    fn waiting(&mut self, _: &str) {}
    fn done(&mut self) {}
    fn advanced(&mut self, bytes: Bytes) {
        self.0 += bytes.get();
        if self.0 >= FIRST as u64 {
            println!("\nwritten");
            // Ends with the parent at the latest.
            let _ = std::io::stdin().read_line(&mut String::new());
        }
    }
}

/// This test in a process of its own, when the variables say so.
fn is_the_child() -> bool {
    let variable = |name| std::env::var(name);
    let (Ok(folder), Ok(url)) = (variable("HUB_TEST_FOLDER"), variable("HUB_TEST_URL")) else {
        return false;
    };
    let source = Source::parse(&url).unwrap();
    let _ = hub(folder.as_ref()).resolve(&source, &mut Stuck(0));
    true
}

#[test]
fn a_killed_download_is_gone_on_with() {
    if is_the_child() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let content = model(SIZE, 1);
    let served = content.clone();
    let server = Server::start(move |request| Reply::file(request, &served, "a"));
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "a_killed_download_is_gone_on_with", "--nocapture"])
        .env("HUB_TEST_FOLDER", folder.path())
        .env("HUB_TEST_URL", format!("{}/m.gguf", server.address()))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert!(lines.any(|line| line.unwrap() == "written"));
    child.kill().unwrap();
    child.wait().unwrap();

    assert!(files_ending(folder.path(), ".gguf").is_empty());
    let part = files_ending(folder.path(), ".part").remove(0);
    let kept = fs::metadata(&part).unwrap().len();
    assert!(kept >= FIRST as u64 && kept < SIZE as u64);
    let hub = hub(folder.path());
    assert!(hub.list().unwrap().is_empty());

    let (told, telling) = channel();
    let found = hub.resolve(&server.url("m.gguf"), &mut Waiter(told)).unwrap();
    assert_eq!(fs::read(found.path).unwrap(), content);
    assert_eq!(server.offsets(), [None, usize::try_from(kept).ok()]);
    // The lock died with its holder.
    assert!(telling.try_recv().is_err());
}
