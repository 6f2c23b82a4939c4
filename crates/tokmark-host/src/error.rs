use std::path::PathBuf;

/// What this crate can fail at. Reading facts and sensors never fails: what is
/// missing there is `None`.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HostError {
    /// A file could not be opened, synced or dropped from the page cache.
    #[error("cannot {action} {path}: {source}; check that the file exists and may be read", path = path.display())]
    File {
        /// What was tried, as a verb.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// The system's answer.
        source: std::io::Error,
    },
    /// This operating system offers no way to do it.
    #[error("this system cannot {action}; measure with a warm cache instead")]
    Unsupported {
        /// What was tried, as a verb with its object.
        action: &'static str,
    },
}
