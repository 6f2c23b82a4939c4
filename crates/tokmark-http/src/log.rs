//! The requests of a load point on disk while it runs, so that memory does not grow with it.

use std::fs::File;
use std::io::{self, BufRead, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::Path;

use tokmark_model::{Nanos, RequestSample, read_times, write_times};

use crate::Uncounted;
use crate::uncounted::TextLog;

/// Bytes read at once. Requests that were due one after the other ended nearly so.
const READ_AHEAD: usize = 256 * 1024;

/// Finished requests, each with the times of its text events since it was sent. Lies in an
/// unnamed temporary file; in memory are 16 bytes a request. The texts of requests that the
/// server did not count lie in another such file until [`FinishedLog::count`].
#[derive(Debug)]
pub struct RequestLog {
    file: BufWriter<File>,
    /// Made for the first request that has texts.
    texts: Option<TextLog>,
    /// When each was due, and where its row begins in the file.
    rows: Vec<(Nanos, u64)>,
    n_bytes: u64,
    n_events: u64,
    scratch: Vec<u8>,
}

impl RequestLog {
    /// An empty log in a temporary file that vanishes with it.
    ///
    /// # Errors
    /// When no temporary file can be made.
    pub fn new() -> io::Result<Self> {
        let file = BufWriter::with_capacity(READ_AHEAD, tempfile::tempfile()?);
        Ok(RequestLog {
            file,
            texts: None,
            rows: Vec::new(),
            n_bytes: 0,
            n_events: 0,
            scratch: Vec::new(),
        })
    }

    /// Requests in it.
    pub fn n_requests(&self) -> u64 {
        self.rows.len() as u64
    }

    /// Text events of all of them.
    pub fn n_events(&self) -> u64 {
        self.n_events
    }

    /// Appends one request, with the texts that the server did not count.
    ///
    /// # Errors
    /// When the disk is full.
    pub fn push(
        &mut self,
        sample: &RequestSample,
        events: &[Nanos],
        uncounted: Option<&Uncounted<'_>>,
    ) -> io::Result<()> {
        if let Some(uncounted) = uncounted {
            let texts = match &mut self.texts {
                Some(texts) => texts,
                none => none.insert(TextLog::new()?),
            };
            let is_whole = sample.prompt_tokens.is_none() || sample.output_tokens.is_none();
            texts.push(self.rows.len() as u64, uncounted, is_whole)?;
        }
        self.scratch.clear();
        serde_json::to_writer(&mut self.scratch, sample)?;
        let n_json = self.scratch.len() as u32;
        write_times(&mut self.scratch, events);
        let n_all = self.scratch.len() as u32;
        self.file.write_all(&n_json.to_le_bytes())?;
        self.file.write_all(&n_all.to_le_bytes())?;
        self.file.write_all(&self.scratch)?;
        self.rows.push((sample.due_ns, self.n_bytes));
        self.n_bytes += 8 + self.scratch.len() as u64;
        self.n_events += events.len() as u64;
        Ok(())
    }

    /// All is written: from now on it is read, in the order of the due times.
    ///
    /// # Errors
    /// When the disk is full.
    pub fn finish(mut self) -> io::Result<FinishedLog> {
        self.rows.sort_unstable();
        let file = self.file.into_inner().map_err(io::IntoInnerError::into_error)?;
        Ok(FinishedLog { file, texts: self.texts, rows: self.rows, n_events: self.n_events })
    }
}

/// A log that is complete.
#[derive(Debug)]
pub struct FinishedLog {
    file: File,
    texts: Option<TextLog>,
    rows: Vec<(Nanos, u64)>,
    n_events: u64,
}

impl FinishedLog {
    /// Requests in it.
    pub fn n_requests(&self) -> u64 {
        self.rows.len() as u64
    }

    /// Text events of all of them.
    pub fn n_events(&self) -> u64 {
        self.n_events
    }

    /// Requests with texts that nobody counted yet. `with_tokenizer`: also those of which the
    /// server counted all but a part, such as the first event.
    pub fn n_uncounted(&self, with_tokenizer: bool) -> u64 {
        let n = if with_tokenizer { TextLog::len } else { TextLog::n_whole };
        self.texts.as_ref().map_or(0, n)
    }

    /// Hands the requests whose texts nobody counted to `count`, in the order in which they
    /// ended, keeps what it makes of their samples, and forgets the texts.
    ///
    /// # Errors
    /// When a file can't be read or written.
    pub fn count(
        &mut self,
        count: &mut dyn FnMut(&mut RequestSample, &Uncounted<'_>),
    ) -> io::Result<()> {
        let Some(texts) = self.texts.take() else { return Ok(()) };
        let mut texts = texts.read()?;
        let mut next = texts.next()?;
        let mut counted = RequestLog::new()?;
        let mut offsets: Vec<u64> = self.rows.iter().map(|(_, offset)| *offset).collect();
        offsets.sort_unstable();
        self.read(offsets.into_iter(), &mut |mut sample, times| {
            if let Some((_, own)) = next.take_if(|(at, _)| *at == counted.n_requests()) {
                count(&mut sample, &own);
                next = texts.next()?;
            }
            counted.push(&sample, &times, None)
        })?;
        *self = counted.finish()?;
        Ok(())
    }

    /// Hands over all requests in the order of their due times.
    ///
    /// # Errors
    /// When the file can't be read.
    pub fn visit(&self, visit: &mut dyn FnMut(RequestSample, Vec<Nanos>)) -> io::Result<()> {
        let offsets = self.rows.iter().map(|(_, offset)| *offset);
        self.read(offsets, &mut |sample, times| {
            visit(sample, times);
            Ok(())
        })
    }

    fn read(
        &self,
        offsets: impl Iterator<Item = u64>,
        visit: &mut dyn FnMut(RequestSample, Vec<Nanos>) -> io::Result<()>,
    ) -> io::Result<()> {
        let broken = || io::Error::from(io::ErrorKind::InvalidData);
        let mut window = Window { file: &self.file, bytes: Vec::new(), start: 0 };
        for offset in offsets {
            let lengths = window.at(offset, 8)?;
            let length = |at: usize| {
                let bytes = lengths.get(at..at + 4)?.try_into().ok()?;
                usize::try_from(u32::from_le_bytes(bytes)).ok()
            };
            let (n_json, n_all) = length(0).zip(length(4)).ok_or_else(broken)?;
            let row = window.at(offset + 8, n_all)?;
            let sample = serde_json::from_slice(row.get(..n_json).ok_or_else(broken)?)?;
            let times = read_times(&mut row.get(n_json..).ok_or_else(broken)?);
            visit(sample, times.ok_or_else(broken)?)?;
        }
        Ok(())
    }

    /// Has `revise` change samples, in the order in which they ended; the texts that are still to
    /// be counted stay theirs.
    ///
    /// # Errors
    /// When a file can't be read or written.
    pub fn revise(&mut self, revise: &mut dyn FnMut(&mut RequestSample)) -> io::Result<()> {
        let mut revised = RequestLog::new()?;
        let mut offsets: Vec<u64> = self.rows.iter().map(|(_, offset)| *offset).collect();
        offsets.sort_unstable();
        self.read(offsets.into_iter(), &mut |mut sample, times| {
            revise(&mut sample);
            revised.push(&sample, &times, None)
        })?;
        let texts = self.texts.take();
        *self = FinishedLog { texts, ..revised.finish()? };
        Ok(())
    }

    /// Reads a log that was saved.
    ///
    /// # Errors
    /// When the file can't be read, or is no such log.
    pub fn open(path: &Path) -> io::Result<Self> {
        #[derive(serde::Deserialize)]
        struct Row {
            due_ns: Nanos,
        }
        let broken = || io::Error::from(io::ErrorKind::InvalidData);
        let mut reader = io::BufReader::with_capacity(READ_AHEAD, File::open(path)?);
        let (mut rows, mut n_events, mut offset, mut row) = (Vec::new(), 0, 0, Vec::new());
        while !reader.fill_buf()?.is_empty() {
            let mut lengths = [0; 8];
            reader.read_exact(&mut lengths)?;
            let [n_json, n_all] = [&lengths[..4], &lengths[4..]].map(|bytes| {
                usize::try_from(u32::from_le_bytes(bytes.try_into().unwrap_or_default()))
                    .unwrap_or(usize::MAX)
            });
            row.clear();
            (&mut reader).take(n_all as u64).read_to_end(&mut row)?;
            if row.len() < n_all || n_json > n_all {
                return Err(broken());
            }
            let Row { due_ns } = serde_json::from_slice(&row[..n_json])?;
            n_events += read_times(&mut &row[n_json..]).ok_or_else(broken)?.len() as u64;
            rows.push((due_ns, offset));
            offset += 8 + n_all as u64;
        }
        rows.sort_unstable();
        Ok(FinishedLog { file: File::open(path)?, texts: None, rows, n_events })
    }

    /// Copies the log to `path`, for a point that has too many requests for its record.
    ///
    /// # Errors
    /// When the file can't be written.
    pub fn save(&self, path: &Path) -> io::Result<()> {
        (&self.file).seek(SeekFrom::Start(0))?;
        io::copy(&mut &self.file, &mut File::create_new(path)?)?;
        Ok(())
    }
}

/// The part of the file that is in memory.
struct Window<'a> {
    file: &'a File,
    bytes: Vec<u8>,
    /// Where in the file it begins.
    start: u64,
}

impl Window<'_> {
    /// `n` bytes from `offset` on.
    fn at(&mut self, offset: u64, n: usize) -> io::Result<&[u8]> {
        let end = self.start + self.bytes.len() as u64;
        if offset < self.start || offset + n as u64 > end {
            // Rows in order of due times also step back a little.
            self.start = offset.saturating_sub(READ_AHEAD as u64 / 2);
            let behind = usize::try_from(offset - self.start).unwrap_or(0);
            self.bytes.clear();
            (&*self.file).seek(SeekFrom::Start(self.start))?;
            let wanted = (behind + n.max(READ_AHEAD)) as u64;
            self.file.take(wanted).read_to_end(&mut self.bytes)?;
        }
        let from = usize::try_from(offset - self.start).unwrap_or(usize::MAX);
        self.bytes.get(from..from + n).ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_come_back_in_the_order_of_their_due_times() {
        let mut log = RequestLog::new().unwrap();
        let sample = |n: u64| RequestSample { due_ns: Nanos(n), ..Default::default() };
        // More than is read at once, the due times in no order.
        let due = |n: u64| n * 7_919 % 10_007;
        for n in 0..10_007 {
            log.push(&sample(due(n)), &vec![Nanos(n); (n % 3) as usize], None).unwrap();
        }
        assert_eq!((log.n_requests(), log.n_events()), (10_007, 10_006));
        let log = log.finish().unwrap();
        for _ in 0..2 {
            let mut next = 0;
            log.visit(&mut |sample, times| {
                assert_eq!(sample.due_ns, Nanos(next));
                assert!(times.iter().all(|time| due(time.0) == next), "{next} {times:?}");
                next += 1;
            })
            .unwrap();
            assert_eq!(next, 10_007);
        }
    }

    #[test]
    fn a_log_that_was_saved_is_read_again() {
        let mut log = RequestLog::new().unwrap();
        for n in [3u64, 1, 2] {
            let sample = RequestSample { due_ns: Nanos(n), ..Default::default() };
            log.push(&sample, &vec![Nanos(7); n as usize], None).unwrap();
        }
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.requests");
        let mut log = log.finish().unwrap();
        log.revise(&mut |sample| sample.n_text_events = 9).unwrap();
        log.save(&path).unwrap();
        let read = FinishedLog::open(&path).unwrap();
        assert_eq!((read.n_requests(), read.n_events()), (3, 6));
        let mut seen = Vec::new();
        read.visit(&mut |s, times| seen.push((s.due_ns.0, s.n_text_events, times.len()))).unwrap();
        assert_eq!(seen, [(1, 9, 1), (2, 9, 2), (3, 9, 3)]);
        let bytes = std::fs::read(&path).unwrap();
        std::fs::write(&path, &bytes[..bytes.len() - 1]).unwrap();
        assert!(FinishedLog::open(&path).is_err());
    }

    #[test]
    fn a_first_event_alone_is_nothing_without_a_tokenizer() {
        let count = tokmark_model::TokenCount { n: 8, source: tokmark_model::CountSource::Usage };
        let (prompt_tokens, output_tokens) = (Some(count), Some(count));
        let counted = RequestSample { prompt_tokens, output_tokens, ..Default::default() };
        let texts = Uncounted { first_event: "x".into(), ..Uncounted::default() };
        let mut log = RequestLog::new().unwrap();
        log.push(&counted, &[], Some(&texts)).unwrap();
        log.push(&RequestSample { prompt_tokens: None, ..counted }, &[], Some(&texts)).unwrap();
        let log = log.finish().unwrap();
        assert_eq!((log.n_uncounted(true), log.n_uncounted(false)), (2, 1));
    }

    #[test]
    fn counts_go_to_the_requests_whose_texts_they_are_of() {
        let mut log = RequestLog::new().unwrap();
        // What was due last ended first.
        for n in 0..5 {
            let sample = RequestSample { due_ns: Nanos(9 - n), ..Default::default() };
            let answer = "x".repeat(n as usize).into();
            let texts = Uncounted { answer, ..Uncounted::default() };
            log.push(&sample, &[Nanos(n)], (n % 2 == 1).then_some(&texts)).unwrap();
        }
        let mut log = log.finish().unwrap();
        assert_eq!((log.n_uncounted(true), log.n_uncounted(false)), (2, 2));
        log.count(&mut |sample, texts| sample.n_text_events = texts.answer.len() as u32).unwrap();
        let mut seen = Vec::new();
        log.visit(&mut |sample, times| seen.push((sample.n_text_events, times[0].0))).unwrap();
        assert_eq!(seen, [(0, 4), (3, 3), (0, 2), (1, 1), (0, 0)]);
        assert_eq!((log.n_uncounted(true), log.n_requests(), log.n_events()), (0, 5, 5));
        log.count(&mut |_, _| panic!("nothing is left to be counted")).unwrap();
    }
}
