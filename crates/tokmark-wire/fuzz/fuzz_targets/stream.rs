//! Frames and decoders on arbitrary bytes, whole and in pieces: nothing panics, and both give
//! the same. The first byte chooses the API, the second the length of the pieces.
#![no_main]

use libfuzzer_sys::fuzz_target;
use tokmark_model::Api;
use tokmark_wire::{
    Assembled, Decoder, Frame, Frames, Framing, ProbeAnswer, ServerGauges, error_message, identify,
    ollama_loaded,
};

const APIS: [Api; 4] = [Api::Chat, Api::Completions, Api::OllamaChat, Api::OllamaGenerate];
/// Small, so that frames above the limit are met.
const MAX_FRAME_BYTES: usize = 512;

fuzz_target!(|bytes: &[u8]| {
    let [choice, length, bytes @ ..] = bytes else { return };
    let api = APIS[usize::from(*choice) % APIS.len()];
    let expects_open_think = *choice >= 128;
    let whole = read(api, expects_open_think, [bytes]);
    let pieces = bytes.chunks(usize::from(*length).max(1));
    assert_eq!(read(api, expects_open_think, pieces), whole);

    let _ = error_message(bytes);
    let _ = ServerGauges::parse(bytes);
    let _ = ollama_loaded(bytes, None);
    for path in ["/v1/models", "/props", "/api/ps", "/api/v1/health"] {
        let body = bytes.to_vec();
        let answer = ProbeAnswer { path: path.into(), status: 200, headers: vec![], body };
        let _ = identify(&[answer]);
    }
});

/// The frames of a stream in words, and the answer put together from them.
fn read<'a>(
    api: Api,
    expects_open_think: bool,
    pieces: impl IntoIterator<Item = &'a [u8]>,
) -> (Vec<String>, Assembled) {
    let mut frames = Frames::new(Framing::of(api), MAX_FRAME_BYTES);
    let mut decoder = Decoder::new(api, expects_open_think);
    let mut answer = Assembled::default();
    let mut seen = Vec::new();
    let mut each = |frame: Frame<'_>| {
        if let Frame::Data(event) | Frame::Cut(event) = frame {
            if let Ok(delta) = decoder.decode(event) {
                answer.add(&delta);
            }
        }
        seen.push(format!("{frame:?}"));
    };
    for piece in pieces {
        frames.push(piece, &mut each);
    }
    frames.finish(&mut each);
    (seen, answer)
}
