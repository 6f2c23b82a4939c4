//! A web server on 127.0.0.1 that behaves as badly as a test asks, and what the tests
//! need around it.
#![allow(dead_code, reason = "each test file uses its own share")]

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use sha2::{Digest, Sha256};
use tokmark_hub::{Hub, HubOptions, Outside, Progress, ProxyChoice, Source};
use tokmark_model::Bytes;

/// One request as the server saw it.
#[derive(Debug, Clone)]
pub struct Request {
    /// How many came before it.
    pub number: usize,
    /// With its query. A proxy sees the whole address here.
    pub target: String,
    /// Names in lower case.
    pub headers: BTreeMap<String, String>,
}

impl Request {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(String::as_str)
    }

    /// N of `Range: bytes=N-`.
    pub fn offset(&self) -> Option<usize> {
        self.header("range")?.strip_prefix("bytes=")?.strip_suffix('-')?.parse().ok()
    }
}

/// What the server sends back.
#[derive(Debug, Clone)]
pub struct Reply {
    pub status: u16,
    pub headers: Vec<(&'static str, String)>,
    pub body: Vec<u8>,
    /// Close the connection after so many bytes of the body.
    pub cut_after: Option<usize>,
    /// Send no length.
    pub hide_length: bool,
    /// Send in chunks, which need no length.
    pub chunked: bool,
}

impl Reply {
    pub fn new(status: u16, body: impl Into<Vec<u8>>) -> Reply {
        Reply {
            status,
            headers: Vec::new(),
            body: body.into(),
            cut_after: None,
            hide_length: false,
            chunked: false,
        }
    }

    pub fn with(mut self, name: &'static str, value: impl Into<String>) -> Reply {
        self.headers.push((name, value.into()));
        self
    }

    pub fn cut_after(mut self, count: usize) -> Reply {
        self.cut_after = Some(count);
        self
    }

    /// A well-behaved file: ranges, `If-Range`, ETag.
    pub fn file(request: &Request, content: &[u8], etag: &str) -> Reply {
        let etag = format!("\"{etag}\"");
        let is_same = request.header("if-range").is_none_or(|wanted| wanted == etag);
        let reply = match request.offset().filter(|_| is_same) {
            Some(offset) if offset >= content.len() => {
                Reply::new(416, "").with("Content-Range", format!("bytes */{}", content.len()))
            }
            Some(offset) => {
                let range = format!("bytes {offset}-{}/{}", content.len() - 1, content.len());
                Reply::new(206, &content[offset..]).with("Content-Range", range)
            }
            None => Reply::new(200, content),
        };
        reply.with("ETag", etag)
    }

    /// The whole file whatever was asked for.
    pub fn whole(content: &[u8]) -> Reply {
        Reply::new(200, content)
    }

    fn send(&self, stream: &mut TcpStream) -> std::io::Result<()> {
        let mut head = format!("HTTP/1.1 {} X\r\nConnection: close\r\n", self.status);
        if self.chunked {
            head.push_str("Transfer-Encoding: chunked\r\n");
        } else if !self.hide_length {
            head.push_str(&format!("Content-Length: {}\r\n", self.body.len()));
        }
        for (name, value) in &self.headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        stream.write_all(format!("{head}\r\n").as_bytes())?;
        let body = &self.body[..self.cut_after.unwrap_or(self.body.len())];
        if !self.chunked {
            return stream.write_all(body);
        }
        for chunk in body.chunks(1_000) {
            stream.write_all(format!("{:x}\r\n", chunk.len()).as_bytes())?;
            stream.write_all(chunk)?;
            stream.write_all(b"\r\n")?;
        }
        match self.cut_after {
            Some(_) => Ok(()),
            None => stream.write_all(b"0\r\n\r\n"),
        }
    }
}

/// Runs until dropped.
pub struct Server {
    port: u16,
    requests: Arc<Mutex<Vec<Request>>>,
    is_over: Arc<AtomicBool>,
}

impl Server {
    pub fn start(answer: impl Fn(&Request) -> Reply + Send + Sync + 'static) -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let server = Server {
            port: listener.local_addr().unwrap().port(),
            requests: Arc::default(),
            is_over: Arc::default(),
        };
        let (requests, is_over) = (server.requests.clone(), server.is_over.clone());
        let answer = Arc::new(answer);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                if is_over.load(Ordering::SeqCst) {
                    return;
                }
                let (requests, answer) = (requests.clone(), answer.clone());
                std::thread::spawn(move || serve(stream.unwrap(), &requests, &*answer));
            }
        });
        server
    }

    pub fn address(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    pub fn url(&self, path: &str) -> Source {
        Source::parse(&format!("{}/{path}", self.address())).unwrap()
    }

    pub fn requests(&self) -> Vec<Request> {
        self.requests.lock().unwrap().clone()
    }

    /// The offset of each request, in order.
    pub fn offsets(&self) -> Vec<Option<usize>> {
        self.requests().iter().map(Request::offset).collect()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect(("127.0.0.1", self.port));
    }
}

