//! The log file of a server.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use crate::LogTail;
use crate::secret::Secrets;

/// Lines of a log that an error shows.
pub(crate) const TAIL: usize = 20;
/// Bytes from the end of a log among which its last lines are looked for.
const WINDOW: u64 = 256 << 10;
/// Longest line shown, in characters.
const LONGEST_LINE: usize = 500;

/// A log file that server and pull append to. Readable by its owner only, since servers
/// print requests.
#[derive(Debug, Clone)]
pub(crate) struct Log {
    pub(crate) path: PathBuf,
    secrets: Secrets,
}

impl Log {
    /// Makes the file and its folder; what an older file held is gone.
    pub(crate) fn create(path: PathBuf, secrets: Secrets) -> io::Result<Self> {
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder)?;
        }
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        options.open(&path)?;
        Ok(Log { path, secrets })
    }

    /// The file, for one more writer. Each write goes to its end, whoever else writes.
    pub(crate) fn open(&self) -> io::Result<File> {
        OpenOptions::new().append(true).open(&self.path)
    }

    /// Adds a line of this crate's own.
    pub(crate) fn note(&self, line: &str) -> io::Result<()> {
        writeln!(self.open()?, "tokmark: {}", self.secrets.hide(line))
    }

    /// The last `n` lines without secrets; empty when there are none or the file is gone.
    pub(crate) fn tail(&self, n: usize) -> Vec<String> {
        let text = read_end(&self.path).unwrap_or_default();
        let hidden = self.secrets.hide(&String::from_utf8_lossy(&text));
        // A progress bar redraws its line after a carriage return: each state is a line.
        let lines: Vec<&str> =
            hidden.split(['\n', '\r']).filter(|line| !line.trim().is_empty()).collect();
        lines[lines.len().saturating_sub(n)..].iter().map(|line| excerpt(line)).collect()
    }

    /// The end of the log, for an error.
    pub(crate) fn tail_for_error(&self) -> Box<LogTail> {
        Box::new(LogTail { path: self.path.clone(), lines: self.tail(TAIL) })
    }
}

fn read_end(path: &Path) -> io::Result<Vec<u8>> {
    let mut file = File::open(path)?;
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(WINDOW)))?;
    let mut bytes = Vec::new();
    file.take(WINDOW).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn excerpt(line: &str) -> String {
    line.trim_end()
        .chars()
        .take(LONGEST_LINE)
        .map(|c| if c.is_control() && c != '\t' { '\u{fffd}' } else { c })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log_of(bytes: &[u8], secrets: Secrets) -> (tempfile::TempDir, Log) {
        let folder = tempfile::tempdir().unwrap();
        let log = Log::create(folder.path().join("a/b.log"), secrets).unwrap();
        log.open().unwrap().write_all(bytes).unwrap();
        (folder, log)
    }

    #[test]
    fn the_last_lines_are_given_in_order() {
        let (_folder, log) = log_of(b"one\n\ntwo\r\n 1%\r 2%\nthree", Secrets::default());
        assert_eq!(log.tail(3), [" 1%", " 2%", "three"]);
        assert_eq!(log.tail(99), ["one", "two", " 1%", " 2%", "three"]);
        assert!(log.tail(0).is_empty());
    }

    #[test]
    fn rubbish_is_made_printable_and_short() {
        let mut bytes = b"\x1b[31mred \xff\n".to_vec();
        bytes.extend(vec![b'x'; 2000]);
        let (_folder, log) = log_of(&bytes, Secrets::default());
        let tail = log.tail(2);
        assert_eq!(tail[0], "\u{fffd}[31mred \u{fffd}");
        assert_eq!(tail[1].len(), LONGEST_LINE);
    }

    #[test]
    fn only_the_end_of_a_long_log_is_read() {
        let text = "a line\n".repeat(100_000) + "the last";
        let (_folder, log) = log_of(text.as_bytes(), Secrets::default());
        assert_eq!(log.tail(2), ["a line", "the last"]);
        assert!(read_end(&log.path).unwrap().len() as u64 <= WINDOW);
    }

    #[test]
    fn secrets_appear_neither_in_the_tail_nor_in_notes() {
        let mut secrets = Secrets::default();
        secrets.learn("API_KEY", "hidden-1");
        let (_folder, log) = log_of(b"key is hidden-1\n", secrets);
        log.note("started with hidden-1").unwrap();
        assert_eq!(log.tail(2), ["key is ***", "tokmark: started with ***"]);
        assert!(std::fs::read_to_string(&log.path).unwrap().ends_with("started with ***\n"));
    }

    #[test]
    fn a_log_that_is_gone_has_no_lines() {
        let (folder, log) = log_of(b"one\n", Secrets::default());
        drop(folder);
        assert!(log.tail(5).is_empty());
    }

    #[cfg(unix)]
    #[test]
    fn others_may_not_read_it() {
        use std::os::unix::fs::PermissionsExt;
        let (_folder, log) = log_of(b"", Secrets::default());
        assert_eq!(log.path.metadata().unwrap().permissions().mode() & 0o077, 0);
    }
}
