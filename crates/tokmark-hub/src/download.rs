//! Fetching one file: go on where the last attempt stopped, check, move into place.

use std::io::Read;
use std::path::PathBuf;

use tokmark_model::Bytes;
use url::Url;

use crate::cache::{Cache, Lying, Origin, file_name};
use crate::hash::{regular_file, sha256_text};
use crate::http::{Answer, Client, Failure, Rest, shown};
use crate::part::{Part, PartFacts};
use crate::retry::Attempts;
use crate::{HashCache, HubError, Outside, Progress};

/// How every GGUF file begins.
const MAGIC: &[u8] = b"GGUF";

const CHUNK_BYTES: usize = 256 * 1024;

/// An attempt that brought fewer new bytes than this counts as fruitless, so that a
/// server that drips cannot keep us for ever.
const FRUIT_BYTES: u64 = 64 * 1024;

/// Whole attempts that may be thrown away because the file changed or a hash was wrong.
const MAX_RESTARTS: u32 = 3;

/// What downloads work with.
#[derive(Clone, Copy)]
pub(crate) struct Fetcher<'a> {
    pub client: &'a Client,
    pub cache: &'a Cache,
    pub hashes: &'a HashCache,
    pub outside: &'a Outside,
}

/// One file to fetch.
#[derive(Debug)]
pub(crate) struct Wanted {
    pub url: Url,
    /// Where it is to lie, inside the cache.
    pub dest: PathBuf,
    pub size_bytes: Option<u64>,
    pub sha256: Option<String>,
    pub source_label: String,
    pub publisher: Option<String>,
}

/// How one attempt ended.
enum Attempt {
    /// All bytes are there.
    Complete,
    /// What was there is of no use; begin anew at once.
    Restart,
}