fn serve(
    mut stream: TcpStream,
    requests: &Mutex<Vec<Request>>,
    answer: &dyn Fn(&Request) -> Reply,
) {
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    let mut lines = BufReader::new(stream.try_clone().unwrap()).lines();
    let Some(Ok(first)) = lines.next() else {
        return;
    };
    let mut headers = BTreeMap::new();
    while let Some(Ok(line)) = lines.next() {
        let Some((name, value)) = line.split_once(':') else {
            break;
        };
        headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
    }
    let request = {
        let mut requests = requests.lock().unwrap();
        let request = Request {
            number: requests.len(),
            target: first.split(' ').nth(1).unwrap_or_default().to_owned(),
            headers,
        };
        requests.push(request.clone());
        request
    };
    // The client may have gone, which is its right.
    let _ = answer(&request).send(&mut stream);
}

/// A "model" of `size` bytes whose content depends on `seed`.
pub fn model(size: usize, seed: u32) -> Vec<u8> {
    let mut state = seed.wrapping_mul(2_654_435_761).wrapping_add(1);
    let mut content = b"GGUF".to_vec();
    while content.len() < size {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        content.extend_from_slice(&state.to_le_bytes());
    }
    content.truncate(size);
    content
}

pub fn sha256(content: &[u8]) -> String {
    format!("{:x}", Sha256::digest(content))
}

/// What the hub slept, without sleeping.
pub type Slept = Arc<Mutex<Vec<Duration>>>;

/// A hub on `folder` that talks to nobody but the given endpoint and never sleeps.
pub fn options(folder: &Path) -> (HubOptions, Slept) {
    let slept = Slept::default();
    let log = slept.clone();
    let outside = Outside {
        sleep: Arc::new(move |time| {
            log.lock().unwrap().push(time);
            std::thread::yield_now();
        }),
        ..Outside::default()
    };
    let options = HubOptions {
        cache_dir: Some(folder.join("cache")),
        hf_endpoint: Some("http://127.0.0.1:9".to_owned()),
        proxy: ProxyChoice::Direct,
        outside,
        ..HubOptions::default()
    };
    (options, slept)
}

pub fn hub(folder: &Path) -> Hub {
    Hub::open(options(folder).0).unwrap()
}

/// What a caller was told.
#[derive(Debug, Default)]
pub struct Told {
    pub started: Vec<(String, Option<u64>)>,
    pub advanced: u64,
    pub waiting: Vec<String>,
    pub done: usize,
    /// Stop after so many bytes.
    pub stop_after: Option<u64>,
}

impl Progress for Told {
    fn started(&mut self, name: &str, total: Option<Bytes>) {
        self.started.push((name.to_owned(), total.map(Bytes::get)));
        self.advanced = 0;
    }

    fn advanced(&mut self, bytes: Bytes) {
        self.advanced += bytes.get();
    }

    fn waiting(&mut self, text: &str) {
        self.waiting.push(text.to_owned());
    }

    fn done(&mut self) {
        self.done += 1;
    }

    fn cancelled(&self) -> bool {
        self.stop_after.is_some_and(|limit| self.advanced >= limit)
    }
}

/// Every file below the cache whose name ends so.
pub fn files_ending(folder: &Path, ending: &str) -> Vec<std::path::PathBuf> {
    let mut found = Vec::new();
    let mut open = vec![folder.to_owned()];
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(folder).into_iter().flatten() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else if path.to_string_lossy().ends_with(ending) {
                found.push(path);
            }
        }
    }
    found
}
