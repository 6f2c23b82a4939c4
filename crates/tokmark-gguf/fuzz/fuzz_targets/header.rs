//! The header reader and everything asked of a header, on arbitrary bytes.
#![no_main]

#[path = "../../tests/exercise/mod.rs"]
mod exercise;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let _ = exercise::exercise(bytes);
});
