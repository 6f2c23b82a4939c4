//! The requests of a load point on disk while it runs, so that memory does not grow with it.

use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::Path;

use tokmark_model::{Nanos, RequestSample, read_times, write_times};

/// Finished requests in the order in which they ended, each with the times of its text events
/// since it was sent. Lies in an unnamed temporary file.
#[derive(Debug)]
pub struct RequestLog {
    file: BufWriter<File>,
    n_requests: u64,
    n_events: u64,
    scratch: Vec<u8>,
}

impl RequestLog {
    /// An empty log in a temporary file that vanishes with it.
    ///
    /// # Errors
    /// When no temporary file can be made.
    pub fn new() -> io::Result<Self> {
        let file = BufWriter::with_capacity(256 * 1024, tempfile::tempfile()?);
        Ok(RequestLog { file, n_requests: 0, n_events: 0, scratch: Vec::new() })
    }

    /// Requests in it.
    pub fn n_requests(&self) -> u64 {
        self.n_requests
    }

    /// Text events of all of them.
    pub fn n_events(&self) -> u64 {
        self.n_events
    }

    /// Appends one request.
    ///
    /// # Errors
    /// When the disk is full.
    pub fn push(&mut self, sample: &RequestSample, events: &[Nanos]) -> io::Result<()> {
        self.scratch.clear();
        serde_json::to_writer(&mut self.scratch, sample)?;
        let n_json = self.scratch.len() as u32;
        write_times(&mut self.scratch, events);
        let n_all = self.scratch.len() as u32;
        self.file.write_all(&n_json.to_le_bytes())?;
        self.file.write_all(&n_all.to_le_bytes())?;
        self.file.write_all(&self.scratch)?;
        self.n_requests += 1;
        self.n_events += events.len() as u64;
        Ok(())
    }

    /// Hands over all requests, in the order in which they ended.
    ///
    /// # Errors
    /// When the file can't be read.
    pub fn each(&mut self, visit: &mut dyn FnMut(RequestSample, Vec<Nanos>)) -> io::Result<()> {
        self.file.flush()?;
        self.file.seek(SeekFrom::Start(0))?;
        let mut reader = BufReader::with_capacity(256 * 1024, self.file.get_ref());
        let mut bytes = Vec::new();
        for _ in 0..self.n_requests {
            let mut lengths = [0; 8];
            reader.read_exact(&mut lengths)?;
            let [a, b, c, d, e, f, g, h] = lengths;
            let n_json = u32::from_le_bytes([a, b, c, d]) as usize;
            bytes.resize(u32::from_le_bytes([e, f, g, h]) as usize, 0);
            reader.read_exact(&mut bytes)?;
            let broken = || io::Error::from(io::ErrorKind::InvalidData);
            let sample = serde_json::from_slice(bytes.get(..n_json).ok_or_else(broken)?)?;
            let times = read_times(&mut bytes.get(n_json..).ok_or_else(broken)?);
            visit(sample, times.ok_or_else(broken)?);
        }
        self.file.seek(SeekFrom::End(0))?;
        Ok(())
    }

    /// Copies the log to `path`, for a point that has too many requests for its record.
    ///
    /// # Errors
    /// When the file can't be written.
    pub fn save(&mut self, path: &Path) -> io::Result<()> {
        self.file.flush()?;
        self.file.seek(SeekFrom::Start(0))?;
        io::copy(self.file.get_mut(), &mut File::create_new(path)?)?;
        self.file.seek(SeekFrom::End(0))?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_come_back_in_order_and_more_can_follow() {
        let mut log = RequestLog::new().unwrap();
        let sample = |n: u64| RequestSample { due_ns: Nanos(n), ..Default::default() };
        log.push(&sample(1), &[Nanos(5), Nanos(9)]).unwrap();
        log.push(&sample(2), &[]).unwrap();
        for n in 2..4 {
            let mut seen = Vec::new();
            log.each(&mut |sample, times| seen.push((sample.due_ns.0, times.len()))).unwrap();
            assert_eq!(seen.len(), n);
            assert_eq!(seen[..2], [(1, 2), (2, 0)]);
            log.push(&sample(3), &[Nanos(1)]).unwrap();
        }
        assert_eq!((log.n_requests(), log.n_events()), (4, 4));
    }
}
