//! Prints how long one event takes, from bytes to text, for a recorded stream given in one
//! piece and in pieces of one event: `cargo run --release -p tokmark-wire --example decode_speed`.

use std::hint::black_box;
use std::time::Instant;

use tokmark_model::Api;
use tokmark_wire::{DEFAULT_MAX_FRAME_BYTES, Decoder, Frame, Frames, Framing};

const N_EVENTS: usize = 1_000_000;

fn main() {
    let events = [
        (
            "llama.cpp",
            r#"{"choices":[{"finish_reason":null,"index":0,"delta":{"content":" Danube"}}],"created":1795299604,"id":"chatcmpl-SHgKTQ8cRJT0sCoDBUYlJjv5wtQ2J7O0","model":"models/SmolLM2-135M-Instruct.Q4_1.gguf","system_fingerprint":"b0-unknown","object":"chat.completion.chunk"}"#,
        ),
        (
            "vllm",
            r#"{"id":"chatcmpl-ad7e94f4c6824d3c","object":"chat.completion.chunk","created":1795299881,"model":"smollm2","choices":[{"index":0,"delta":{"content":" Danube"},"logprobs":null,"finish_reason":null,"token_ids":null}]}"#,
        ),
        (
            "mlx_lm",
            r#"{"id": "chatcmpl-d16c44f2-042d-40a9-9e32-673fafa43394", "system_fingerprint": "0.32.2-0.32.4-Linux-6.18.44-x86_64", "object": "chat.completion.chunk", "model": "default_model", "created": 1795299614, "choices": [{"index": 0, "finish_reason": null, "delta": {"role": "assistant", "content": " Danube"}}]}"#,
        ),
    ];
    println!("server      ns/event, framed   ns/event, framed and decoded");
    for (name, event) in events {
        let event = format!("data: {event}\n\n");
        let framed = measure(&event, |_| {});
        let mut decoder = Decoder::new(Api::Chat, false);
        let decoded = measure(&event, |data| {
            let _ = black_box(decoder.decode(data));
        });
        println!("{name:<12}{framed:>17.0}{decoded:>31.0}");
    }
}

/// Nanoseconds per event, each pushed on its own.
fn measure(event: &str, mut each: impl FnMut(&[u8])) -> f64 {
    let mut frames = Frames::new(Framing::Sse, DEFAULT_MAX_FRAME_BYTES);
    let start = Instant::now();
    for _ in 0..N_EVENTS {
        frames.push(black_box(event.as_bytes()), &mut |frame| {
            if let Frame::Data(data) = frame {
                each(data);
            }
        });
    }
    start.elapsed().as_nanos() as f64 / N_EVENTS as f64
}
