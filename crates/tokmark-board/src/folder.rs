//! Files of one folder, read with limits and never from outside of it.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use crate::Finding;
use crate::finding::shown;
use crate::node::Place;

/// Largest file that is read, in bytes: 8 MB.
pub const MAX_FILE_BYTES: u64 = 8_000_000;
/// What is said of a larger one.
pub(crate) const TOO_LARGE: &str = "it is too large";
/// What would be right.
pub(crate) const SMALL_ENOUGH: &str = "up to 8 MB are read; split it, or leave samples out";
/// Most files in one folder.
const MAX_FILES: usize = 20_000;

/// A folder whose files may be read.
pub(crate) struct Folder {
    root: PathBuf,
}

/// A file that was read.
pub(crate) struct Text {
    /// From the folder, with `/`.
    pub(crate) file: String,
    pub(crate) text: String,
}

impl Folder {
    /// The folder at `path`.
    pub(crate) fn open(path: &Path) -> Result<Self, Finding> {
        let refuse = |problem: String| {
            let allowed = "the folder that holds `runs/`, such as content/benchmarks";
            Place::START.finding(&path.display().to_string(), problem, allowed)
        };
        let root = path.canonicalize().map_err(|error| refuse(format!("no folder: {error}")))?;
        match root.is_dir() {
            true => Ok(Folder { root }),
            false => Err(refuse("it is no folder".to_owned())),
        }
    }

    /// The file `name`; `None` where there is none.
    pub(crate) fn text(&self, name: &str) -> Option<Result<Text, Finding>> {
        let path = self.root.join(name);
        path.symlink_metadata().is_ok().then(|| self.read(name, &path))
    }

    /// The file of a name that [`Folder::texts`] gave.
    pub(crate) fn named(&self, name: Result<String, Finding>) -> Result<Text, Finding> {
        name.and_then(|name| self.read(&name, &self.root.join(&name)))
    }

    /// The name of every `.yaml` file directly in the folder `name`, in order. Hidden files are
    /// passed over; anything else that is no such file is a finding.
    pub(crate) fn texts(&self, name: &str) -> Vec<Result<String, Finding>> {
        let folder = self.root.join(name);
        if folder.symlink_metadata().is_err() {
            return Vec::new();
        }
        let refuse = |file: &str, problem: String, allowed: &str| {
            vec![Err(Place::START.finding(file, problem, allowed))]
        };
        match folder.canonicalize() {
            Ok(real) if real.starts_with(&self.root) && real.is_dir() => {}
            _ => {
                return refuse(
                    name,
                    "it leads out of the folder".to_owned(),
                    "only what lies in it is read",
                );
            }
        }
        let entries = match std::fs::read_dir(&folder) {
            Ok(entries) => entries.take(MAX_FILES + 1),
            Err(error) => return refuse(name, format!("no folder: {error}"), "a folder of files"),
        };
        let mut names = Vec::new();
        for entry in entries {
            match entry {
                Ok(entry) => names.push(entry.file_name()),
                Err(error) => return refuse(name, error.to_string(), "a folder that can be read"),
            }
        }
        if names.len() > MAX_FILES {
            return refuse(name, "too many files".to_owned(), "up to 20,000 in a folder");
        }
        names.sort();
        names
            .into_iter()
            .filter(|entry| !entry.as_encoded_bytes().starts_with(b"."))
            .map(|entry| {
                let shown_name = format!("{name}/{}", entry.to_string_lossy());
                match entry.to_str().filter(|entry| is_plain(entry)) {
                    Some(_) => Ok(shown_name),
                    None => {
                        let file: String = shown_name.escape_debug().collect();
                        let allowed = "letters, digits, `.`, `_`, `-`, and `.yaml` at the end";
                        Err(Place::START.finding(&file, "its name can't be used", allowed))
                    }
                }
            })
            .collect()
    }

    /// Opens, checks what was opened, and reads no more than is allowed.
    fn read(&self, name: &str, path: &Path) -> Result<Text, Finding> {
        let refuse = |problem: &str, allowed: &str| Place::START.finding(name, problem, allowed);
        let unreadable = |error: std::io::Error| {
            refuse(&format!("it can't be read: {error}"), "let it be read, or take it away")
        };
        let real = path.canonicalize().map_err(unreadable)?;
        if !real.starts_with(&self.root) {
            return Err(refuse("it leads out of the folder", "only what lies in it is read"));
        }
        // Opening a pipe would wait for a writer: what is no file is not opened.
        if !real.is_file() {
            return Err(refuse("it is no plain file", "only plain files are read"));
        }
        let file = File::open(&real).map_err(unreadable)?;
        let mut bytes = Vec::new();
        file.take(MAX_FILE_BYTES + 1).read_to_end(&mut bytes).map_err(unreadable)?;
        if bytes.len() as u64 > MAX_FILE_BYTES {
            return Err(refuse(TOO_LARGE, SMALL_ENOUGH));
        }
        match String::from_utf8(bytes) {
            Ok(text) => Ok(Text { file: name.to_owned(), text }),
            Err(error) => {
                let (good, _) = error.as_bytes().split_at(error.utf8_error().valid_up_to());
                let good = String::from_utf8_lossy(good);
                let last = good.rsplit('\n').next().unwrap_or_default();
                let line = good.matches('\n').count() as u64 + 1;
                let place = Place { line, column: last.chars().count() as u64 + 1 };
                Err(place.finding(name, "no text: a byte that is not UTF-8", "write it in UTF-8"))
            }
        }
    }
}

fn is_plain(name: &str) -> bool {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    let stem = name.strip_suffix(".yaml").unwrap_or_default();
    !stem.is_empty() && name.len() <= 200 && name.chars().all(is_plain)
}

/// The name of a file without folder and ending.
pub(crate) fn stem(file: &str) -> &str {
    let name = file.rsplit('/').next().unwrap_or(file);
    name.strip_suffix(".yaml").unwrap_or(name)
}

/// A finding that a name means nothing here.
pub(crate) fn unknown(place: Place, file: &str, what: &str, name: &str, known: &str) -> Finding {
    place.finding(file, format!("there is no {what} {}", shown(name)), format!("allowed: {known}"))
}
