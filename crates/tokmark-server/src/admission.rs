//! Records that arrive: read within limits, their figures made anew, saved.

use std::collections::{HashMap, HashSet};
use std::io::Read as _;
use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderMap, header};
use futures_util::StreamExt as _;
use serde::Serialize;
use tokio::sync::SemaphorePermit;
use tokio::time::{Instant, timeout_at};
use tokmark_model::{RECORD_VERSION, Record, RecordId, RecordKind};
use tokmark_stats::recomputed;
use tokmark_store::{Scope, StoreError};
use utoipa::ToSchema;

use crate::access::Caller;
use crate::error::ServerError;
use crate::options::Limits;
use crate::signature;
use crate::state::State;

/// Bytes of a body that are read without a slot.
const SMALL: usize = 64 << 10;
/// A body that holds a slot comes at least so fast, after [`Limits::held_time`].
const SLOWEST_BYTES_PER_S: f64 = 65_536.0;
/// Records of visits that an experiment may name: each is looked up.
const MOST_VISITS: usize = 10_000;
/// Longest text that stands in every row, in bytes.
const LONGEST_NAME: usize = 1_000;
/// Clocks may go ahead by so much.
const AHEAD: Duration = Duration::from_secs(24 * 3600);

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
    let (packed, slot) = read(state, headers, body).await?;
    let is_packed = is_packed(headers)?;
    let parsed = tokio::task::spawn_blocking(move || {
        let text = match is_packed {
            true => unpacked(packed, limits.unpacked_bytes)?,
            false => packed,
        };
        parsed(&text, &limits)
    });
    let records = parsed.await.map_err(|_| ServerError::Internal)??;
    let latest = (state.options.clock)() + AHEAD;
    for record in &records {
        if record.created_at > latest {
            let (id, field) = (record.id, Some("created_at".to_owned()));
            let message = "it was begun in the future; set the clock of its machine".to_owned();
            return Err(ServerError::Record { id, code: "impossible", field, message });
        }
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

/// The body, and the slot in which it is unpacked. A large body needs the slot to be read: what
/// waits for it waits in the sender's socket, not in memory. Who has one must hurry.
async fn read<'s>(
    state: &'s State,
    headers: &HeaderMap,
    body: Body,
) -> Result<(Vec<u8>, SemaphorePermit<'s>), ServerError> {
    let limits = &state.options.limits;
    let most = limits.body_bytes;
    let too_large =
        || ServerError::TooLarge { what: "the body", limit: format!("{} MB", most >> 20) };
    let length = headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok());
    if length.and_then(|text| text.parse::<u64>().ok()).is_some_and(|n| n > most as u64) {
        return Err(too_large());
    }
    let slot = async || state.admissions.acquire().await.map_err(|_| ServerError::Internal);
    let mut held: Option<(SemaphorePermit<'s>, Instant)> = None;
    let mut stream = body.into_data_stream();
    let mut bytes = Vec::new();
    loop {
        let piece = match &held {
            None => stream.next().await,
            Some((_, since)) => {
                let allowed = Duration::from_secs_f64(bytes.len() as f64 / SLOWEST_BYTES_PER_S);
                let end = *since + (limits.held_time + allowed);
                timeout_at(end, stream.next()).await.map_err(|_| ServerError::TooSlow)?
            }
        };
        let piece = match piece {
            None => break,
            Some(Ok(piece)) => piece,
            Some(Err(error)) if is_late(&error) => return Err(ServerError::TooSlow),
            Some(Err(_)) => return Err(ServerError::bad("cut", "the body was cut")),
        };
        if bytes.len() + piece.len() > most {
            return Err(too_large());
        }
        if held.is_none() && bytes.len() + piece.len() > SMALL {
            held = Some((slot().await?, Instant::now()));
        }
        bytes.extend_from_slice(&piece);
    }
    let slot = match held {
        Some((slot, _)) => slot,
        None => slot().await?,
    };
    Ok((bytes, slot))
}

