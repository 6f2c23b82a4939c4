//! Small text files below a root folder: the live system's `/`, or a fixture's.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::str::FromStr;

/// A root folder with `proc`, `sys`, `etc` and so on below it. Paths are given
/// without the leading slash. Everything missing or unreadable is `None` or empty.
#[derive(Debug, Clone)]
pub(crate) struct Tree {
    root: PathBuf,
    live: bool,
}

impl Tree {
    /// The running system.
    pub(crate) fn live() -> Self {
        Self { root: PathBuf::from("/"), live: true }
    }

    /// A fixture: only its files speak, no system call about this machine is made.
    #[cfg(test)]
    pub(crate) fn fixture(root: &Path) -> Self {
        Self { root: root.to_owned(), live: false }
    }

    /// Whether system calls and processor instructions describe the same machine.
    pub(crate) fn is_live(&self) -> bool {
        self.live
    }

    /// The full path; a leading slash (as in mount points) is ignored.
    pub(crate) fn path(&self, relative: impl AsRef<str>) -> PathBuf {
        self.root.join(relative.as_ref().trim_start_matches('/'))
    }

    /// The whole file; bytes that are no UTF-8 are replaced.
    pub(crate) fn text(&self, relative: impl AsRef<str>) -> Option<String> {
        let bytes = fs::read(self.path(relative)).ok()?;
        Some(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// The file without white space and NUL at its ends; `None` when nothing is left.
    pub(crate) fn line(&self, relative: impl AsRef<str>) -> Option<String> {
        let text = self.text(relative)?;
        let line = text.trim_matches(|c: char| c.is_whitespace() || c == '\0');
        (!line.is_empty()).then(|| line.to_owned())
    }

    /// The file as one number.
    pub(crate) fn number<T: FromStr>(&self, relative: impl AsRef<str>) -> Option<T> {
        self.line(relative)?.parse().ok()
    }

    /// The file as bytes.
    pub(crate) fn bytes(&self, relative: impl AsRef<str>) -> Option<Vec<u8>> {
        fs::read(self.path(relative)).ok()
    }

    /// Names in a folder, sorted.
    pub(crate) fn names(&self, relative: impl AsRef<str>) -> Vec<String> {
        let Ok(entries) = fs::read_dir(self.path(relative)) else {
            return Vec::new();
        };
        let mut names: Vec<String> =
            entries.flatten().filter_map(|entry| entry.file_name().into_string().ok()).collect();
        names.sort();
        names
    }

    /// Whether the file or folder is there.
    pub(crate) fn exists(&self, relative: impl AsRef<str>) -> bool {
        self.path(relative).exists()
    }

    /// The last component of what a symbolic link points at.
    pub(crate) fn link_name(&self, relative: impl AsRef<str>) -> Option<String> {
        let target = fs::read_link(self.path(relative)).ok()?;
        Some(target.file_name()?.to_str()?.to_owned())
    }
}

/// A counter file kept open and read from its start each time, without a seek and
/// without opening it anew.
#[derive(Debug)]
pub(crate) struct CounterFile(File);

/// Room for the largest file read by [`CounterFile::read`]; `/proc/PID/status` is
/// some 1.5 KB, `/proc/vmstat` some 4 KB.
pub(crate) const COUNTER_BUFFER: usize = 16 * 1024;

impl CounterFile {
    /// `None` when the file is missing or cannot be read even once: PSI files, for
    /// one, exist and answer an error where pressure is switched off.
    pub(crate) fn open(path: &Path) -> Option<Self> {
        let file = Self(File::open(path).ok()?);
        let mut buffer = [0; 64];
        (file.read_at(&mut buffer, 0)? > 0).then_some(file)
    }

    /// What one read from the start gives: whole small files, and at least the first
    /// line of others. Text up to the first byte that is no UTF-8.
    pub(crate) fn read<'a>(&self, buffer: &'a mut [u8]) -> Option<&'a str> {
        let n_read = self.read_at(buffer, 0)?;
        valid_text(&buffer[..n_read])
    }

