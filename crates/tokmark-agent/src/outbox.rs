//! Records on their way to the server, in a folder that outlives every crash.
//!
//! ```text
//! OUTBOX/
//!   ID.json.gz             a batch: an array of records; names sort by time
//!   .ID.json.gz.part       one that is being written, or whose writer died
//!   .lock                  held while batches are sent; never removed
//!   refused/ID.json        a record that the server will not have,
//!   refused/ID.txt         and why
//! ```

mod durable;

use std::collections::{BTreeSet, VecDeque};
use std::fs::{self, File};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use serde_json::Value;
use tokmark_model::{Record, Uuid};

use crate::packed::{array, json, packed, unpacked};
use crate::{Client, ClientError, OutboxError, Uploaded};
use durable::{remove, remove_stale_parts, write_whole};

/// Most records in a batch.
const MOST_RECORDS: usize = 100;
/// Bytes of JSON at which a batch is closed.
const MOST_BYTES: usize = 4 * 1024 * 1024;
/// End of a batch's file name.
const BATCH: &str = ".json.gz";

/// A folder of batches for one server. Several processes may use it at once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outbox {
    folder: PathBuf,
}

/// What became of the batches that were sent.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Sent {
    /// Records that the server did not have.
    pub n_new: u64,
    /// Records that it had already.
    pub n_known: u64,
    /// Records that it will not have; they lie in `refused/`.
    pub refused: Vec<RefusedRecord>,
    /// Batches that are still in the outbox.
    pub n_left: usize,
    /// Why they are. `None` when all were sent.
    pub stopped: Option<ClientError>,
}

/// A record that was set aside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RefusedRecord {
    /// Its name; absent where a whole batch cannot be read.
    pub id: Option<Uuid>,
    /// Where it lies now.
    pub file: PathBuf,
    /// Why.
    pub reason: String,
}