/// The body took longer than it may, see [`crate::listen::in_time`].
fn is_late(error: &axum::Error) -> bool {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(error) = cause {
        let kind = error.downcast_ref::<std::io::Error>().map(std::io::Error::kind);
        if kind == Some(std::io::ErrorKind::TimedOut) {
            return true;
        }
        cause = error.source();
    }
    false
}

fn is_packed(headers: &HeaderMap) -> Result<bool, ServerError> {
    match headers.get(header::CONTENT_ENCODING).map(|value| value.as_bytes()) {
        None => Ok(false),
        Some(coding) if coding.eq_ignore_ascii_case(b"identity") => Ok(false),
        Some(coding) if coding.eq_ignore_ascii_case(b"gzip") => Ok(true),
        Some(_) => {
            let message = "content-encoding is gzip, identity or absent";
            Err(ServerError::bad("content_encoding", message))
        }
    }
}

/// The packed bytes are gone when it returns.
fn unpacked(packed: Vec<u8>, most: usize) -> Result<Vec<u8>, ServerError> {
    let mut text = Vec::new();
    let mut reader = flate2::read::MultiGzDecoder::new(packed.as_slice()).take(most as u64 + 1);
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
    // Each becomes several times larger in memory; braces in texts are few.
    let n_objects = text.iter().filter(|byte| **byte == b'{').count();
    if n_objects > limits.batch_objects {
        let limit = format!("{} objects (samples, requests, records)", limits.batch_objects);
        return Err(ServerError::TooLarge { what: "the batch", limit });
    }
    // Nor are long lists of numbers, of which 2 bytes become 8 and more.
    let n_values = text.iter().filter(|byte| **byte == b',').count();
    if n_values > limits.batch_values {
        let limit = format!("{} values", limits.batch_values);
        return Err(ServerError::TooLarge { what: "the batch", limit });
    }
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
    let visits = record.experiment.iter().flat_map(|experiment| &experiment.visits);
    let n_visits: usize = visits.map(|visit| visit.records.len()).sum();
    if n_visits > MOST_VISITS {
        let message = format!("it names {n_visits} records of visits, at most {MOST_VISITS}");
        return refused("too_many_samples", Some("experiment/visits"), message);
    }
    if signature::fits(record) == Some(false) {
        let message = "its signature does not fit it: it was changed after it was signed, or it \
                       holds fields that this server does not know; update the server";
        return refused("bad_signature", Some("signature"), message.to_owned());
    }
    if let Some((field, n)) = shown(record).into_iter().find(|(_, n)| *n > LONGEST_NAME) {
        let message = format!("it has {n} bytes, at most {LONGEST_NAME} are taken");
        return refused("invalid", Some(field), message);
    }
    if record.model.name.is_empty() && record.experiment.is_none() {
        return refused("invalid", Some("model/name"), "a model needs a name".to_owned());
    }
    Ok(())
}

/// Texts that stand in every row of a table, with their lengths.
fn shown(record: &Record) -> Vec<(&'static str, usize)> {
    let Record { model, engine, machine, .. } = record;
    let length = |text: &Option<String>| text.as_ref().map_or(0, String::len);
    let mut texts = vec![
        ("model/name", model.name.len()),
        ("model/label", length(&model.label)),
        ("model/quantization", length(&model.quantization)),
        ("engine/name", engine.name.len()),
        ("engine/version", engine.version.len()),
        ("engine/backends", engine.backends.len()),
        ("machine/cpu/model", length(&machine.cpu.model)),
        ("machine/fingerprint", machine.fingerprint.len()),
    ];
    let devices = engine.devices.iter();
    texts.extend(devices.map(|device| ("engine/devices", device.description.len())));
    if let Some(serving) = &record.serving {
        texts.push(("serving/workload/shape", serving.workload.shape.len()));
    }
    if let Some(published) = &record.published {
        texts.push(("published/source", published.source.len()));
        texts.push(("published/hardware", length(&published.hardware)));
        texts.push(("published/shape", length(&published.shape)));
        texts.push(("published/disputed", length(&published.disputed)));
    }
    texts
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
