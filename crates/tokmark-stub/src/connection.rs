//! One connection: bytes that came, and bytes that have to go.

use std::io::{self, Write};
use std::net::Shutdown;

use mio::net::TcpStream;

use crate::clock::monotonic_ns;
use crate::http::MAX_INPUT;
use crate::script::{Next, Piece, Script};
use crate::truth::Summary;

/// Most bytes kept of requests that come while an earlier one is answered.
const MAX_AHEAD: usize = 1 << 20;

/// What became of going on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Progress {
    /// Goes on at this time.
    Wait(u64),
    /// Goes on when the client reads, or never.
    Idle,
    /// The answer is over.
    Over {
        /// The connection is too.
        closes: bool,
    },
    /// The client is gone.
    Lost,
}

/// Where a connection stands with its request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    /// No request is answered.
    Listening,
    /// A request waits for a slot.
    Waiting,
    /// A request is answered.
    Answering,
    /// The last byte was sent; what comes is thrown away until the client closes too.
    Draining,
}

/// Reads without waiting: how many bytes, and how long ago they arrived.
fn read(socket: &mut TcpStream, buffer: &mut [u8]) -> io::Result<(usize, u64)> {
    #[cfg(unix)]
    return socket.try_io(|| {
        let (n, age) = tokmark_run::read_arrived(socket, buffer)?;
        Ok((n, age.as_nanos() as u64))
    });
    #[cfg(not(unix))]
    io::Read::read(socket, buffer).map(|n| (n, 0))
}

/// One connection of a client.
#[derive(Debug)]
pub(crate) struct Connection {
    pub(crate) socket: TcpStream,
    /// Bytes that were read and not yet understood.
    pub(crate) input: Vec<u8>,
    /// When the last of them arrived, by the kernel's stamp where there is one.
    pub(crate) read_at_ns: u64,
    pub(crate) phase: Phase,
    pub(crate) script: Option<Script>,
    /// When the answer before ended; a request that was read earlier begins now.
    pub(crate) free_at_ns: u64,
    /// Bytes that the kernel has not taken yet, and how many of them it has.
    pending: Option<(Piece, usize)>,
    /// `100 Continue` was sent for the request that is coming.
    has_continued: bool,
    /// There may be more to read than was read.
    has_more: bool,
    has_ended: bool,
}

impl Connection {
    /// A new one.
    pub(crate) fn new(socket: TcpStream) -> Self {
        Connection {
            socket,
            input: Vec::new(),
            read_at_ns: 0,
            phase: Phase::Listening,
            script: None,
            free_at_ns: 0,
            pending: None,
            has_continued: false,
            has_more: true,
            has_ended: false,
        }
    }

    /// Reads what is there, as far as it is kept.
    pub(crate) fn fill(&mut self, buffer: &mut [u8]) {
        let most = if self.phase == Phase::Listening { MAX_INPUT } else { MAX_AHEAD };
        let mut n_thrown_away = 0;
        let mut arrived_ns = 0;
        self.has_more = true;
        while !self.has_ended && self.input.len() < most {
            match read(&mut self.socket, buffer).map(|(n, age_ns)| {
                arrived_ns = monotonic_ns().saturating_sub(age_ns);
                n
            }) {
                Ok(0) => self.has_ended = true,
                Ok(n) if self.phase == Phase::Draining => {
                    n_thrown_away += n;
                    // A client that does not stop is left to the kernel.
                    self.has_ended = n_thrown_away > MAX_INPUT;
                }
                Ok(n) => {
                    self.input.extend_from_slice(&buffer[..n]);
                    self.read_at_ns = arrived_ns;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.has_more = false;
                    return;
                }
                Err(_) => self.has_ended = true,
            }
        }
    }

    /// Whether reading again may bring something that no event will tell of.
    pub(crate) fn has_more(&self) -> bool {
        self.has_more && !self.has_ended
    }

    /// Whether the client closed its side.
    pub(crate) fn has_ended(&self) -> bool {
        self.has_ended
    }

    /// Takes the first `n` bytes of the input away.
    pub(crate) fn consume(&mut self, n: usize) {
        if n >= self.input.len() {
            // Ten thousand idle connections should hold no memory.
            self.input = Vec::new();
        } else {
            self.input.drain(..n);
        }
        self.has_continued = false;
    }

