//! Files that may not be written, and disks that are full.

use std::fs::{self, Permissions};
use std::io::ErrorKind;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;
use tokmark_model::Bytes;
use tokmark_store::{Filter, OpenOptions, Store, StoreError, StoreUrl};

use crate::place::block_on;
use crate::processes::{command, this_program};
use crate::sample::record;

/// What nobody is; root is bound by no permission, so the test becomes nobody.
const NOBODY: u32 = 65_534;

fn is_root() -> bool {
    // SAFETY: reads a number of this process.
    unsafe { libc::geteuid() == 0 }
}

/// A folder that everybody may enter, with a copy of this program in it.
fn open_folder() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    set_mode(folder.path(), 0o755);
    let program = folder.path().join("program");
    fs::copy(this_program(), &program).unwrap();
    set_mode(&program, 0o755);
    (folder, program)
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

fn output(command: &mut Command) -> String {
    // Whoever starts a program just now may still hold ours open for writing.
    let output = loop {
        match command.output() {
            Err(error) if error.kind() == ErrorKind::ExecutableFileBusy => std::thread::yield_now(),
            other => break other.unwrap(),
        }
    };
    let stdout = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{stdout}");
    let said = stdout.lines().filter_map(|line| line.split_once("said ").map(|(_, said)| said));
    said.collect::<Vec<_>>().join("\n")
}

/// What a user without rights gets to see of this store.
fn as_nobody(program: &Path, store: &Path) -> String {
    let mut command = command(program, "read only", store.to_str().unwrap(), 2);
    if is_root() {
        command.uid(NOBODY).gid(NOBODY);
    }
    output(&mut command)
}

fn make(store: &Path) -> Store {
    block_on(async {
        let store = Store::open(&StoreUrl::Sqlite(store.into())).await.unwrap();
        store.save(&record(1)).await.unwrap();
        store
    })
}

#[test]
fn a_store_that_may_only_be_read_is_read() {
    let (folder, program) = open_folder();
    for (name, folder_mode) in [("closed", 0o555), ("open", 0o777)] {
        let inner = folder.path().join(name);
        fs::create_dir(&inner).unwrap();
        let path = inner.join("tokmark.db");
        block_on(make(&path).close());
        set_mode(&path, 0o444);
        set_mode(&inner, folder_mode);
        let said = as_nobody(&program, &path);
        set_mode(&inner, 0o755);
        assert!(said.starts_with("1 read\nno write access to "), "{name}: {said}");
        assert_eq!(said.lines().count(), 3, "{name}: {said}");
    }
}

#[test]
fn a_store_with_waiting_changes_is_not_read_without_them() {
    let (folder, program) = open_folder();
    let (busy, copy) = (folder.path().join("busy"), folder.path().join("copy"));
    fs::create_dir(&copy).unwrap();
    let store = make(&busy.join("tokmark.db"));
    for name in ["tokmark.db", "tokmark.db-wal"] {
        fs::copy(busy.join(name), copy.join(name)).unwrap();
        set_mode(&copy.join(name), 0o444);
    }
    set_mode(&copy, 0o555);
    let said = as_nobody(&program, &copy.join("tokmark.db"));
    set_mode(&copy, 0o755);
    assert!(said.contains("its -wal file holds changes"), "{said}");
    block_on(store.close());
}

#[test]
fn a_folder_that_may_not_be_written_is_told() {
    let (folder, program) = open_folder();
    let closed = folder.path().join("closed");
    fs::create_dir(&closed).unwrap();
    set_mode(&closed, 0o555);
    for path in [closed.join("tokmark.db"), closed.join("deeper/tokmark.db")] {
        let said = as_nobody(&program, &path);
        assert!(said.starts_with("no write access to "), "{said}");
    }
    set_mode(&closed, 0o755);
}

#[test]
fn paths_that_can_be_no_file_are_told() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    fs::write(&file, "text").unwrap();
    for path in
        [file.join("tokmark.db"), file.join("deeper/tokmark.db"), PathBuf::from("/proc/tokmark.db")]
    {
        let error = block_on(Store::open(&StoreUrl::Sqlite(path.clone()))).unwrap_err();
        assert!(matches!(error, StoreError::NoWriteAccess { .. }), "{path:?}: {error:?}");
    }
    let here = StoreUrl::Sqlite(folder.path().to_owned());
    let error = block_on(Store::open(&here)).unwrap_err();
    assert!(matches!(error, StoreError::Folder { .. }), "{error:?}");
}

#[test]
fn a_full_disk_is_told_and_loses_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let store = folder.path().join("tokmark.db");
    let fill = command(&this_program(), "fill 1 MiB", store.to_str().unwrap(), 0);
    // A small disk of its own, gone with the process that mounted it.
    let mount = "mount -t tmpfs -o size=1m tmpfs \"$1\" && echo mounted && shift && exec \"$@\"";
    let mut small = Command::new("unshare");
    small.args(["--mount", "sh", "-c", mount, "sh"]).arg(folder.path());
    small.arg(fill.get_program()).args(fill.get_args());
    small.envs(fill.get_envs().filter_map(|(key, value)| Some((key, value?))));
    let small = small.output();
    let mounted = small
        .as_ref()
        .is_ok_and(|output| String::from_utf8_lossy(&output.stdout).contains("mounted"));
    let said = if mounted {
        let small = small.unwrap();
        let stdout = String::from_utf8_lossy(&small.stdout).into_owned();
        assert!(small.status.success(), "{stdout}{}", String::from_utf8_lossy(&small.stderr));
        stdout
    } else {
        // Only root may mount; SQLite says the same at a limit of its own.
        output(&mut command(&this_program(), "fill the limit", store.to_str().unwrap(), 0))
    };
    assert!(said.contains("no space left for "), "{said}");
}

#[test]
fn a_store_at_its_size_limit_goes_on_without_it() {
    let folder = tempfile::tempdir().unwrap();
    let url = StoreUrl::Sqlite(folder.path().join("tokmark.db"));
    block_on(async {
        let options = OpenOptions { max_size: Some(Bytes(300_000)), ..OpenOptions::default() };
        let store = Store::open_with(&url, options).await.unwrap();
        let batch: Vec<_> = (0..1_000).map(record).collect();
        let error = store.save_all(&batch).await.unwrap_err();
        assert!(matches!(error, StoreError::DiskFull { .. }), "{error:?}");
        assert_eq!(store.count(&Filter::default()).await.unwrap(), 0);
        store.save(&record(1)).await.unwrap();
        store.close().await;
        let store = Store::open(&url).await.unwrap();
        assert_eq!(store.save_all(&batch).await.unwrap(), 999);
    });
}
