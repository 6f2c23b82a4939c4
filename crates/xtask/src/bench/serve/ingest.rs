//! Records into a server: made and packed first, then sent as fast as it takes them.

use std::fs;
use std::io::Write as _;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, ensure};
use flate2::Compression;
use flate2::write::GzEncoder;
use serde::Deserialize;
use tokmark_model::Record;

use super::client::Client;
use super::generator::{BATCH, World};
use super::server::Server;

/// Threads that send, each on a connection of its own.
const SENDERS: usize = 2;
/// Time for one batch.
const TIMEOUT: Duration = Duration::from_secs(120);
/// The rate is also told for the last of so many parts, when the store is nearly full.
const PARTS: usize = 10;

/// Packed batches in a folder, so that making them takes no time from the server.
pub(super) struct Batches {
    folder: tempfile::TempDir,
    n_records: usize,
}

/// How fast records were taken.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ingest {
    /// Records a second, from the first byte to the last answer.
    pub(super) per_s: f64,
    /// The same for the last tenth of the batches.
    pub(super) last_per_s: f64,
}

/// What the server says of a batch.
#[derive(Deserialize)]
struct Admitted {
    n_new: usize,
}

impl Batches {
    /// Makes `n_records` of a world, with all cores.
    ///
    /// # Errors
    /// When they can't be written.
    pub(super) fn make(world: &World, n_records: usize) -> Result<Self> {
        let folder = tempfile::tempdir().context("no temporary folder")?;
        let batches = Batches { folder, n_records };
        let clock = Instant::now();
        let n_threads = thread::available_parallelism().map_or(1, usize::from);
        let made = &batches;
        in_turn(made.len(), n_threads, || {
            move |number: usize| {
                let records = world.batch(number as u64, made.size(number))?;
                let file = made.file(number);
                fs::write(&file, packed(&records)?)
                    .with_context(|| format!("{} can't be written", file.display()))
            }
        })?;
        let seconds = clock.elapsed().as_secs_f64();
        eprintln!("  made {n_records} records in {seconds:.0} s");
        Ok(batches)
    }

    /// Sends them all, and removes each from the folder.
    ///
    /// # Errors
    /// When the server refuses a batch, or knew one of its records.
    pub(super) fn send(&self, server: &Server) -> Result<Ingest> {
        let clock = Instant::now();
        let mut ended = in_turn(self.len(), SENDERS, || {
            let client = Client::new(&server.url, TIMEOUT);
            move |number: usize| {
                let file = self.file(number);
                let batch =
                    fs::read(&file).with_context(|| format!("{} can't be read", file.display()))?;
                send(&client, &server.token, &batch, self.size(number))?;
                let ended = clock.elapsed();
                fs::remove_file(&file)?;
                if (number + 1) * PARTS / self.len() > number * PARTS / self.len() {
                    eprintln!(
                        "  sent {} of {}",
                        number * BATCH + self.size(number),
                        self.n_records
                    );
                }
                anyhow::Ok((ended, self.size(number)))
            }
        })?;
        ended.sort_unstable();
        Ok(rates(&ended))
    }

    fn len(&self) -> usize {
        self.n_records.div_ceil(BATCH)
    }

    fn size(&self, number: usize) -> usize {
        BATCH.min(self.n_records - number * BATCH)
    }

    fn file(&self, number: usize) -> PathBuf {
        self.folder.path().join(format!("{number}.json.gz"))
    }
}

/// Sends a few records at once.
///
/// # Errors
/// As [`Batches::send`].
pub(super) fn send_records(server: &Server, records: &[Record]) -> Result<()> {
    let client = Client::new(&server.url, TIMEOUT);
    records
        .chunks(BATCH)
        .try_for_each(|batch| send(&client, &server.token, &packed(batch)?, batch.len()))
}

fn send(client: &Client, token: &str, packed: &[u8], n_records: usize) -> Result<()> {
    let answer = client.post("/api/benchmarks", token, packed)?;
    ensure!(answer.status == 200, "the server refuses records: {}", answer.said());
    let admitted: Admitted =
        serde_json::from_slice(&answer.body).context("the server's answer is not understood")?;
    let n_new = admitted.n_new;
    ensure!(n_new == n_records, "{n_new} of {n_records} records were new; the store was not empty");
    Ok(())
}

/// JSON in gzip.
fn packed(records: &[Record]) -> Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(&serde_json::to_vec(records)?)?;
    Ok(encoder.finish()?)
}

/// `ended` has the end and the records of each batch, by the end.
fn rates(ended: &[(Duration, usize)]) -> Ingest {
    let rate = |batches: &[(Duration, usize)], from: Duration| {
        let n: usize = batches.iter().map(|(_, n)| n).sum();
        let until = batches.last().map_or(from, |(end, _)| *end);
        n as f64 / (until - from).as_secs_f64().max(1e-9)
    };
    let n_before = ended.len() - ended.len().div_ceil(PARTS);
    let (before, last) = ended.split_at(n_before);
    Ingest {
        per_s: rate(ended, Duration::ZERO),
        last_per_s: rate(last, before.last().map_or(Duration::ZERO, |(end, _)| *end)),
    }
}

/// Does `n` things, numbered from 0, on so many threads; `worker` makes what each thread does
/// with a number. Ends at the first error.
fn in_turn<T: Send, W: FnMut(usize) -> Result<T>>(
    n: usize,
    n_threads: usize,
    worker: impl Fn() -> W + Sync,
) -> Result<Vec<T>> {
    let next = AtomicUsize::new(0);
    let work = || -> Result<Vec<T>> {
        let (mut worker, mut done) = (worker(), Vec::new());
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number >= n {
                return Ok(done);
            }
            match worker(number) {
                Ok(one) => done.push(one),
                Err(error) => {
                    next.store(n, Ordering::Relaxed);
                    return Err(error);
                }
            }
        }
    };
    thread::scope(|scope| {
        let threads: Vec<_> = (0..n_threads).map(|_| scope.spawn(work)).collect();
        let mut all = Vec::with_capacity(n);
        for thread in threads {
            all.extend(thread.join().map_err(|_| anyhow!("a thread panicked"))??);
        }
        Ok(all)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_tenth_is_timed_from_the_end_of_the_one_before() {
        // Nine batches of 10 in a second each, the tenth in two.
        let mut ended: Vec<(Duration, usize)> =
            (1..10).map(|second| (Duration::from_secs(second), 10)).collect();
        ended.push((Duration::from_secs(11), 10));
        let found = rates(&ended);
        assert!((found.per_s - 100.0 / 11.0).abs() < 1e-9, "{found:?}");
        assert!((found.last_per_s - 5.0).abs() < 1e-9, "{found:?}");
        assert!((rates(&ended[..1]).last_per_s - 10.0).abs() < 1e-9);
    }

    #[test]
    fn everything_is_done_once_until_something_fails() {
        let mut done = in_turn(100, 3, || Ok::<usize, anyhow::Error>).unwrap();
        done.sort_unstable();
        assert_eq!(done, (0..100).collect::<Vec<_>>());
        let failing = in_turn(100, 3, || {
            |number: usize| {
                ensure!(number != 7, "seven");
                anyhow::Ok(number)
            }
        });
        assert_eq!(failing.unwrap_err().to_string(), "seven");
    }
}
