//! One HTTP/1.1 connection, read by the task that wants the answer: between the kernel and the
//! time stamp stands no other task, no queue and no copy.

use std::future::poll_fn;
use std::io;
use std::task::Poll;
use std::time::Instant;

use tokio::io::{AsyncReadExt, AsyncWriteExt, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokmark_model::RequestError;

use crate::receive::{enable_stamps, receive};
use crate::target::Target;
use crate::tls_reason::tls_reason;

/// Bytes read at once to begin with; 10,000 streams are to fit in memory.
const SMALL_BUFFER: usize = 2 * 1024;
/// Bytes read at once from a stream that brings that much.
const LARGE_BUFFER: usize = 64 * 1024;
/// Longest head of an answer.
const MAX_HEAD: usize = 64 * 1024;
/// Headers of an answer.
const MAX_HEADERS: usize = 100;

enum Stream {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

/// What follows the head of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Body {
    /// So many bytes are still to come.
    Known(u64),
    /// A chunk's size line comes next.
    ChunkSize,
    /// So many bytes of a chunk are still to come, then the end of its line.
    Chunk(u64),
    /// The line end after a chunk.
    ChunkEnd,
    /// Lines after the last chunk, up to an empty one.
    Trailers,
    /// All until the server closes.
    UntilClose,
    /// Nothing more.
    Over,
}

/// Head of an answer.
#[derive(Debug, Clone, Default)]
pub(crate) struct Head {
    pub(crate) status: u16,
    /// Names in lower case.
    pub(crate) headers: Vec<(String, String)>,
}

impl Head {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str())
    }
}

/// Why an exchange broke off.
#[derive(Debug)]
pub(crate) enum Broken {
    /// It could not be connected.
    Connect,
    /// The TLS handshake failed, and why.
    Tls(String),
    /// It ended where it must not.
    Closed,
    /// It is not HTTP.
    NoHttp,
}

impl Broken {
    pub(crate) fn kind(&self) -> RequestError {
        match self {
            Broken::Connect => RequestError::Connect,
            Broken::Tls(_) => RequestError::Tls,
            Broken::Closed => RequestError::BrokenStream,
            Broken::NoHttp => RequestError::Malformed,
        }
    }
}

/// An open connection.
pub(crate) struct Connection {
    stream: Stream,
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    body: Body,
    keep_alive: bool,
    /// When the last bytes arrived.
    pub(crate) arrived: Instant,
}

impl Connection {
    /// Connects to the first address that answers.
    pub(crate) async fn open(target: &Target) -> Result<Self, Broken> {
        let mut stream = None;
        for address in &target.addresses {
            if let Ok(open) = TcpStream::connect(address).await {
                stream = Some(open);
                break;
            }
        }
        let stream = stream.ok_or(Broken::Connect)?;
        // A request is one write; waiting for more would only delay it.
        let _ = stream.set_nodelay(true);
        if target.tls.is_none() {
            enable_stamps(&stream);
        }
        let stream = match &target.tls {
            None => Stream::Plain(stream),
            Some((config, name)) => {
                let connector = TlsConnector::from(config.clone());
                let tls = connector.connect(name.clone(), stream).await;
                Stream::Tls(Box::new(tls.map_err(|error| Broken::Tls(tls_reason(&error)))?))
            }
        };
        Ok(Connection {
            stream,
            buffer: vec![0; SMALL_BUFFER],
            start: 0,
            end: 0,
            body: Body::Over,
            keep_alive: true,
            arrived: Instant::now(),
        })
    }

    /// Whether another request may follow.
    pub(crate) fn is_reusable(&self) -> bool {
        self.keep_alive && self.body == Body::Over && self.start == self.end
    }

    /// Whether, as far as is known here, the server has ended it while it waited, or has spoken
    /// without being asked.
    pub(crate) async fn has_ended(&self) -> bool {
        let (stream, is_plain) = match &self.stream {
            Stream::Plain(stream) => (stream, true),
            // Between requests TLS has things of its own to say.
            Stream::Tls(stream) => (stream.get_ref().0, false),
        };
        let mut byte = [0];
        poll_fn(|context| {
            Poll::Ready(match stream.poll_peek(context, &mut ReadBuf::new(&mut byte)) {
                Poll::Pending => false,
                Poll::Ready(Ok(0) | Err(_)) => true,
                Poll::Ready(Ok(_)) => is_plain,
            })
        })
        .await
    }

    /// Sends a whole request; the moment before its first byte went to the kernel.
    pub(crate) async fn send(&mut self, bytes: &[u8]) -> io::Result<Instant> {
        let sent = Instant::now();
        match &mut self.stream {
            Stream::Plain(stream) => stream.write_all(bytes).await?,
            Stream::Tls(stream) => {
                stream.write_all(bytes).await?;
                stream.flush().await?;
            }
        }
        Ok(sent)
    }

    /// Reads more bytes behind those that are there; how many.
    async fn fill(&mut self) -> io::Result<usize> {
        if self.start == self.end {
            (self.start, self.end) = (0, 0);
        } else if self.end == self.buffer.len() && self.start > 0 {
            self.buffer.copy_within(self.start..self.end, 0);
            (self.start, self.end) = (0, self.end - self.start);
        }
        if self.end == self.buffer.len() {
            self.buffer.resize(self.buffer.len() * 2, 0);
        }
        let room = &mut self.buffer[self.end..];
        let n = match &mut self.stream {
            Stream::Plain(stream) => {
                let (n, arrived) = receive(stream, room).await?;
                self.arrived = arrived;
                n
            }
            Stream::Tls(stream) => {
                let n = stream.read(room).await?;
                self.arrived = Instant::now();
                n
            }
        };
        self.end += n;
        Ok(n)
    }

