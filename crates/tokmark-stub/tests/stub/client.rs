//! A blocking HTTP client that hides nothing.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::Duration;

use serde_json::{Value, json};
use tokmark_stub::{Options, Running, Stub, Summary};

/// Words that make an answer come at once.
pub const FAST: &str = "ttft-ms=0 itl-ms=0";
/// A read that takes this long has failed.
const PATIENCE: Duration = Duration::from_secs(20);

/// A server whose answers come at once, changed by `words`.
pub fn stub(words: &str) -> Running {
    stub_of(Options::default(), words)
}

/// The same with other options.
pub fn stub_of(mut options: Options, words: &str) -> Running {
    options.behaviour.apply(FAST).unwrap();
    options.behaviour.apply(words).unwrap();
    Stub::start(options).unwrap()
}

/// A connection.
pub struct Client {
    pub socket: TcpStream,
    unread: Vec<u8>,
}

/// A response, as far as it came.
#[derive(Debug)]
pub struct Response {
    pub status: u16,
    /// All of the head, in lower case.
    pub head: String,
    /// The chunks; the whole body where there are none.
    pub chunks: Vec<Vec<u8>>,
    /// The body came to its end.
    pub is_whole: bool,
}

impl Response {
    pub fn body(&self) -> Vec<u8> {
        self.chunks.concat()
    }

    pub fn text(&self) -> String {
        String::from_utf8(self.body()).unwrap()
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body()).unwrap_or_else(|_| panic!("{self:?}"))
    }

    /// The data of all server-sent events.
    pub fn data(&self) -> Vec<String> {
        let text = self.text().replace("\r\n", "\n");
        let data = text.split("\n\n").filter_map(|event| event.strip_prefix("data: "));
        data.map(str::to_owned).collect()
    }

    /// The JSON of all server-sent events, or of all lines of Ollama.
    pub fn events(&self) -> Vec<Value> {
        if self.head.contains("x-ndjson") {
            return self.text().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        }
        let data = self.data().into_iter().filter(|data| data != "[DONE]");
        data.map(|data| serde_json::from_str(&data).unwrap()).collect()
    }

    /// What `field` of the deltas says, event by event, empty ones left out.
    pub fn deltas(&self, field: &str) -> Vec<String> {
        let events = self.events();
        let deltas = events.iter().map(|event| &event["choices"][0]["delta"][field]);
        let texts = deltas.filter_map(Value::as_str).filter(|text| !text.is_empty());
        texts.map(str::to_owned).collect()
    }

    pub fn finish_reasons(&self) -> Vec<String> {
        let events = self.events();
        let reasons = events.iter().map(|event| &event["choices"][0]["finish_reason"]);
        reasons.filter_map(Value::as_str).map(str::to_owned).collect()
    }

    pub fn usages(&self) -> Vec<Value> {
        let events = self.events().into_iter();
        events.map(|event| event["usage"].clone()).filter(|usage| !usage.is_null()).collect()
    }
}

impl Client {
    pub fn connect(address: SocketAddr) -> Self {
        let socket = TcpStream::connect(address).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        socket.set_nodelay(true).unwrap();
        Client { socket, unread: Vec::new() }
    }

    pub fn send(&mut self, bytes: &[u8]) {
        self.socket.write_all(bytes).unwrap();
    }

    pub fn request(&mut self, request: &[u8]) -> Response {
        self.send(request);
        self.response()
    }

    pub fn response(&mut self) -> Response {
        let head = self.take_until(b"\r\n\r\n").expect("a whole head");
        let head = String::from_utf8(head).unwrap().to_lowercase();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
        let (chunks, is_whole) = if head.contains("transfer-encoding: chunked") {
            self.chunks()
        } else if let Some(length) = length {
            let length = length.parse().unwrap();
            match self.take(length) {
                Some(body) => (vec![body], true),
                None => (vec![std::mem::take(&mut self.unread)], false),
            }
        } else {
            (vec![self.read_to_close()], true)
        };
        Response { status, head, chunks, is_whole }
    }

