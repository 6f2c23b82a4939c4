//! Records that arrive: read within limits, their figures made anew, saved.

use std::collections::{HashMap, HashSet};
use std::io::Read as _;

use axum::body::Body;
use axum::http::{HeaderMap, header};
use futures_util::StreamExt as _;
use serde::Serialize;
use tokio::time::timeout;
use tokmark_model::{RECORD_VERSION, Record, RecordId, RecordKind};
use tokmark_stats::recomputed;
use tokmark_store::{Scope, StoreError};
use utoipa::ToSchema;

use crate::access::Caller;
use crate::error::ServerError;
use crate::options::Limits;
use crate::signature;
use crate::state::State;

/// What became of a batch.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct Admitted {
    /// Records that were not known before.
    pub(crate) n_new: usize,
    /// Records that were.
    pub(crate) n_known: usize,
    /// Their names, in the order in which they were sent.
    #[schema(value_type = Vec<String>)]
    pub(crate) ids: Vec<RecordId>,
}

/// Reads, checks and saves the records of a body: all or none.
pub(crate) async fn admit(
    state: &State,
    caller: &Caller,
    headers: &HeaderMap,
    body: Body,
) -> Result<Admitted, ServerError> {
    let limits = state.options.limits.clone();
    // Taken before the body is: what waits here waits in the sender's socket, not in memory.
    let slot = state.admissions.acquire().await.map_err(|_| ServerError::Internal)?;
    let packed = match timeout(limits.body_time, read(headers, body, limits.body_bytes)).await {
        Ok(packed) => packed?,
        Err(_) => return Err(ServerError::TooSlow),
    };
    let is_packed = is_packed(headers)?;
    let parsed = tokio::task::spawn_blocking(move || {
        let text = if is_packed { unpacked(&packed, limits.unpacked_bytes)? } else { packed };
        parsed(&text, &limits)
    });
    let records = parsed.await.map_err(|_| ServerError::Internal)??;
    for record in &records {
        let has_samples = matches!(record.kind, RecordKind::Measured | RecordKind::Imported);
        if !has_samples && !caller.may(Scope::Admin) {
            return Err(ServerError::NeedsAdmin { id: record.id });
        }
    }
    let ids: Vec<RecordId> = records.iter().map(|record| record.id).collect();
    let records = remade(state, records).await?;
    let n_new = state.store.save_all(&records).await?;
    drop(slot);
    let n_different = ids.iter().collect::<HashSet<_>>().len();
    Ok(Admitted { n_new, n_known: n_different - n_new, ids })
}

async fn read(headers: &HeaderMap, body: Body, most: usize) -> Result<Vec<u8>, ServerError> {
    let too_large =
        || ServerError::TooLarge { what: "the body", limit: format!("{} MB", most >> 20) };
    let length = headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok());
    if length.and_then(|text| text.parse::<u64>().ok()).is_some_and(|n| n > most as u64) {
        return Err(too_large());
    }
    let mut stream = body.into_data_stream();
    let mut bytes = Vec::new();
    while let Some(piece) = stream.next().await {
        let piece = piece.map_err(|_| ServerError::bad("cut", "the body was cut"))?;
        if bytes.len() + piece.len() > most {
            return Err(too_large());
        }
        bytes.extend_from_slice(&piece);
    }
    Ok(bytes)
}

fn is_packed(headers: &HeaderMap) -> Result<bool, ServerError> {
    match headers.get(header::CONTENT_ENCODING).map(|value| value.as_bytes()) {
        None | Some(b"identity") => Ok(false),
        Some(b"gzip") => Ok(true),
        Some(_) => {
            let message = "content-encoding is gzip, identity or absent";
            Err(ServerError::bad("content_encoding", message))
        }
    }
}

fn unpacked(packed: &[u8], most: usize) -> Result<Vec<u8>, ServerError> {
    let mut text = Vec::new();
    let mut reader = flate2::read::MultiGzDecoder::new(packed).take(most as u64 + 1);
    if reader.read_to_end(&mut text).is_err() {
        return Err(ServerError::bad("gzip", "the body is no whole gzip stream"));
    }
    if text.len() > most {
        let limit = format!("{} MB", most >> 20);
        return Err(ServerError::TooLarge { what: "the unpacked body", limit });
    }
    Ok(text)
}

/// One record or an array of them.
fn parsed(text: &[u8], limits: &Limits) -> Result<Vec<Record>, ServerError> {
    let first = text.iter().find(|byte| !byte.is_ascii_whitespace());
    let parsed = match first {
        Some(b'[') => serde_json::from_slice::<Vec<Record>>(text),
        _ => serde_json::from_slice::<Record>(text).map(|record| vec![record]),
    };
    let records = parsed.map_err(|error| ServerError::bad("json", error.to_string()))?;
    if records.is_empty() {
        return Err(ServerError::bad("empty", "there is no record in the body"));
    }
    if records.len() > limits.batch_records {
        let limit = format!("{} records", limits.batch_records);
        return Err(ServerError::TooLarge { what: "the batch", limit });
    }
    for record in &records {
        check(record, limits)?;
    }
    Ok(records)
}

fn check(record: &Record, limits: &Limits) -> Result<(), ServerError> {
    let refused = |code, field: Option<&str>, message: String| {
        let field = field.map(str::to_owned);
        Err(ServerError::Record { id: record.id, code, field, message })
    };
    if record.record_version > RECORD_VERSION {
        let message = format!(
            "its format is version {}, this server reads up to {RECORD_VERSION}; update the server",
            record.record_version
        );
        return refused("newer_version", Some("record_version"), message);
    }
    let n_requests = record.serving.as_ref().map_or(0, |serving| serving.requests.len());
    let n = record.samples.len().max(n_requests);
    if n > limits.record_samples {
        let message = format!("it has {n} samples, at most {} are taken", limits.record_samples);
        return refused("too_many_samples", Some("samples"), message);
    }
    if signature::fits(record) == Some(false) {
        let message = "its signature does not fit it: it was changed after it was signed, or it \
                       holds fields that this server does not know; update the server";
        return refused("bad_signature", Some("signature"), message.to_owned());
    }
    if record.model.name.is_empty() && record.experiment.is_none() {
        return refused("invalid", Some("model/name"), "a model needs a name".to_owned());
    }
    Ok(())
}

/// The records with figures made here.
async fn remade(state: &State, records: Vec<Record>) -> Result<Vec<Record>, ServerError> {
    let sent: HashMap<RecordId, &Record> =
        records.iter().map(|record| (record.id, record)).collect();
    let mut kept = HashMap::new();
    for record in &records {
        let Some(experiment) = &record.experiment else { continue };
        for id in experiment.visits.iter().flat_map(|visit| &visit.records) {
            if sent.contains_key(id) {
                continue;
            }
            match state.store.get(*id).await {
                Ok(visit) => kept.insert(*id, visit),
                Err(StoreError::NotFound { .. }) => None,
                Err(error) => return Err(error.into()),
            };
        }
    }
    drop(sent);
    let remade = tokio::task::spawn_blocking(move || {
        let sent: HashMap<RecordId, &Record> =
            records.iter().map(|record| (record.id, record)).collect();
        let visit = |id| sent.get(&id).copied().or_else(|| kept.get(&id)).cloned();
        records
            .iter()
            .map(|record| {
                recomputed(record, visit)
                    .map_err(|unsound| ServerError::unsound(record.id, &unsound))
            })
            .collect::<Result<Vec<Record>, ServerError>>()
    });
    remade.await.map_err(|_| ServerError::Internal)?
}