    /// Asks the client for the body, once for each request.
    pub(crate) fn ask_for_body(&mut self) {
        if !std::mem::replace(&mut self.has_continued, true) {
            // A client that gets no such answer sends the body after a while all the same.
            let _ = self.socket.write(b"HTTP/1.1 100 Continue\r\n\r\n");
        }
    }

    /// Sends no more and throws away what comes, so that the client reads everything that was
    /// sent: closing with unread input would make the kernel reset the connection.
    pub(crate) fn drain(&mut self) {
        self.phase = Phase::Draining;
        self.input = Vec::new();
        let _ = self.socket.shutdown(Shutdown::Write);
    }

    /// Does what is due at `now_ns` and all that becomes due meanwhile.
    #[inline]
    pub(crate) fn go_on(&mut self, mut now_ns: u64, sums: &mut Summary) -> Progress {
        let Some(script) = self.script.as_mut() else { return Progress::Idle };
        loop {
            if self.pending.is_none() {
                match script.next(now_ns) {
                    Next::Wait(at_ns) => return Progress::Wait(at_ns),
                    Next::Write(piece) => self.pending = Some((piece, 0)),
                    Next::Park => return Progress::Idle,
                    Next::Over { closes } => return Progress::Over { closes },
                }
            }
            match send(&mut self.socket, script, &mut self.pending) {
                Ok(true) => {
                    now_ns = monotonic_ns();
                    script.written(now_ns, sums);
                }
                Ok(false) => return Progress::Idle,
                Err(_) => return Progress::Lost,
            }
        }
    }

    /// Whether the kernel has not taken everything yet.
    pub(crate) fn is_blocked(&self) -> bool {
        self.pending.is_some()
    }
}

/// Hands pending bytes to the kernel; true when it has all of them.
#[inline]
fn send(
    socket: &mut impl Write,
    script: &Script,
    pending: &mut Option<(Piece, usize)>,
) -> io::Result<bool> {
    let Some((piece, sent)) = pending else { return Ok(true) };
    let is_sent = hand_over(socket, script.bytes(piece), sent, script.splits_bytes())?;
    if is_sent {
        *pending = None;
    }
    Ok(is_sent)
}

/// Writes `bytes` from `sent` on, which moves along; false where the writer takes no more now.
#[inline]
fn hand_over(
    writer: &mut impl Write,
    bytes: &[u8],
    sent: &mut usize,
    is_one_by_one: bool,
) -> io::Result<bool> {
    while let Some(rest) = bytes.get(*sent..).filter(|rest| !rest.is_empty()) {
        let part = if is_one_by_one { &rest[..1] } else { rest };
        match writer.write(part) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(n) => *sent += n,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Takes at most so many bytes of each write, and nothing of every third.
    struct Reluctant {
        most: usize,
        n_calls: usize,
        writes: Vec<Vec<u8>>,
    }

    impl Write for Reluctant {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.n_calls += 1;
            if self.n_calls.is_multiple_of(3) {
                return Err(io::ErrorKind::WouldBlock.into());
            }
            let taken = &bytes[..bytes.len().min(self.most)];
            self.writes.push(taken.to_vec());
            Ok(taken.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn written(most: usize, is_one_by_one: bool) -> (Vec<Vec<u8>>, usize) {
        let mut writer = Reluctant { most, n_calls: 0, writes: Vec::new() };
        let (mut sent, mut n_pauses) = (0, 0);
        while !hand_over(&mut writer, b"abcdefgh", &mut sent, is_one_by_one).unwrap() {
            n_pauses += 1;
        }
        (writer.writes, n_pauses)
    }

    #[test]
    fn bytes_go_on_where_the_kernel_stopped_taking_them() {
        let (writes, n_pauses) = written(3, false);
        assert_eq!(writes, [b"abc".as_slice(), b"def", b"gh"]);
        assert_eq!(n_pauses, 1);
    }

    #[test]
    fn bytes_go_one_by_one_where_told() {
        let (writes, _) = written(usize::MAX, true);
        assert_eq!(writes.len(), 8);
        assert_eq!(writes.concat(), b"abcdefgh");
    }
}
