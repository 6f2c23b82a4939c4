//! Prints what a GGUF file says of itself, and how long reading its header took:
//! `cargo run --release -p tokmark-gguf --example show_facts -- MODEL.gguf`.

use std::fs::File;
use std::path::PathBuf;
use std::time::Instant;
use std::{env, process};

use tokmark_gguf::{Header, KvShape, Limits, facts};
use tokmark_model::{Bytes, KvType};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let Some(path) = env::args_os().nth(1).map(PathBuf::from) else {
        eprintln!("usage: show_facts MODEL.gguf");
        process::exit(2);
    };
    let mut file = File::open(&path)?;
    let size = file.metadata()?.len();

    let start = Instant::now();
    let header = Header::read(&mut file, &Limits::for_file_size(size))?;
    let took = start.elapsed();
    header.check_file_size(size)?;

    let name = path.file_name().unwrap_or_default().to_string_lossy();
    println!("{:#?}", facts(&header, &name, Bytes(size)));
    match KvShape::from_header(&header) {
        Some(shape) => {
            println!("kv per position: {:?}", shape.kv_bytes(1, KvType::F16, KvType::F16))
        }
        None => println!("kv per position: not told by the keys"),
    }
    println!("header: {} bytes in {took:?}", header.header_bytes());
    Ok(())
}
