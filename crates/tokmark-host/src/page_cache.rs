//! The page cache: how much of a file it holds, and dropping it for a cold load.

use std::path::Path;

use crate::HostError;

/// Share of the file's pages in the page cache, 0 to 1. `None` for an empty or missing
/// file, where the system has no mincore(2), and for a file that this user neither
/// owns nor may write: there Linux answers "all resident" since 5.2, whatever is true.
///
/// Reads no page in. On Linux, `mincore` is the measure that `vmtouch` shows.
pub fn resident_share(path: &Path) -> Option<f64> {
    imp::resident_share(path)
}

/// Drops the file from the page cache, so that the next load comes from the disk.
/// Changed pages are written out first. Pages that a process has mapped stay: check
/// with [`resident_share`]. On file systems in memory (tmpfs) it does nothing.
///
/// # Errors
///
/// [`HostError::File`] when the file cannot be opened, synced or advised on;
/// [`HostError::Unsupported`] on systems without `posix_fadvise`.
pub fn evict(path: &Path) -> Result<(), HostError> {
    imp::evict(path)
}

#[cfg(unix)]
mod imp {
    use std::fs::File;
    use std::os::fd::AsRawFd;
    use std::os::unix::fs::MetadataExt;
    use std::path::Path;

    use crate::HostError;

    /// Bytes asked about at once; a multiple of every page size.
    const WINDOW: u64 = 1 << 30;

    pub(super) fn resident_share(path: &Path) -> Option<f64> {
        let file = File::open(path).ok()?;
        let metadata = file.metadata().ok()?;
        if !metadata.is_file() || metadata.len() == 0 || !may_ask(path, &metadata) {
            return None;
        }
        // SAFETY: sysconf takes no pointer.
        let page = u64::try_from(unsafe { libc::sysconf(libc::_SC_PAGESIZE) }).ok()?;
        let mut n_resident = 0u64;
        let mut start = 0;
        while start < metadata.len() {
            let length = WINDOW.min(metadata.len() - start);
            n_resident += resident_pages(&file, start, length, page)?;
            start += length;
        }
        Some(n_resident as f64 / metadata.len().div_ceil(page) as f64)
    }

    /// The kernel's own rule (mm/mincore.c, `can_do_mincore`).
    fn may_ask(path: &Path, metadata: &std::fs::Metadata) -> bool {
        // SAFETY: geteuid cannot fail.
        let user = unsafe { libc::geteuid() };
        let Ok(path) = std::ffi::CString::new(path.as_os_str().as_encoded_bytes()) else {
            return false;
        };
        // SAFETY: `path` is a terminated string that outlives the call.
        user == 0
            || metadata.uid() == user
            || unsafe { libc::access(path.as_ptr(), libc::W_OK) } == 0
    }

    fn resident_pages(file: &File, start: u64, length: u64, page: u64) -> Option<u64> {
        let bytes = usize::try_from(length).ok()?;
        let mut pages = vec![0u8; usize::try_from(length.div_ceil(page)).ok()?];
        let offset = libc::off_t::try_from(start).ok()?;
        // SAFETY: a new mapping at an address of the kernel's choice; no page of it is
        // touched, so a file that shrinks meanwhile cannot raise SIGBUS.
        let address = unsafe {
            libc::mmap(
                std::ptr::null_mut(),
                bytes,
                libc::PROT_READ,
                libc::MAP_SHARED,
                file.as_raw_fd(),
                offset,
            )
        };
        if address == libc::MAP_FAILED {
            return None;
        }
        // SAFETY: the range is the mapping just made, and `pages` has a byte for each
        // of its pages.
        let answered = unsafe { libc::mincore(address, bytes, pages.as_mut_ptr().cast()) } == 0;
        // SAFETY: the same mapping, not used afterwards.
        unsafe { libc::munmap(address, bytes) };
        answered.then(|| pages.iter().filter(|&&state| state & 1 != 0).count() as u64)
    }

    #[cfg(target_os = "linux")]
    pub(super) fn evict(path: &Path) -> Result<(), HostError> {
        let failed =
            |action| move |source| HostError::File { action, path: path.to_owned(), source };
        let file = File::open(path).map_err(failed("open"))?;
        file.sync_all().map_err(failed("sync"))?;
        // SAFETY: the descriptor is open for as long as `file` lives.
        let code =
            unsafe { libc::posix_fadvise(file.as_raw_fd(), 0, 0, libc::POSIX_FADV_DONTNEED) };
        match code {
            0 => Ok(()),
            code => {
                Err(failed("drop from the page cache")(std::io::Error::from_raw_os_error(code)))
            }
        }
    }

    #[cfg(not(target_os = "linux"))]
    pub(super) fn evict(_path: &Path) -> Result<(), HostError> {
        Err(HostError::Unsupported { action: "drop a file from the page cache" })
    }
}

#[cfg(not(unix))]
mod imp {
    use std::path::Path;

    use crate::HostError;

    pub(super) fn resident_share(_path: &Path) -> Option<f64> {
        None
    }

    pub(super) fn evict(_path: &Path) -> Result<(), HostError> {
        Err(HostError::Unsupported { action: "drop a file from the page cache" })
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn a_file_just_written_is_resident_and_missing_ones_are_unknown() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("model");
        std::fs::write(&path, vec![7u8; 3 * 4096 + 5]).unwrap();
        assert_eq!(resident_share(&path), Some(1.0));
        assert!(evict(&path).is_ok());
        let share = resident_share(&path).unwrap();
        assert!((0.0..=1.0).contains(&share), "{share}");

        let empty = folder.path().join("empty");
        std::fs::write(&empty, "").unwrap();
        assert_eq!(resident_share(&empty), None);
        assert_eq!(resident_share(&folder.path().join("absent")), None);
        assert_eq!(resident_share(folder.path()), None);
    }

    #[test]
    fn evicting_a_missing_file_names_it() {
        let error = evict(Path::new("/nowhere/model.gguf")).unwrap_err().to_string();
        assert!(error.starts_with("cannot open /nowhere/model.gguf: "), "{error}");
    }
}
