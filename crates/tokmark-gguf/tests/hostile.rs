//! Bytes that nobody vouches for: no panic, and memory bounded by the bytes there are.

mod exercise;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use exercise::exercise;
use proptest::prelude::*;
use tokmark_gguf::{TensorData, TensorType, TinyLlama, Value, Writer, tiny_llama_writer};

/// Counts what each thread has allocated, and the most at once.
struct Counting;

thread_local! {
    static NOW: Cell<usize> = const { Cell::new(0) };
    static PEAK: Cell<usize> = const { Cell::new(0) };
}

// SAFETY: every call is passed on to the system's allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        NOW.set(NOW.get() + layout.size());
        PEAK.set(PEAK.get().max(NOW.get()));
        // SAFETY: the caller keeps `alloc`'s contract.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        NOW.set(NOW.get().saturating_sub(layout.size()));
        // SAFETY: `pointer` came from `System` with this layout.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Runs `exercise` and returns the most bytes that it held at once.
fn peak_bytes(bytes: &[u8]) -> usize {
    let before = NOW.get();
    PEAK.set(before);
    let _ = exercise(bytes);
    PEAK.get() - before
}

/// Two buffers, tables for up to 4,096 layers, and a multiple of the input: an array of
/// bytes takes 40 bytes an element, doubled while it grows, and both headers are kept.
fn allowed_bytes(bytes: &[u8]) -> usize {
    (1 << 20) + 256 * bytes.len()
}

/// A small header with every kind of value, arrays in arrays, and several tensors.
fn rich_header() -> Vec<u8> {
    let shape = TinyLlama { n_layers: 1, n_embd: 8, n_ff: 8, ..TinyLlama::default() };
    let mut writer: Writer<'_> = tiny_llama_writer(&shape);
    writer
        .set("tokenizer.ggml.tokens", vec!["a", "b", "c"])
        .set("tokenizer.ggml.scores", vec![0.5f32, 1.5])
        .set("tokenizer.ggml.token_type", vec![1i32, 2])
        .set("llama.attention.head_count_kv", vec![2u32])
        .set("llama.attention.sliding_window", Value::U64(16))
        .set("llama.attention.sliding_window_pattern", vec![true])
        .set("llama.expert_used_count", vec![1u32])
        .set("general.alignment", 32u32)
        .set("nested", vec![vec![vec![Value::U8(1)]]])
        .set("numbers", vec![Value::I64(-1), Value::I64(5)])
        .set("real", Value::F64(0.1))
        .set("split.count", Value::U16(1))
        .tensor("blk.0.q.weight", &[32, 2, 2, 2], TensorType::Q4_0, TensorData::Zeros);
    writer.to_bytes().unwrap()
}

/// Lengths, counts and offsets that have broken readers.
fn nasty_number() -> impl Strategy<Value = u64> {
    prop_oneof![
        Just(0),
        Just(1),
        Just(u64::MAX),
        Just(u64::MAX - 31),
        Just(1 << 63),
        Just((1 << 63) - 1),
        Just(1 << 60),
        Just(1 << 40),
        Just(1 << 32),
        Just((1 << 32) - 1),
        (0..64u32).prop_map(|shift| 1u64 << shift),
        any::<u64>(),
    ]
}

#[test]
fn a_header_cut_or_flipped_at_every_place_does_no_harm() {
    let file = rich_header();
    let header_bytes = exercise(&file).unwrap().header_bytes() as usize;
    for cut in 0..header_bytes {
        assert!(exercise(&file[..cut]).is_err(), "cut at {cut}");
    }
    let mut flipped = file;
    for at in 0..header_bytes {
        for bit in 0..8 {
            flipped[at] ^= 1 << bit;
            assert!(peak_bytes(&flipped) < allowed_bytes(&flipped), "bit {bit} of byte {at}");
            flipped[at] ^= 1 << bit;
        }
    }
}

#[test]
fn a_nasty_number_at_every_place_does_no_harm() {
    let file = rich_header();
    let header_bytes = exercise(&file).unwrap().header_bytes() as usize;
    for number in [0, 1 << 20, 1 << 30, 1 << 40, 1 << 60, u64::MAX >> 1, u64::MAX - 31, u64::MAX] {
        for at in 4..header_bytes - 8 {
            let mut broken = file.clone();
            broken[at..at + 8].copy_from_slice(&u64::to_le_bytes(number));
            assert!(peak_bytes(&broken) < allowed_bytes(&broken), "{number} at byte {at}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..Default::default() })]

    #[test]
    fn arbitrary_bytes_do_no_harm(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
        prop_assert!(peak_bytes(&bytes) < allowed_bytes(&bytes));
    }

    #[test]
    fn arbitrary_bytes_behind_a_good_start_do_no_harm(
        n_tensors in 0..4u64,
        n_metadata in 0..4u64,
        rest in prop::collection::vec(prop_oneof![3 => Just(0u8), 1 => 0..16u8, 1 => any::<u8>()], 0..300),
    ) {
        let mut bytes = b"GGUF\x03\0\0\0".to_vec();
        bytes.extend(n_tensors.to_le_bytes());
        bytes.extend(n_metadata.to_le_bytes());
        bytes.extend(rest);
        prop_assert!(peak_bytes(&bytes) < allowed_bytes(&bytes));
    }

    #[test]
    fn several_mutations_at_once_do_no_harm(
        edits in prop::collection::vec((any::<prop::sample::Index>(), nasty_number(), 0..9usize), 1..6),
        swap in any::<[prop::sample::Index; 2]>(),
        cut in any::<prop::sample::Index>(),
    ) {
        let mut bytes = rich_header();
        for (at, number, width) in edits {
            let at = at.index(bytes.len() - 8);
            bytes[at..at + width.min(8)].copy_from_slice(&number.to_le_bytes()[..width.min(8)]);
        }
        // Two lengths in each other's place.
        let [a, b] = swap.map(|index| index.index(bytes.len() / 8) * 8);
        for offset in 0..8 {
            bytes.swap(a + offset, b + offset);
        }
        bytes.truncate(cut.index(bytes.len() * 2).min(bytes.len()));
        prop_assert!(peak_bytes(&bytes) < allowed_bytes(&bytes));
    }

    #[test]
    fn what_is_written_is_read_back(
        numbers in prop::collection::vec(any::<u64>(), 0..5),
        texts in prop::collection::vec(".{0,20}", 0..5),
        rows in prop::collection::vec((1..5u64, 1..5u64), 0..5),
        alignment in 0..9u32,
    ) {
        let mut writer = Writer::new("llama");
        writer.set("general.alignment", 1u32 << alignment);
        writer.set("numbers", numbers.clone()).set("texts", texts.clone());
        for (index, (columns, rows)) in rows.iter().enumerate() {
            let name = format!("tensor.{index}");
            writer.tensor(&name, &[32 * columns, *rows], TensorType::Q4_1, TensorData::Zeros);
        }
        let file = writer.to_bytes().unwrap();
        let header = exercise(&file).unwrap();
        prop_assert_eq!(header.metadata().array_len("numbers"), Some(numbers.len() as u64));
        prop_assert_eq!(header.metadata().get("texts"), Some(&Value::from(texts)));
        let shapes: Vec<_> = header.tensors().iter().map(|tensor| tensor.dims().to_vec()).collect();
        let expected: Vec<_> = rows.iter().map(|(columns, rows)| vec![32 * columns, *rows]).collect();
        prop_assert_eq!(shapes, expected);
        prop_assert!(header.check_file_size(file.len() as u64).is_ok());
    }
}
