//! Signatures of records: whether they fit, and whose they are.

use std::collections::BTreeMap;

use ed25519_dalek::VerifyingKey;
use tokmark_model::Record;

use crate::error::ServerError;
use crate::state::State;

/// Digits of a key that has no name.
const SHOWN: usize = 16;

/// Whether the record's signature fits it; `None` without one.
///
/// Strict as RFC 8032: a key of small order, with which one signature fits many records, fits
/// none.
pub(crate) fn fits(record: &Record) -> Option<bool> {
    let signature = record.signature.as_ref()?;
    let texts = signature.key_bytes().zip(signature.value_bytes());
    let verified = texts.and_then(|(key, value)| {
        let key = VerifyingKey::from_bytes(&key).ok()?;
        let value = ed25519_dalek::Signature::from_bytes(&value);
        key.verify_strict(&record.signed_bytes(), &value).ok()
    });
    Some(verified.is_some())
}

/// A record with what its page says of its signature; nothing where it has none. It is verified
/// here once more: not every record in the store came through this server.
pub(crate) async fn told(
    state: &State,
    record: Record,
) -> Result<(Record, Option<String>), ServerError> {
    if record.signature.is_none() {
        return Ok((record, None));
    }
    let options = state.options.clone();
    // A record may have a million samples.
    let told = tokio::task::spawn_blocking(move || {
        let words = words(&record, &options.trusted);
        (record, words)
    });
    told.await.map_err(|_| ServerError::Internal)
}

fn words(record: &Record, trusted: &BTreeMap<String, String>) -> Option<String> {
    let key = &record.signature.as_ref()?.key;
    if fits(record) != Some(true) {
        return Some("does not fit: it was changed, or another version wrote it".to_owned());
    }
    let name = match trusted.get(key) {
        Some(name) => name.clone(),
        None => format!("{}…", key.get(..SHOWN).unwrap_or(key)),
    };
    Some(format!("signed by {name}; verified"))
}