    /// Reads up to the end of the answer's head; informational answers are passed over.
    pub(crate) async fn head(&mut self, head_only: bool) -> Result<Head, Broken> {
        loop {
            if let Some(head) = self.parse_head(head_only)? {
                return Ok(head);
            }
            if self.end - self.start > MAX_HEAD {
                return Err(Broken::NoHttp);
            }
            match self.fill().await {
                Ok(n) if n > 0 => {}
                _ => return Err(Broken::Closed),
            }
        }
    }

    fn parse_head(&mut self, head_only: bool) -> Result<Option<Head>, Broken> {
        loop {
            let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
            let mut answer = httparse::Response::new(&mut headers);
            let length = match answer.parse(&self.buffer[self.start..self.end]) {
                Ok(httparse::Status::Complete(length)) => length,
                Ok(httparse::Status::Partial) => return Ok(None),
                Err(_) => return Err(Broken::NoHttp),
            };
            let status = answer.code.ok_or(Broken::NoHttp)?;
            let version = answer.version;
            let text = |value: &[u8]| String::from_utf8_lossy(value).trim().to_owned();
            let headers: Vec<(String, String)> = answer
                .headers
                .iter()
                .map(|header| (header.name.to_ascii_lowercase(), text(header.value)))
                .collect();
            self.start += length;
            if (100..200).contains(&status) && status != 101 {
                continue;
            }
            let head = Head { status, headers };
            self.body = body_of(&head, head_only)?;
            let connection = head.header("connection").unwrap_or_default().to_ascii_lowercase();
            self.keep_alive = match version {
                Some(0) => connection.contains("keep-alive"),
                _ => !connection.contains("close"),
            } && self.body != Body::UntilClose;
            return Ok(Some(head));
        }
    }

    /// The next bytes of the body and when they arrived, with no more than one read that
    /// brings any; `None` at its end.
    pub(crate) async fn piece(&mut self) -> Result<Option<(&[u8], Instant)>, Broken> {
        loop {
            let ready = &self.buffer[self.start..self.end];
            match self.body {
                Body::Over => return Ok(None),
                Body::Known(0) => self.body = Body::Over,
                Body::Chunk(0) => self.body = Body::ChunkEnd,
                Body::Known(left) | Body::Chunk(left) if !ready.is_empty() => {
                    let n = ready.len().min(usize::try_from(left).unwrap_or(usize::MAX));
                    let left = left - n as u64;
                    self.body = match self.body {
                        Body::Known(_) => Body::Known(left),
                        _ => Body::Chunk(left),
                    };
                    return Ok(Some(self.take(n)));
                }
                Body::UntilClose if !ready.is_empty() => {
                    let n = ready.len();
                    return Ok(Some(self.take(n)));
                }
                Body::ChunkSize | Body::ChunkEnd | Body::Trailers => {
                    if !self.parse_line()? {
                        self.fill_or_close().await?;
                    }
                }
                Body::UntilClose => {
                    if self.fill().await.map_err(|_| Broken::Closed)? == 0 {
                        self.body = Body::Over;
                    }
                }
                Body::Known(_) | Body::Chunk(_) => self.fill_or_close().await?,
            }
        }
    }

    async fn fill_or_close(&mut self) -> Result<(), Broken> {
        if self.end - self.start > MAX_HEAD {
            return Err(Broken::NoHttp);
        }
        // What filled the buffer in one read has more behind it.
        if self.start == self.end && self.end == self.buffer.len() {
            let larger = (self.buffer.len() * 2).min(LARGE_BUFFER);
            self.buffer.resize(larger.max(self.buffer.len()), 0);
        }
        match self.fill().await {
            Ok(n) if n > 0 => Ok(()),
            _ => Err(Broken::Closed),
        }
    }

    fn take(&mut self, n: usize) -> (&[u8], Instant) {
        self.start += n;
        (&self.buffer[self.start - n..self.start], self.arrived)
    }

    /// Takes one line of the chunked coding, if it is there whole.
    fn parse_line(&mut self) -> Result<bool, Broken> {
        let ready = &self.buffer[self.start..self.end];
        let Some(length) = ready.iter().position(|&byte| byte == b'\n') else {
            return Ok(false);
        };
        let line = ready[..length].trim_ascii();
        self.body = match self.body {
            Body::ChunkSize => {
                let size = line.split(|&byte| byte == b';').next().unwrap_or_default();
                let size = std::str::from_utf8(size.trim_ascii()).map_err(|_| Broken::NoHttp)?;
                let is_hex = !size.is_empty() && size.bytes().all(|b| b.is_ascii_hexdigit());
                let n = u64::from_str_radix(size, 16).ok().filter(|_| is_hex);
                match n.ok_or(Broken::NoHttp)? {
                    0 => Body::Trailers,
                    n => Body::Chunk(n),
                }
            }
            Body::ChunkEnd if line.is_empty() => Body::ChunkSize,
            Body::ChunkEnd => return Err(Broken::NoHttp),
            _ if line.is_empty() => Body::Over,
            other => other,
        };
        self.start += length + 1;
        Ok(true)
    }
}

/// How the body of an answer is delimited, RFC 9112 section 6.3.
fn body_of(head: &Head, head_only: bool) -> Result<Body, Broken> {
    if head_only || matches!(head.status, 204 | 304) {
        return Ok(Body::Over);
    }
    let coding = head.header("transfer-encoding").unwrap_or_default().to_ascii_lowercase();
    if coding.split(',').next_back().is_some_and(|last| last.trim() == "chunked") {
        return Ok(Body::ChunkSize);
    }
    match head.header("content-length") {
        Some(length) => length.parse().map(Body::Known).map_err(|_| Broken::NoHttp),
        None => Ok(Body::UntilClose),
    }
}
