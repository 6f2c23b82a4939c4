//! An HTTP server that answers as a closure says, one request a connection.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use serde_json::{Value, json};

/// What was asked.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    /// `POST /path`.
    pub(crate) line: String,
    pub(crate) headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Asked {
    pub(crate) fn path(&self) -> &str {
        self.line.split(' ').nth(1).unwrap()
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_str())
    }

    /// The body, unpacked where it is packed.
    pub(crate) fn json(&self) -> Value {
        let mut text = Vec::new();
        match self.header("content-encoding") {
            Some("gzip") => {
                flate2::read::GzDecoder::new(&*self.body).read_to_end(&mut text).unwrap();
            }
            _ => text.clone_from(&self.body),
        }
        serde_json::from_slice(&text).unwrap()
    }

    /// Names of the records in the body.
    pub(crate) fn ids(&self) -> Vec<String> {
        let records = self.json();
        let id = |record: &Value| record["id"].as_str().unwrap().to_owned();
        records.as_array().unwrap().iter().map(id).collect()
    }
}

/// What is answered.
#[derive(Debug, Clone)]
pub(crate) enum Reply {
    Json(u16, Value),
    /// Status, headers, each with its end of line, and body.
    Raw(u16, String, Vec<u8>),
    /// The connection ends instead.
    HangUp,
}

impl Reply {
    /// The server's way to complain.
    pub(crate) fn complaint(status: u16, code: &str, message: &str) -> Self {
        Reply::Json(status, json!({ "error": { "code": code, "message": message } }))
    }
}

pub(crate) struct Server {
    address: SocketAddr,
    asked: Arc<Mutex<Vec<Asked>>>,
    is_over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    pub(crate) fn new(answer: impl FnMut(&Asked) -> Reply + Send + 'static) -> Self {
        Self::limited(usize::MAX, answer)
    }

    /// Answers the head of a request whose body is longer than `limit` with 413, and reads no
    /// body.
    pub(crate) fn limited(
        limit: usize,
        mut answer: impl FnMut(&Asked) -> Reply + Send + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let is_over = Arc::new(AtomicBool::new(false));
        let thread = std::thread::spawn({
            let (asked, is_over) = (Arc::clone(&asked), Arc::clone(&is_over));
            move || {
                for stream in listener.incoming() {
                    if is_over.load(Ordering::SeqCst) {
                        return;
                    }
                    serve(&stream.unwrap(), limit, &asked, &mut answer);
                }
            }
        });
        Server { address, asked, is_over, thread: Some(thread) }
    }

    pub(crate) fn address(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Everything that was asked so far.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::SeqCst);
        drop(TcpStream::connect(self.address));
        let ended = self.thread.take().unwrap().join();
        assert!(ended.is_ok() || std::thread::panicking(), "the server's closure panicked");
    }
}

fn serve(
    stream: &TcpStream,
    limit: usize,
    asked: &Mutex<Vec<Asked>>,
    answer: &mut dyn FnMut(&Asked) -> Reply,
) {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    if reader.read_line(&mut line).unwrap_or(0) == 0 {
        return;
    }
    let mut request = Asked { line: line.trim().to_owned(), headers: Vec::new(), body: Vec::new() };
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        let Some((name, value)) = line.trim().split_once(": ") else { break };
        request.headers.push((name.to_ascii_lowercase(), value.to_owned()));
    }
    let length: usize = request.header("content-length").map_or(0, |n| n.parse().unwrap());
    let reply = if length > limit {
        Reply::Raw(413, String::new(), b"<html>too large".to_vec())
    } else {
        if request.header("expect").is_some() {
            let mut stream = stream;
            stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").unwrap();
        }
        request.body.resize(length, 0);
        reader.read_exact(&mut request.body).unwrap();
        answer(&request)
    };
    asked.lock().unwrap().push(request);
    let (status, headers, body) = match reply {
        Reply::HangUp => return,
        Reply::Json(status, value) => (status, String::new(), value.to_string().into_bytes()),
        Reply::Raw(status, headers, body) => (status, headers, body),
    };
    let mut stream = stream;
    let n = body.len();
    let head =
        format!("HTTP/1.1 {status} X\r\n{headers}content-length: {n}\r\nconnection: close\r\n\r\n");
    // A client that had enough may be gone.
    let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(&body));
}

/// Takes records as the true server does: all of a body or none.
#[derive(Debug, Clone, Default)]
pub(crate) struct Taken {
    /// Records that it has, in the order of their coming.
    pub(crate) ids: Vec<String>,
    /// Records that it will not have.
    pub(crate) unwanted: BTreeSet<String>,
    /// Whether it names the record when it refuses.
    pub(crate) names_it: bool,
    /// Most records in a body.
    pub(crate) most: Option<usize>,
}

impl Taken {
    pub(crate) fn answer(&mut self, asked: &Asked) -> Reply {
        let ids = asked.ids();
        if self.most.is_some_and(|most| ids.len() > most) {
            return Reply::complaint(413, "too_large", "at most so many");
        }
        if let Some(id) = ids.iter().find(|id| self.unwanted.contains(*id)) {
            let record = if self.names_it { json!(id) } else { Value::Null };
            let error = json!({
                "code": "summary_differs",
                "message": "rate is 1 of 2",
                "field": "summary.rate",
                "record": record,
            });
            return Reply::Json(422, json!({ "error": error }));
        }
        let (known, new): (Vec<String>, Vec<String>) =
            ids.iter().cloned().partition(|id| self.ids.contains(id));
        let counts = json!({ "n_new": new.len(), "n_known": known.len(), "ids": ids });
        self.ids.extend(new);
        Reply::Json(200, counts)
    }
}