impl Fetcher<'_> {
    /// Makes the file lie at its place, whole and checked. Waits for another process
    /// that fetches it, and then uses what that one got.
    pub fn fetch(&self, wanted: &Wanted, progress: &mut dyn Progress) -> Result<(), HubError> {
        let _lock = self.cache.lock(&wanted.dest, self.outside, progress)?;
        let sha256 = wanted.sha256.as_deref();
        if let Lying::Whole(origin) = self.cache.look(&wanted.dest, sha256, self.hashes)?
            && wanted.size_bytes.is_none_or(|size| size == origin.size_bytes)
        {
            return Ok(());
        }
        let facts = PartFacts {
            url_sha256: sha256_text(wanted.url.as_str()),
            etag: None,
            total_bytes: wanted.size_bytes,
            sha256: wanted.sha256.clone(),
        };
        let mut part = Part::open(&wanted.dest, facts)?;
        let found = self.fill(wanted, &mut part, progress)?;
        part.sync()?;
        let origin = Origin {
            source_label: wanted.source_label.clone(),
            publisher: wanted.publisher.clone(),
            sha256: Some(found.clone()),
            size_bytes: part.len(),
        };
        self.cache.put(&part.path, &wanted.dest, &origin)?;
        part.forget_facts();
        if let Ok(metadata) = regular_file(&wanted.dest) {
            self.hashes.remember(&wanted.dest, &metadata, &found);
        }
        progress.done();
        Ok(())
    }

    /// Attempts until all bytes are there and right; returns their hash.
    fn fill(
        &self,
        wanted: &Wanted,
        part: &mut Part,
        progress: &mut dyn Progress,
    ) -> Result<String, HubError> {
        let url = shown(&wanted.url);
        let mut attempts = Attempts::at(url.clone(), self.outside);
        let (mut furthest, mut restarts) = (part.len(), 0);
        loop {
            let ended = self.attempt(wanted, part, progress);
            if part.len() >= furthest + FRUIT_BYTES {
                furthest = part.len();
                attempts.succeeded();
            }
            match ended {
                Ok(Attempt::Complete) => {
                    let found = part.sha256();
                    let expected = wanted.sha256.as_ref().filter(|expected| **expected != found);
                    let Some(expected) = expected else {
                        return Ok(found);
                    };
                    let was_resumed = part.was_resumed;
                    restarts += 1;
                    if !was_resumed || restarts > MAX_RESTARTS {
                        part.discard();
                        return Err(HubError::WrongHash {
                            what: url,
                            expected: expected.clone(),
                            found,
                            advice: "the file was replaced or damaged on its way; try again, or \
                                     take another source",
                        });
                    }
                    part.restart()?;
                }
                Ok(Attempt::Restart) => {
                    restarts += 1;
                    part.restart()?;
                    if restarts > MAX_RESTARTS {
                        let reason = "the file changes again and again while it is read".to_owned();
                        return Err(HubError::BadAnswer { url, reason });
                    }
                }
                Err(failure) => {
                    let (have, total) = (Bytes(part.len()), part.facts.total_bytes.map(Bytes));
                    let name = file_name(&wanted.dest);
                    attempts.wait_after(failure, &name, progress, |reason| match have {
                        Bytes(0) => HubError::Unreachable { url: url.clone(), reason },
                        have => HubError::BrokenOff { url: url.clone(), have, total, reason },
                    })?;
                }
            }
        }
    }

    fn attempt(
        &self,
        wanted: &Wanted,
        part: &mut Part,
        progress: &mut dyn Progress,
    ) -> Result<Attempt, Failure> {
        let name = file_name(&wanted.dest);
        if part.len() > 0 && part.facts.total_bytes == Some(part.len()) {
            return Ok(Attempt::Complete);
        }
        if part.facts.etag.is_none() && wanted.sha256.is_none() {
            // Nothing could tell that the rest is of the same file.
            part.restart()?;
        }
        let rest =
            (part.len() > 0).then(|| Rest { offset: part.len(), etag: part.facts.etag.clone() });
        let answer = self.client.get(&wanted.url, rest.as_ref())?;
        let url = shown(&wanted.url);
        if answer.is_html() {
            part.discard();
            return Err(not_a_model(url, "a web page"));
        }
        let total = match (answer.status, &rest) {
            (200, None) => answer.content_length(),
            (200, Some(_)) => {
                // The server knows no ranges, or the file changed: this is all of it.
                part.restart()?;
                answer.content_length()
            }
            (206, Some(rest)) => match continues(&answer, rest, part) {
                Some(total) => total,
                None => return Ok(Attempt::Restart),
            },
            (416, Some(_)) => return Ok(Attempt::Restart),
            (status, _) => return Err(HubError::Status { url, status }.into()),
        };
        self.check_size(wanted, part, total)?;
        let known = total.or(wanted.size_bytes);
        if known.is_none() && !answer.is_chunked() && wanted.sha256.is_none() {
            part.discard();
            return Err(HubError::UnknownSize { url }.into());
        }
        self.check_space(wanted, part, known)?;
        part.facts.total_bytes = known;
        part.facts.etag = answer.strong_etag().map(str::to_owned);
        part.keep_facts()?;
        part.was_resumed = part.len() > 0;
        progress.started(&name, known.map(Bytes));
        progress.advanced(Bytes(part.len()));
        receive(answer, wanted, part, progress)
    }

    /// What the server says now must be what was announced.
    fn check_size(&self, wanted: &Wanted, part: &Part, total: Option<u64>) -> Result<(), HubError> {
        match (wanted.size_bytes, total) {
            (Some(expected), Some(found)) if expected != found => {
                part.discard();
                Err(HubError::WrongSize {
                    what: shown(&wanted.url),
                    expected: Bytes(expected),
                    found: Bytes(found),
                })
            }
            _ => Ok(()),
        }
    }

    /// A file system that cannot say how much room it has is tried.
    fn check_space(
        &self,
        wanted: &Wanted,
        part: &Part,
        total: Option<u64>,
    ) -> Result<(), HubError> {
        let folder = wanted.dest.parent().unwrap_or(&self.cache.root);
        let (Some(total), Ok(free)) = (total, (self.outside.free_space)(folder)) else {
            return Ok(());
        };
        let needed = total.saturating_sub(part.len());
        if needed <= free {
            return Ok(());
        }
        Err(HubError::DiskFull {
            folder: folder.to_owned(),
            needed: Bytes(needed),
            free: Some(Bytes(free)),
        })
    }
}

