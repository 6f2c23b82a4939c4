//! What is on the disk of a file that is not whole yet: `NAME.part`, and beside it in
//! `NAME.part.json` of which file it is the beginning.

use std::fs::{self, File};
use std::io::{Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::HubError;
use crate::cache::beside;
use crate::hash::{hash_into, hex, write_atomically};

/// Which file the part belongs to. The address itself may hold secrets, so its hash
/// stands for it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct PartFacts {
    pub url_sha256: String,
    /// Strong ETag of the answer from which the part came, quotes included.
    pub etag: Option<String>,
    /// Size of the whole file.
    pub total_bytes: Option<u64>,
    /// SHA-256 that the whole file must have.
    pub sha256: Option<String>,
}

impl PartFacts {
    /// Whether two parts are of one file for certain: both say the same hash, or they
    /// come from one address with the same strong ETag.
    fn is_same_file(&self, other: &PartFacts) -> bool {
        if self.sha256.is_some() || other.sha256.is_some() {
            return self.sha256 == other.sha256;
        }
        self.etag.is_some() && self.url_sha256 == other.url_sha256
    }
}

/// A file that is being written, and the hash of what it holds so far.
#[derive(Debug)]
pub(crate) struct Part {
    pub path: PathBuf,
    pub facts: PartFacts,
    /// Whether bytes of an earlier answer are in it.
    pub was_resumed: bool,
    file: File,
    len: u64,
    hasher: Sha256,
}

impl Part {
    /// Opens the part for the file `dest`, keeping what is there if it belongs to the
    /// file that `wanted` describes (whose `etag` is not known yet). The caller holds the
    /// file's lock.
    pub fn open(dest: &Path, wanted: PartFacts) -> Result<Part, HubError> {
        let path = beside(dest, ".part");
        let mut options = File::options();
        let file = options.read(true).write(true).create(true).truncate(false);
        let file = file.open(&path).map_err(HubError::io("write", &path))?;
        let kept = fs::read(beside(&path, ".json")).ok();
        let kept = kept.and_then(|text| serde_json::from_slice::<PartFacts>(&text).ok());
        let mut part =
            Part { path, facts: wanted, was_resumed: false, file, len: 0, hasher: Sha256::new() };
        match kept {
            Some(kept) if kept.is_same_file(&part.facts) => part.take_up(kept)?,
            _ => part.restart()?,
        }
        Ok(part)
    }

    fn take_up(&mut self, kept: PartFacts) -> Result<(), HubError> {
        let len = hash_into(&mut self.file, &mut self.hasher);
        self.len = len.map_err(HubError::io("read", &self.path))?;
        let total = self.facts.total_bytes.or(kept.total_bytes);
        if total.is_some_and(|total| self.len > total) {
            return self.restart();
        }
        self.was_resumed = self.len > 0;
        self.facts.etag = kept.etag;
        self.facts.total_bytes = total;
        Ok(())
    }

    /// Bytes that are there.
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Forgets everything that was fetched.
    pub fn restart(&mut self) -> Result<(), HubError> {
        let write_error = || HubError::io("write", &self.path);
        if self.file.metadata().map_err(write_error())?.len() > 0 {
            self.file.set_len(0).map_err(write_error())?;
        }
        let start = self.file.seek(SeekFrom::Start(0));
        start.map_err(HubError::io("write", &self.path))?;
        self.len = 0;
        self.hasher = Sha256::new();
        self.facts.etag = None;
        self.was_resumed = false;
        Ok(())
    }

    /// Keeps the facts beside the part; to be called before what they describe is
    /// written.
    pub fn keep_facts(&self) -> Result<(), HubError> {
        let path = beside(&self.path, ".json");
        let text = serde_json::to_vec_pretty(&self.facts).expect("texts and numbers serialize");
        write_atomically(&path, &text).map_err(HubError::io("write", &path))
    }

    pub fn write(&mut self, bytes: &[u8]) -> Result<(), HubError> {
        self.file.write_all(bytes).map_err(HubError::io("write", &self.path))?;
        self.hasher.update(bytes);
        self.len += bytes.len() as u64;
        Ok(())
    }

    /// SHA-256 of what is there.
    pub fn sha256(&self) -> String {
        hex(self.hasher.clone())
    }

    /// Brings everything to the disk.
    pub fn sync(&self) -> Result<(), HubError> {
        self.file.sync_all().map_err(HubError::io("write", &self.path))
    }

    /// Removes the facts, after the part was moved into place.
    pub fn forget_facts(&self) {
        let _ = fs::remove_file(beside(&self.path, ".json"));
    }

    /// Removes the part: what came is not what was wanted.
    pub fn discard(&self) {
        self.forget_facts();
        let _ = fs::remove_file(&self.path);
    }
}