impl Outbox {
    /// The outbox in `folder`, which is made if it is not there.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn open(folder: impl Into<PathBuf>) -> Result<Self, OutboxError> {
        let folder = folder.into();
        let refused = folder.join("refused");
        fs::create_dir_all(&refused).map_err(OutboxError::io("write", &refused))?;
        Ok(Outbox { folder })
    }

    /// Puts records in, as one or more batches. When this returns they outlive a crash of this
    /// program and of the machine.
    ///
    /// # Errors
    /// When they cannot be written; some batches may be there then.
    pub fn add(&self, records: &[Record]) -> Result<(), OutboxError> {
        let mut batch: Vec<Vec<u8>> = Vec::new();
        let mut n_bytes = 0;
        for record in records {
            let record = json(record);
            if batch.len() == MOST_RECORDS || n_bytes + record.len() > MOST_BYTES {
                self.write(&std::mem::take(&mut batch))?;
                n_bytes = 0;
            }
            n_bytes += record.len();
            batch.push(record);
        }
        self.write(&batch)
    }

    fn write(&self, batch: &[Vec<u8>]) -> Result<(), OutboxError> {
        if batch.is_empty() {
            return Ok(());
        }
        let name = format!("{}{BATCH}", Uuid::now_v7());
        write_whole(&self.folder, &name, &packed(&array(batch)))
    }

    /// How many batches wait.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub fn n_waiting(&self) -> Result<usize, OutboxError> {
        Ok(self.batches()?.len())
    }

    /// Sends what waits, oldest first, until all is sent or the server does not take it. A batch
    /// is removed once the server said that it has it. One that is refused is split until the
    /// record at fault stands alone; that goes to `refused/`, the others are sent.
    ///
    /// While another process sends from this outbox, it waits for that.
    ///
    /// # Errors
    /// When files cannot be read, written or removed. What the server does is no error: see
    /// [`Sent::stopped`].
    pub fn send_all(&self, client: &Client) -> Result<Sent, OutboxError> {
        let _lock = self.lock()?;
        remove_stale_parts(&self.folder);
        let mut sent = Sent::default();
        let mut waiting: VecDeque<PathBuf> = self.batches()?.into();
        while let Some(batch) = waiting.pop_front() {
            sent.stopped = self.send(client, &batch, &mut sent)?;
            if sent.stopped.is_some() {
                sent.n_left = waiting.len() + 1;
                break;
            }
        }
        Ok(sent)
    }

    /// Sends one batch; gives why it has to stay.
    fn send(
        &self,
        client: &Client,
        file: &Path,
        sent: &mut Sent,
    ) -> Result<Option<ClientError>, OutboxError> {
        let bytes = match fs::read(file) {
            Ok(bytes) => bytes,
            // Somebody took it out by hand.
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(OutboxError::io("read", file)(error)),
        };
        let records = match read(&bytes) {
            Ok(records) => records,
            Err(reason) => {
                let reason = format!("the batch cannot be read: {reason}");
                let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
                sent.refused.push(self.set_aside(None, &name, &bytes, reason)?);
                remove(file)?;
                return Ok(None);
            }
        };
        let mut whole = Some(bytes);
        // The last is the next.
        let mut pieces = vec![records];
        while let Some(piece) = pieces.pop() {
            let body = whole.take().unwrap_or_else(|| packed(&json(&piece)));
            match client.upload_packed(&body, n_different(&piece)) {
                Ok(Uploaded { n_new, n_known, .. }) => {
                    sent.n_new += n_new;
                    sent.n_known += n_known;
                }
                Err(error) if error.is_of_the_records() => {
                    if let [record] = piece.as_slice() {
                        let id = id(record);
                        let name = format!("{}.json", id.unwrap_or_else(Uuid::now_v7));
                        let reason = error.to_string();
                        sent.refused.push(self.set_aside(id, &name, &json(record), reason)?);
                    } else {
                        let (first, second) = split(piece, &error);
                        pieces.extend([second, first]);
                    }
                }
                // Parts that were taken are sent again next time, and known then.
                Err(error) => return Ok(Some(error)),
            }
        }
        remove(file)?;
        Ok(None)
    }

    /// Keeps what the server will not have, with the reason beside it.
    fn set_aside(
        &self,
        id: Option<Uuid>,
        name: &str,
        bytes: &[u8],
        reason: String,
    ) -> Result<RefusedRecord, OutboxError> {
        let folder = self.folder.join("refused");
        let stem = name.split('.').next().unwrap_or(name);
        write_whole(&folder, name, bytes)?;
        write_whole(&folder, &format!("{stem}.txt"), format!("{reason}\n").as_bytes())?;
        Ok(RefusedRecord { id, file: folder.join(name), reason })
    }

    /// Batches that wait, oldest first.
    fn batches(&self) -> Result<Vec<PathBuf>, OutboxError> {
        let failed = |error| OutboxError::io("read", &self.folder)(error);
        let mut batches = Vec::new();
        for entry in fs::read_dir(&self.folder).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let name = entry.file_name();
            let name = name.to_string_lossy();
            if name.ends_with(BATCH) && !name.starts_with('.') {
                batches.push(entry.path());
            }
        }
        batches.sort();
        Ok(batches)
    }

    /// Waits until nobody else sends. The lock lasts until the file is closed, also by the
    /// death of the process.
    fn lock(&self) -> Result<File, OutboxError> {
        let path = self.folder.join(".lock");
        let file = File::options().write(true).create(true).truncate(false).open(&path);
        let file = file.map_err(OutboxError::io("write", &path))?;
        file.lock().map_err(OutboxError::io("lock", &path))?;
        Ok(file)
    }
}

/// The records of a batch, with all that a newer version may have written.
fn read(bytes: &[u8]) -> Result<Vec<Value>, String> {
    let json = unpacked(bytes).map_err(|error| error.to_string())?;
    serde_json::from_slice(&json).map_err(|error| error.to_string())
}

fn id(record: &Value) -> Option<Uuid> {
    record.get("id")?.as_str()?.parse().ok()
}

fn n_different(records: &[Value]) -> usize {
    records
        .iter()
        .map(|record| record.get("id").and_then(Value::as_str))
        .collect::<BTreeSet<_>>()
        .len()
}

/// Two parts of a refused batch, in the order of sending: the record that the server names by
/// itself, or halves.
fn split(mut records: Vec<Value>, error: &ClientError) -> (Vec<Value>, Vec<Value>) {
    let named = match error {
        ClientError::Refused { record: Some(named), .. } => Some(*named),
        _ => None,
    };
    let at_fault = |record: &Value| named.is_some() && id(record) == named;
    if let Some(position) = records.iter().position(at_fault) {
        let record = records.remove(position);
        return (records, vec![record]);
    }
    let second = records.split_off(records.len() / 2);
    (records, second)
}