    /// Everything until the server closes.
    pub fn read_to_close(&mut self) -> Vec<u8> {
        while self.read() {}
        std::mem::take(&mut self.unread)
    }

    fn chunks(&mut self) -> (Vec<Vec<u8>>, bool) {
        let mut chunks = Vec::new();
        loop {
            let Some(line) = self.take_until(b"\r\n") else { return (chunks, false) };
            let line = String::from_utf8(line).unwrap();
            let size = usize::from_str_radix(line.trim(), 16).unwrap();
            let Some(mut chunk) = self.take(size + 2) else {
                chunks.push(std::mem::take(&mut self.unread));
                return (chunks, false);
            };
            assert!(chunk.ends_with(b"\r\n"));
            if size == 0 {
                return (chunks, true);
            }
            chunk.truncate(size);
            chunks.push(chunk);
        }
    }

    fn take_until(&mut self, end: &[u8]) -> Option<Vec<u8>> {
        let mut from = 0;
        loop {
            let found = self.unread[from..].windows(end.len()).position(|bytes| bytes == end);
            if let Some(place) = found {
                return self.take(from + place + end.len());
            }
            from = self.unread.len().saturating_sub(end.len());
            if !self.read() {
                return None;
            }
        }
    }

    fn take(&mut self, n: usize) -> Option<Vec<u8>> {
        while self.unread.len() < n {
            if !self.read() {
                return None;
            }
        }
        let rest = self.unread.split_off(n);
        Some(std::mem::replace(&mut self.unread, rest))
    }

    fn read(&mut self) -> bool {
        let mut buffer = [0; 65536];
        let n = self.socket.read(&mut buffer).unwrap();
        self.unread.extend_from_slice(&buffer[..n]);
        n > 0
    }
}

/// The bytes of a request.
pub fn post(path: &str, headers: &str, body: &str) -> Vec<u8> {
    let length = body.len();
    format!("POST {path} HTTP/1.1\r\nhost: x\r\n{headers}content-length: {length}\r\n\r\n{body}")
        .into_bytes()
}

/// A streamed chat of `n` tokens that asks for the usage.
pub fn chat(n: u32) -> Value {
    json!({
        "model": "stub", "stream": true, "max_tokens": n,
        "stream_options": {"include_usage": true},
        "messages": [{"role": "user", "content": "name three rivers"}],
    })
}

/// One request on a connection of its own, which is closed before this returns, so that the
/// truth has it.
pub fn ask(stub: &Running, path: &str, words: &str, body: &Value) -> Response {
    ask_with_id(stub, path, words, body, 0)
}

pub fn ask_with_id(stub: &Running, path: &str, words: &str, body: &Value, id: u64) -> Response {
    let headers = format!("connection: close\r\nx-request-id: {id}\r\nx-stub: {words}\r\n");
    let mut client = Client::connect(stub.address());
    let response = client.request(&post(path, &headers, &body.to_string()));
    client.read_to_close();
    response
}

pub fn ask_chat(stub: &Running, words: &str, n: u32) -> Response {
    ask(stub, "/v1/chat/completions", words, &chat(n))
}

pub fn get(stub: &Running, path: &str) -> Response {
    let request = format!("GET {path} HTTP/1.1\r\nhost: x\r\n\r\n");
    Client::connect(stub.address()).request(request.as_bytes())
}

/// Asks for the summary again and again until it is as wanted.
pub fn await_summary(stub: &Running, is_wanted: impl Fn(&Summary) -> bool) -> Summary {
    for _ in 0..100_000 {
        let summary = serde_json::from_slice(&get(stub, "/stub/summary").body()).unwrap();
        if is_wanted(&summary) {
            return summary;
        }
    }
    panic!("never as wanted: {:?}", stub.summary());
}

/// Closes the client's side only.
pub fn close_side(client: &Client) {
    client.socket.shutdown(Shutdown::Write).unwrap();
}
