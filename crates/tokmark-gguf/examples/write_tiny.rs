//! Writes the tiny models into a folder, to try an engine on them:
//! `cargo run -p tokmark-gguf --example write_tiny -- FOLDER`.

use std::path::PathBuf;
use std::{env, fs, process};

use tokmark_gguf::{
    TensorType, TinyAbort, TinyLlama, Writer, tiny_llama, tiny_llama_that_aborts, tiny_llama_writer,
};

/// What is changed in a tiny model before it is written.
type Change = fn(&mut Writer<'_>);

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let Some(folder) = env::args_os().nth(1).map(PathBuf::from) else {
        eprintln!("usage: write_tiny FOLDER");
        process::exit(2);
    };
    fs::create_dir_all(&folder)?;
    let write = |name: &str, bytes: &[u8]| fs::write(folder.join(name), bytes);

    let half = TinyLlama { weights: TensorType::F16, ..TinyLlama::default() };
    write("tiny-f32.gguf", &tiny_llama(&TinyLlama::default()))?;
    write("tiny-f16.gguf", &tiny_llama(&half))?;
    write("aborts-at-load.gguf", &tiny_llama_that_aborts(TinyAbort::Load))?;
    write("aborts-at-context.gguf", &tiny_llama_that_aborts(TinyAbort::Context))?;
    write("aborts-at-decode.gguf", &tiny_llama_that_aborts(TinyAbort::Decode))?;

    let changes: [(&str, Change); 8] = [
        ("no-architecture", |w| {
            w.remove("general.architecture");
        }),
        ("unknown-architecture", |w| {
            w.set("general.architecture", "none-such");
        }),
        ("no-head-count", |w| {
            w.remove("llama.attention.head_count");
        }),
        ("no-tokens", |w| {
            w.remove("tokenizer.ggml.tokens");
        }),
        ("missing-tensor", |w| {
            w.remove_tensor("blk.1.ffn_up.weight");
        }),
        ("wrong-shape", |w| {
            w.set("llama.feed_forward_length", 96u32);
        }),
        ("wrong-rope", |w| {
            w.set("llama.rope.dimension_count", 8u32);
        }),
        ("no-layers", |w| {
            w.set("llama.block_count", 0u32);
        }),
    ];
    for (name, change) in changes {
        let mut writer = tiny_llama_writer(&TinyLlama::default());
        change(&mut writer);
        write(&format!("{name}.gguf"), &writer.to_bytes()?)?;
    }
    Ok(())
}
