//! Recorded and hand-made answers, as pieces of a stream or as answers to probes.
#![allow(dead_code)] // each test binary uses a part

use std::fs;
use std::path::{Path, PathBuf};

use tokmark_wire::{
    Assembled, Decoder, Delta, Frame, Frames, Framing, ProbeAnswer, Usage, WireError,
};

/// An HTTP answer.
pub struct Recording {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    /// Chunks of a chunked body, else the body in one.
    pub pieces: Vec<Vec<u8>>,
}

impl Recording {
    /// Reads `tests/fixtures/streams/NAME.http`.
    pub fn of(name: &str) -> Self {
        let bytes = fs::read(folder("streams").join(format!("{name}.http"))).unwrap();
        let at = bytes.windows(4).position(|four| four == b"\r\n\r\n").unwrap();
        let head = String::from_utf8(bytes[..at].to_vec()).unwrap();
        let body = &bytes[at + 4..];
        let mut lines = head.split("\r\n");
        let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
        let pair = |line: &str| line.split_once(": ").map(|(k, v)| (k.to_owned(), v.to_owned()));
        let headers: Vec<_> = lines.filter_map(pair).collect();
        let is_chunked = headers.iter().any(|(key, value)| {
            key.eq_ignore_ascii_case("transfer-encoding") && value == "chunked"
        });
        let pieces = if is_chunked { chunks(body) } else { vec![body.to_vec()] };
        Recording { status, headers, pieces }
    }

    pub fn body(&self) -> Vec<u8> {
        self.pieces.concat()
    }

    /// As the answer to a probe.
    pub fn answer(name: &str, path: &str) -> ProbeAnswer {
        let recording = Recording::of(name);
        let body = recording.body();
        let (status, headers) = (recording.status, recording.headers);
        ProbeAnswer { path: path.to_owned(), status, headers, body }
    }
}

/// A file of `tests/fixtures/handmade`.
pub fn handmade(name: &str) -> Vec<u8> {
    fs::read(folder("handmade").join(name)).unwrap()
}

/// The same as the good answer to a probe.
pub fn handmade_answer(name: &str, path: &str) -> ProbeAnswer {
    ProbeAnswer { path: path.to_owned(), status: 200, headers: Vec::new(), body: handmade(name) }
}

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name)
}

/// Chunks by their CR LF: their sizes are no longer right (see the README there), and no body
/// holds a CR LF.
fn chunks(body: &[u8]) -> Vec<Vec<u8>> {
    let text = String::from_utf8(body.to_vec()).unwrap();
    let mut chunks = Vec::new();
    let mut lines = text.split("\r\n");
    while let (Some(size), Some(chunk)) = (lines.next(), lines.next()) {
        match usize::from_str_radix(size, 16).unwrap() {
            0 => break,
            n => assert!(chunk.len() <= n, "a chunk of {} bytes said {n}", chunk.len()),
        }
        chunks.push(chunk.as_bytes().to_vec());
    }
    chunks
}

/// What became of a stream.
#[derive(Debug, Default, PartialEq)]
pub struct Story {
    pub answer: Assembled,
    pub n_text_events: u32,
    pub n_answer_events: u32,
    pub n_events: u32,
    pub n_done: u32,
    pub n_cut: u32,
    pub finish: Option<String>,
    pub usage: Option<Usage>,
    pub times: Option<tokmark_model::ServerTimes>,
    pub error: Option<String>,
}

impl Story {
    /// Reads a stream in these pieces.
    pub fn read<'a>(
        mut decoder: Decoder,
        framing: Framing,
        pieces: impl IntoIterator<Item = &'a [u8]>,
    ) -> Result<Self, WireError> {
        let mut frames = Frames::new(framing, 1 << 20);
        let mut story = Story::default();
        let mut failure = None;
        let mut each = |frame: Frame<'_>| match frame {
            Frame::Data(event) => match decoder.decode(event) {
                Ok(delta) => story.add(&delta),
                Err(error) => failure = Some(error),
            },
            Frame::Done => story.n_done += 1,
            Frame::TooLong | Frame::Cut(_) => story.n_cut += 1,
        };
        for piece in pieces {
            frames.push(piece, &mut each);
        }
        frames.finish(&mut each);
        failure.map_or(Ok(story), Err)
    }

    fn add(&mut self, delta: &Delta<'_>) {
        self.answer.add(delta);
        self.n_events += 1;
        self.n_text_events += u32::from(delta.is_text);
        self.n_answer_events += u32::from(delta.is_answer());
        if let Some(finish) = &delta.finish {
            self.finish = Some(finish.clone().into_owned());
        }
        if let Some(error) = &delta.error {
            self.error = Some(error.message.clone().into_owned());
        }
        self.usage = delta.usage.or(self.usage);
        self.times = delta.times.or(self.times);
    }
}