/// The whole size if the answer goes on exactly where the part ends, in the same file;
/// else `None`.
fn continues(answer: &Answer, rest: &Rest, part: &Part) -> Option<Option<u64>> {
    let (first, total) = answer.content_range()?;
    let same_place = first == Some(rest.offset);
    let same_etag = match (&rest.etag, answer.strong_etag()) {
        (Some(before), Some(now)) => before == now,
        _ => part.facts.sha256.is_some(),
    };
    let same_total = match (part.facts.total_bytes, total) {
        (Some(before), Some(now)) => before == now,
        _ => true,
    };
    (same_place && same_etag && same_total).then_some(total.or(part.facts.total_bytes))
}

/// Writes the body to the end of the part.
fn receive(
    answer: Answer,
    wanted: &Wanted,
    part: &mut Part,
    progress: &mut dyn Progress,
) -> Result<Attempt, Failure> {
    let total = part.facts.total_bytes;
    let ends_itself = answer.is_chunked();
    let mut reader = answer.into_reader();
    let mut buffer = vec![0; CHUNK_BYTES];
    loop {
        if progress.cancelled() {
            let what = file_name(&wanted.dest);
            return Err(HubError::Cancelled { what }.into());
        }
        let least = if part.len() == 0 { MAGIC.len() } else { 1 };
        let count = read_some(&mut reader, &mut buffer, least)
            .map_err(|error| Failure::passing(format!("the connection broke ({error})")))?;
        if count == 0 {
            break;
        }
        if part.len() == 0 {
            let is_cut = count < MAGIC.len() && total.is_none_or(|total| count as u64 != total);
            if is_cut {
                return Err(Failure::passing("the connection was cut"));
            }
            check_magic(wanted, part, &buffer[..count])?;
        }
        part.write(&buffer[..count]).map_err(|error| with_need(error, total, part))?;
        progress.advanced(Bytes(count as u64));
        if let Some(total) = total.filter(|total| part.len() > *total) {
            let found = Bytes(part.len());
            part.discard();
            return Err(HubError::WrongSize {
                what: shown(&wanted.url),
                expected: Bytes(total),
                found,
            }
            .into());
        }
    }
    match total {
        Some(total) if part.len() < total => Err(Failure::passing("the connection was cut")),
        // Without a size the hash decides, or the last chunk did.
        None if !ends_itself && wanted.sha256.is_none() => {
            Err(Failure::passing("the connection was cut"))
        }
        _ if part.len() == 0 => {
            part.discard();
            Err(not_a_model(shown(&wanted.url), "empty"))
        }
        _ => Ok(Attempt::Complete),
    }
}

/// Reads until there are `least` bytes or the end comes; returns how many there are.
fn read_some(reader: &mut impl Read, buffer: &mut [u8], least: usize) -> std::io::Result<usize> {
    let mut have = 0;
    while have < least {
        match reader.read(&mut buffer[have..]) {
            Ok(0) => break,
            Ok(count) => have += count,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(have)
}

/// Says in a "disk full" how much was still to come.
fn with_need(error: HubError, total: Option<u64>, part: &Part) -> HubError {
    match error {
        HubError::DiskFull { folder, free, .. } => HubError::DiskFull {
            folder,
            needed: Bytes(total.unwrap_or(0).saturating_sub(part.len()).max(1)),
            free,
        },
        other => other,
    }
}

/// A file called `.gguf` begins with `GGUF`.
fn check_magic(wanted: &Wanted, part: &Part, start: &[u8]) -> Result<(), Failure> {
    let is_gguf = file_name(&wanted.dest).to_ascii_lowercase().ends_with(".gguf");
    if !is_gguf || start.starts_with(MAGIC) {
        return Ok(());
    }
    part.discard();
    let text = String::from_utf8_lossy(&start[..start.len().min(24)]).trim().to_owned();
    let found = format!("something that begins with {text:?}");
    Err(not_a_model(shown(&wanted.url), &found))
}

fn not_a_model(url: String, found: &str) -> Failure {
    let found = found.to_owned();
    HubError::NotAModel { url, found }.into()
}
