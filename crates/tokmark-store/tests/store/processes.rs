//! Other programs: this test binary started again, told by variables what to do.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};

use tokmark_model::Bytes;
use tokmark_store::{Filter, OpenOptions, Store, StoreError, StoreUrl};

use crate::place::block_on;
use crate::sample::record;

const ROLE: &str = "TOKMARK_STORE_TEST_ROLE";
const STORE: &str = "TOKMARK_STORE_TEST_STORE";
const FIRST: &str = "TOKMARK_STORE_TEST_FIRST";

/// What `program`, a copy of this binary, shall do with a store.
pub fn command(program: &Path, role: &str, store: &str, first: u64) -> Command {
    let mut command = Command::new(program);
    command
        .args(["--exact", "processes::another_program", "--nocapture", "--test-threads=1"])
        .env(ROLE, role)
        .env(STORE, store)
        .env(FIRST, first.to_string())
        .stdin(Stdio::null())
        .stdout(Stdio::piped());
    command
}

pub fn this_program() -> PathBuf {
    std::env::current_exe().unwrap()
}

pub fn start(role: &str, store: &str, first: u64) -> (Child, BufReader<ChildStdout>) {
    let mut child = command(&this_program(), role, store, first).spawn().unwrap();
    let output = BufReader::new(child.stdout.take().unwrap());
    (child, output)
}

/// The next line that the other program meant for us.
pub fn next_line(output: &mut impl BufRead) -> Option<String> {
    let mut line = String::new();
    while output.read_line(&mut line).unwrap() > 0 {
        // The test harness may have begun the line.
        if let Some((_, said)) = line.trim_end().split_once("said ") {
            return Some(said.to_owned());
        }
        line.clear();
    }
    None
}

fn say(text: impl std::fmt::Display) {
    let mut stdout = std::io::stdout().lock();
    writeln!(stdout, "said {text}").unwrap();
    stdout.flush().unwrap();
}

/// The other program's side. In an ordinary run of the tests there is nothing to do.
#[test]
fn another_program() {
    let Ok(role) = std::env::var(ROLE) else {
        return;
    };
    let url = StoreUrl::parse(&std::env::var(STORE).unwrap()).unwrap();
    let first: u64 = std::env::var(FIRST).unwrap().parse().unwrap();
    block_on(async {
        match role.as_str() {
            "save 40" => {
                let store = Store::open(&url).await.unwrap();
                for n in first..first + 40 {
                    assert!(store.save(&record(n)).await.unwrap());
                }
                say("done");
            }
            "save for ever" => {
                let store = Store::open(&url).await.unwrap();
                for n in first.. {
                    store.save(&record(n)).await.unwrap();
                    say(n);
                }
            }
            "read only" => {
                let outcome = Store::open(&url).await;
                let Ok(store) = outcome else {
                    return say(outcome.unwrap_err());
                };
                let records = store.records(&Filter::default()).await.unwrap();
                assert_eq!(store.list(&Filter::default()).await.unwrap().len(), records.len());
                say(format!("{} read", records.len()));
                for error in [
                    store.save(&record(first)).await.unwrap_err(),
                    store.check_writable().await.unwrap_err(),
                ] {
                    assert!(matches!(error, StoreError::NoWriteAccess { .. }), "{error}");
                    say(error);
                }
            }
            "fill 1 MiB" => fill(&url, None).await,
            "fill the limit" => fill(&url, Some(Bytes(1 << 20))).await,
            other => panic!("{other}"),
        }
    });
}

/// Saves until the disk is full, then shows that what was saved is there.
async fn fill(url: &StoreUrl, max_size: Option<Bytes>) {
    let options = OpenOptions { max_size, ..OpenOptions::default() };
    let store = Store::open_with(url, options).await.unwrap();
    let mut n = 0;
    let error = loop {
        match store.save(&record(n)).await {
            Ok(_) => n += 1,
            Err(error) => break error,
        }
        assert!(n < 10_000, "never full");
    };
    assert!(matches!(error, StoreError::DiskFull { .. }), "{error:?}");
    assert!(n > 0, "nothing fitted");
    let kept = store.records(&Filter::default()).await.unwrap();
    assert_eq!(kept, (0..n).rev().map(record).collect::<Vec<_>>());
    say(error);
}