    /// As [`CounterFile::read`], repeated to the end of the file: the kernel hands
    /// long files out by pages.
    pub(crate) fn read_all<'a>(&self, buffer: &'a mut [u8]) -> Option<&'a str> {
        let mut n_read = 0;
        while n_read < buffer.len() {
            match self.read_at(&mut buffer[n_read..], n_read as u64)? {
                0 => break,
                n => n_read += n,
            }
        }
        valid_text(&buffer[..n_read])
    }

    #[cfg(unix)]
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> Option<usize> {
        std::os::unix::fs::FileExt::read_at(&self.0, buffer, offset).ok()
    }

    #[cfg(not(unix))]
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> Option<usize> {
        use std::io::{Read, Seek, SeekFrom};
        let mut file = &self.0;
        file.seek(SeekFrom::Start(offset)).ok()?;
        file.read(buffer).ok()
    }
}

fn valid_text(bytes: &[u8]) -> Option<&str> {
    match std::str::from_utf8(bytes) {
        Ok(text) => Some(text),
        Err(error) => std::str::from_utf8(&bytes[..error.valid_up_to()]).ok(),
    }
}

/// The numbers of a kernel list such as `0-3,8,10-11`; malformed parts are skipped,
/// and so are ranges of more than 65,536.
pub(crate) fn parse_list(list: &str) -> Vec<u32> {
    const LONGEST_RANGE: u32 = 65_536;
    let mut numbers = Vec::new();
    for part in list.trim().split(',') {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        if let (Ok(first), Ok(last)) = (first.trim().parse::<u32>(), last.trim().parse::<u32>())
            && last.checked_sub(first).is_some_and(|length| length < LONGEST_RANGE)
        {
            numbers.extend(first..=last);
        }
    }
    numbers
}

/// The first word after `key` at the start of a line, in files such as `meminfo`
/// (`key` with its colon) or `vmstat` (`key` alone).
pub(crate) fn field<'a>(text: &'a str, key: &str) -> Option<&'a str> {
    text.lines()
        .find_map(|line| line.strip_prefix(key).filter(|rest| rest.starts_with([' ', '\t'])))
        .and_then(|rest| rest.split_whitespace().next())
}

/// [`field`] as a number.
pub(crate) fn field_number(text: &str, key: &str) -> Option<u64> {
    field(text, key)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_expand_and_malformed_parts_are_skipped() {
        assert_eq!(parse_list("0-3,8,10-11\n"), [0, 1, 2, 3, 8, 10, 11]);
        assert_eq!(parse_list(""), [] as [u32; 0]);
        assert_eq!(parse_list("x,5,7-6,1-y,0-4294967295"), [5]);
    }

    #[test]
    fn a_field_is_found_by_its_whole_key() {
        let text = "MemTotalX: 1 kB\nMemTotal:  24 kB\npswpin 7\npswpinned 9\n";
        assert_eq!(field_number(text, "MemTotal:"), Some(24));
        assert_eq!(field_number(text, "pswpin"), Some(7));
        assert_eq!(field_number(text, "pswp"), None);
        assert_eq!(field_number("key: words", "key:"), None);
    }

    #[test]
    fn a_counter_file_is_read_from_its_start_each_time() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("counter");
        fs::write(&path, "12 34\n").unwrap();
        let file = CounterFile::open(&path).unwrap();
        let mut buffer = [0; 64];
        assert_eq!(file.read(&mut buffer), Some("12 34\n"));
        fs::write(&path, "56\n").unwrap();
        assert_eq!(file.read_all(&mut buffer), Some("56\n"));
        fs::write(&path, b"7\xff8").unwrap();
        assert_eq!(file.read(&mut buffer), Some("7"));
    }

    #[test]
    fn missing_or_empty_files_are_no_counters() {
        let folder = tempfile::tempdir().unwrap();
        assert!(CounterFile::open(&folder.path().join("absent")).is_none());
        fs::write(folder.path().join("empty"), "").unwrap();
        assert!(CounterFile::open(&folder.path().join("empty")).is_none());
    }
}
