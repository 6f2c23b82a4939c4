//! The key with which a machine signs what it measured.

use std::fmt;
use std::fs::{self, File};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

use ed25519_dalek::{Signer, SigningKey};
use tokmark_model::{Record, Signature, Uuid};

/// Bytes of a secret key.
const LENGTH: usize = 32;

/// An Ed25519 key (RFC 8032). It says who vouches for a record's samples, and never leaves the
/// machine; its public half goes with every signature.
pub struct MachineKey(SigningKey);

/// Why there is no key to sign with.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The system refused it.
    #[error("cannot {verb} the signing key {}: {error}", path.display())]
    Io {
        /// `read` or `write`.
        verb: &'static str,
        /// The file.
        path: PathBuf,
        /// The system's reason.
        error: io::Error,
    },
    /// The file holds something else.
    #[error(
        "{} holds {n_bytes} bytes and is no signing key; without it a new one is made",
        path.display()
    )]
    NoKey {
        /// The file.
        path: PathBuf,
        /// How long it is.
        n_bytes: usize,
    },
    /// No key could be made.
    #[error("the system gives no random bytes for a signing key: {reason}")]
    NoRandom {
        /// The system's reason.
        reason: String,
    },
}

impl MachineKey {
    /// The key in `file`: 32 bytes. Where there is none, one is made of the system's random
    /// bytes, readable by its owner alone. Of several programs that do so at once one makes it,
    /// and all have the same.
    ///
    /// # Errors
    /// When it cannot be read or made, or the file is no key.
    pub fn open(file: &Path) -> Result<Self, KeyError> {
        let bytes = match fs::read(file) {
            Err(error) if error.kind() == ErrorKind::NotFound => {
                make(file)?;
                fs::read(file)
            }
            read => read,
        };
        let bytes = bytes.map_err(failed("read", file))?;
        match <[u8; LENGTH]>::try_from(bytes.as_slice()) {
            Ok(secret) => Ok(MachineKey(SigningKey::from_bytes(&secret))),
            Err(_) => Err(KeyError::NoKey { path: file.to_owned(), n_bytes: bytes.len() }),
        }
    }

    /// Signs `record` as it is, in place of a signature that it has. Notes and tags may still
    /// be added, and figures be made anew: see [`Record::signed_bytes`].
    pub fn sign(&self, record: &mut Record) {
        record.signature = Some(self.signature(&record.signed_bytes()));
    }

    /// The public key as signatures carry it: 64 hexadecimal digits.
    pub fn public(&self) -> String {
        self.signature(&[]).key
    }

    fn signature(&self, signed: &[u8]) -> Signature {
        let value = self.0.sign(signed).to_bytes();
        Signature::new(&self.0.verifying_key().to_bytes(), &value)
    }
}

impl fmt::Debug for MachineKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MachineKey").field("public", &self.public()).finish_non_exhaustive()
    }
}

fn failed(verb: &'static str, path: &Path) -> impl FnOnce(io::Error) -> KeyError {
    let path = path.to_owned();
    move |error| KeyError::Io { verb, path, error }
}

/// Makes a key in `file`, unless another program was faster.
fn make(file: &Path) -> Result<(), KeyError> {
    let mut secret = [0; LENGTH];
    getrandom::fill(&mut secret)
        .map_err(|error| KeyError::NoRandom { reason: error.to_string() })?;
    if let Some(folder) = file.parent() {
        fs::create_dir_all(folder).map_err(failed("write", file))?;
    }
    // Whole or not at all: a link takes the place of no other file.
    let part = file.with_extension(format!("{}.part", Uuid::now_v7()));
    let made = write_private(&part, &secret).and_then(|()| fs::hard_link(&part, file));
    let _ = fs::remove_file(&part);
    match made {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => Err(failed("write", file)(error)),
        _ => Ok(()),
    }
}

/// Writes a new file that only its owner may read.
fn write_private(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut options = File::options();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use ed25519_dalek::VerifyingKey;
    use serde_json::json;
    use tokmark_model::{EngineParams, Nanos};

    use super::*;

    fn record() -> Record {
        serde_json::from_value(json!({
            "record_version": 1,
            "id": "01930000-0000-7000-8000-000000000001",
            "run_id": "01930000-0000-7000-8000-000000000001",
            "kind": "measured",
            "created_at": "2026-11-20T10:00:00Z",
            "tool": { "name": "tokmark", "version": "0.1.0" },
            "status": "ok",
            "test": { "n_prompt": 0, "n_gen": 128 },
            "params": EngineParams::default(),
            "model": { "name": "a model" },
            "engine": {},
            "machine": {},
            "samples": [{ "start_ns": 0, "duration_ns": 310 }],
        }))
        .unwrap()
    }

    fn fits(record: &Record) -> bool {
        let signature = record.signature.as_ref().unwrap();
        let key = VerifyingKey::from_bytes(&signature.key_bytes().unwrap()).unwrap();
        let value = ed25519_dalek::Signature::from_bytes(&signature.value_bytes().unwrap());
        key.verify_strict(&record.signed_bytes(), &value).is_ok()
    }

    #[test]
    fn what_was_signed_fits_and_what_was_changed_does_not() {
        let folder = tempfile::tempdir().unwrap();
        let key = MachineKey::open(&folder.path().join("signing.key")).unwrap();
        let mut signed = record();
        key.sign(&mut signed);
        assert_eq!(signed.signature.as_ref().unwrap().key, key.public());
        assert!(fits(&signed));
        let json = serde_json::to_string(&signed).unwrap();
        assert!(fits(&serde_json::from_str(&json).unwrap()));
        signed.tags.push("night".to_owned());
        assert!(fits(&signed));
        signed.samples[0].duration_ns = Nanos(309);
        assert!(!fits(&signed));
    }

    #[test]
    fn a_key_is_made_once_and_is_its_owners_alone() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("data/signing.key");
        let all: Vec<_> = (0..8)
            .map(|_| {
                let file = file.clone();
                std::thread::spawn(move || MachineKey::open(&file).unwrap().public())
            })
            .collect();
        let mut keys: Vec<String> = all.into_iter().map(|key| key.join().unwrap()).collect();
        keys.dedup();
        assert_eq!(keys, [MachineKey::open(&file).unwrap().public()]);
        assert_eq!(fs::read_dir(file.parent().unwrap()).unwrap().count(), 1);
        #[cfg(unix)]
        {
            let mode =
                std::os::unix::fs::PermissionsExt::mode(&file.metadata().unwrap().permissions());
            assert_eq!(mode & 0o777, 0o600);
        }
        let other = MachineKey::open(&folder.path().join("other.key")).unwrap();
        assert_ne!(keys, [other.public()]);
    }

    #[test]
    fn the_secret_is_shown_nowhere_and_no_other_file_is_taken_for_a_key() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("signing.key");
        fs::write(&file, [7; LENGTH]).unwrap();
        let key = MachineKey::open(&file).unwrap();
        let shown = format!("{key:?}");
        assert!(shown.contains(&key.public()) && !shown.contains("7, 7"), "{shown}");
        assert!(!shown.contains(&"07".repeat(4)), "{shown}");
        fs::write(&file, "no key").unwrap();
        let error = MachineKey::open(&file).unwrap_err();
        assert!(matches!(error, KeyError::NoKey { n_bytes: 6, .. }), "{error}");
        assert_eq!(fs::read(&file).unwrap(), b"no key");
    }
}
