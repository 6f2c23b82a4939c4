//! A server that answers byte by byte as a test wants.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};

/// The head of an answer with these lines, and its body.
pub fn answer(status: &str, head: &str, body: &str) -> String {
    format!("HTTP/1.1 {status}\r\n{head}content-length: {}\r\n\r\n{body}", body.len())
}

/// Reads one request whole; its head, or `None` at the end of the connection.
fn read_request(stream: &mut TcpStream) -> Option<String> {
    let mut bytes = Vec::new();
    let mut byte = [0];
    while !bytes.ends_with(b"\r\n\r\n") {
        if stream.read(&mut byte).ok()? == 0 {
            return None;
        }
        bytes.push(byte[0]);
    }
    let head = String::from_utf8(bytes).unwrap();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
    let mut body = vec![0; length.map_or(0, |length| length.trim().parse().unwrap())];
    stream.read_exact(&mut body).ok()?;
    Some(head)
}

/// At the end of an answer: the server closes the connection after it.
pub const CLOSE: &str = "\0";

/// A server that gives `answer(n, head)` to each request, `n` the POSTs before it on its
/// connection, and then leaves the connection open but after [`CLOSE`].
pub fn serve(answer: impl Fn(usize, &str) -> String + Clone + Send + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for mut stream in listener.incoming().map(Result::unwrap) {
            let answer = answer.clone();
            std::thread::spawn(move || {
                let mut n_posts = 0;
                while let Some(head) = read_request(&mut stream) {
                    let bytes = answer(n_posts, &head);
                    n_posts += usize::from(head.starts_with("POST"));
                    let said = bytes.strip_suffix(CLOSE);
                    let sent = stream.write_all(said.unwrap_or(&bytes).as_bytes());
                    if sent.is_err() || said.is_some() {
                        return;
                    }
                }
            });
        }
    });
    url
}
