//! Files that are there whole or not at all, also after the machine lost its power.

use std::fs::{self, File};
use std::io::{ErrorKind, Write};
use std::path::Path;
use std::time::{Duration, SystemTime};

use crate::OutboxError;

/// End of the name of a file that is being written.
const PART: &str = ".part";
/// Age from which the writer of such a file is taken for dead.
const STALE: Duration = Duration::from_secs(24 * 3600);

/// Writes the file `name` in `folder`, over one that is there.
pub(super) fn write_whole(folder: &Path, name: &str, bytes: &[u8]) -> Result<(), OutboxError> {
    let path = folder.join(name);
    let part = folder.join(format!(".{name}{PART}"));
    let write = || {
        let mut file = File::create(&part)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&part, &path)?;
        sync_folder(folder)
    };
    write().map_err(|error| {
        let _ = fs::remove_file(&part);
        OutboxError::io("write", &path)(error)
    })
}

/// Removes a file for good. One that is gone already is fine.
pub(super) fn remove(path: &Path) -> Result<(), OutboxError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            Err(OutboxError::io("remove", path)(error))
        }
        _ => {
            // Should the file be back after a crash, it is sent once more.
            let _ = path.parent().map(sync_folder);
            Ok(())
        }
    }
}

/// Removes what writers that died have left. Nothing depends on it.
pub(super) fn remove_stale_parts(folder: &Path) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let is_part = entry.file_name().to_string_lossy().ends_with(PART);
        let written = entry.metadata().and_then(|data| data.modified()).ok();
        let age = written.and_then(|at| SystemTime::now().duration_since(at).ok());
        if is_part && age.is_some_and(|age| age > STALE) {
            let _ = fs::remove_file(entry.path());
        }
    }
}

#[cfg(unix)]
fn sync_folder(folder: &Path) -> std::io::Result<()> {
    File::open(folder)?.sync_all()
}

/// Elsewhere a folder cannot be opened as a file.
#[cfg(not(unix))]
fn sync_folder(_folder: &Path) -> std::io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_old_parts_are_removed() {
        let folder = tempfile::tempdir().unwrap();
        let old = SystemTime::now() - STALE * 2;
        for (name, is_old) in [(".a.part", true), (".b.part", false), ("c.json.gz", true)] {
            let file = File::create(folder.path().join(name)).unwrap();
            if is_old {
                file.set_modified(old).unwrap();
            }
        }
        remove_stale_parts(folder.path());
        let there = |name: &str| folder.path().join(name).exists();
        assert!(!there(".a.part") && there(".b.part") && there("c.json.gz"));
    }

    #[test]
    fn a_file_is_written_over_and_leaves_no_part() {
        let folder = tempfile::tempdir().unwrap();
        for text in ["one", "two"] {
            write_whole(folder.path(), "a", text.as_bytes()).unwrap();
        }
        assert_eq!(fs::read_to_string(folder.path().join("a")).unwrap(), "two");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
