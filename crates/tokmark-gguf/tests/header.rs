//! What a header says, and the one clear error for each way in which it can be wrong.

use std::borrow::Cow;
use std::io::{self, Read};

use tokmark_gguf::{
    GgufError, Header, Limits, Looks, TensorData, TensorType, TinyLlama, Value, ValueType, Writer,
    facts, tiny_llama, tiny_llama_writer,
};
use tokmark_model::Bytes;

fn read(bytes: &[u8]) -> Result<Header, GgufError> {
    Header::read(&mut &bytes[..], &Limits::default())
}

fn header_of(writer: &Writer<'_>) -> Header {
    read(&writer.to_bytes().unwrap()).unwrap()
}

/// The field and problem of an `InvalidField`, as one text.
fn damage(result: Result<Header, GgufError>) -> String {
    match result {
        Err(GgufError::InvalidField { field, problem }) => format!("{field} {problem}"),
        other => panic!("expected an invalid field, got {other:?}"),
    }
}

/// A file with two tensors of 8 floats each, the second at offset 32.
fn two_tensors() -> Vec<u8> {
    let mut writer = Writer::new("llama");
    writer.tensor("first", &[8], TensorType::F32, TensorData::Zeros);
    writer.tensor("second", &[8], TensorType::F32, TensorData::Zeros);
    writer.to_bytes().unwrap()
}

/// Replaces the 64-bit number that stands `after` bytes behind the end of `name`.
fn patch(file: &mut [u8], name: &[u8], after: usize, number: u64) {
    let at = file.windows(name.len()).position(|window| window == name).unwrap();
    let at = at + name.len() + after;
    file[at..at + 8].copy_from_slice(&number.to_le_bytes());
}

/// Behind a tensor's name: 4 bytes of dimension count, 8 of the dimension, 4 of the type.
const DIM: usize = 4;
const OFFSET: usize = 16;

#[test]
fn values_of_every_type_come_back_as_written() {
    let mut writer = Writer::new("llama");
    let values = [
        Value::U8(200),
        Value::I8(-100),
        Value::U16(60_000),
        Value::I16(-30_000),
        Value::U32(4_000_000_000),
        Value::I32(-2_000_000_000),
        Value::F32(1.5),
        Value::Bool(true),
        Value::String("grüße".to_owned()),
        Value::U64(u64::MAX),
        Value::I64(i64::MIN),
        Value::F64(-0.1),
        vec!["a", "", "c"].into(),
        vec![vec![1u32, 2], vec![], vec![3]].into(),
    ];
    for (index, value) in values.iter().enumerate() {
        writer.set(&format!("key.{index}"), value.clone());
    }
    for version in [2, 3] {
        writer.version(version);
        let header = header_of(&writer);
        assert_eq!(header.version(), version);
        for (index, value) in values.iter().enumerate() {
            assert_eq!(header.metadata().get(&format!("key.{index}")), Some(value));
        }
    }
}

#[test]
fn long_values_are_counted_and_kept_only_if_named() {
    let mut writer = Writer::new("llama");
    writer.set("long.text", "x".repeat(100)).set("long.list", vec!["token"; 50]);
    writer.set("after", 7u32);
    let file = writer.to_bytes().unwrap();
    let lean = Limits { keep_string_bytes: 99, keep_array_len: 49, ..Limits::default() };
    let header = Header::read(&mut file.as_slice(), &lean).unwrap();
    assert_eq!(header.metadata().get("long.text"), Some(&Value::LongString { n_bytes: 100 }));
    let list = header.metadata().get("long.list").unwrap().as_array().unwrap();
    assert_eq!((list.element, list.len, &list.items), (ValueType::String, 50, &None));
    assert_eq!(header.metadata().number("after"), Some(7));

    let keep_keys = vec!["long.text".to_owned(), "long.list".to_owned()];
    let named = Limits { keep_keys, ..lean };
    let header = Header::read(&mut file.as_slice(), &named).unwrap();
    assert_eq!(header.metadata().text("long.text").map(str::len), Some(100));
    let list = header.metadata().get("long.list").unwrap().as_array().unwrap();
    assert_eq!(list.items.as_ref().map(Vec::len), Some(50));
}

#[test]
fn tensors_begin_at_multiples_of_the_alignment() {
    for (alignment, offset) in [(32u32, 32), (64, 64), (256, 256)] {
        let mut writer = Writer::new("llama");
        writer.set("general.alignment", alignment);
        writer.tensor("first", &[3], TensorType::F32, TensorData::Zeros);
        writer.tensor("second", &[32, 2], TensorType::Q4_0, TensorData::Zeros);
        let file = writer.to_bytes().unwrap();
        let header = read(&file).unwrap();
        assert_eq!(header.alignment(), u64::from(alignment));
        assert_eq!(header.data_offset() % u64::from(alignment), 0);
        assert_eq!(header.tensors()[1].offset(), offset);
        assert_eq!(header.tensors()[1].size_bytes(), Some(36));
        assert_eq!(header.needed_bytes(), header.data_offset() + offset + 36);
        header.check_file_size(file.len() as u64).unwrap();
    }
}

#[test]
fn an_empty_file_is_called_empty() {
    assert!(matches!(read(b""), Err(GgufError::Empty)));
}

#[test]
fn another_kind_of_file_is_named() {
    let page = b"<!DOCTYPE html><html><body>404</body></html>";
    assert!(matches!(read(page), Err(GgufError::NotGguf { looks: Looks::Html })));
    let wheel = b"PK\x03\x04rest";
    assert!(matches!(read(wheel), Err(GgufError::NotGguf { looks: Looks::Zip })));
    let short = b"no";
    assert!(matches!(read(short), Err(GgufError::NotGguf { looks: Looks::Text })));
    assert_eq!(
        read(page).unwrap_err().to_string(),
        "not a GGUF file: it looks like an HTML page; check the address, it must lead to the \
         file itself, and download it again"
    );
}

#[test]
fn versions_that_cannot_be_read_are_told_from_the_other_byte_order() {
    let with_version = |version: [u8; 4]| {
        let mut file = two_tensors();
        file[4..8].copy_from_slice(&version);
        read(&file)
    };
    for version in [0u32, 1, 4, 77] {
        let result = with_version(version.to_le_bytes());
        assert!(
            matches!(result, Err(GgufError::UnsupportedVersion { version: v }) if v == version)
        );
    }
    let swapped = with_version(3u32.to_be_bytes());
    assert!(matches!(swapped, Err(GgufError::BigEndian { version: 3 })));
}

#[test]
fn a_header_cut_at_any_byte_is_truncated() {
    let file = two_tensors();
    let header_bytes = read(&file).unwrap().header_bytes() as usize;
    for cut in 1..header_bytes {
        let result = read(&file[..cut]);
        let Err(GgufError::TruncatedHeader { at, .. }) = result else {
            panic!("cut at {cut}: {result:?}");
        };
        assert!(at <= cut as u64);
        let known = Header::read(&mut &file[..cut], &Limits::for_file_size(cut as u64));
        assert!(matches!(known, Err(GgufError::TruncatedHeader { .. })), "cut at {cut}");
    }
    // Without any data the header can be read, and the size check says what is missing.
    let header = read(&file[..header_bytes]).unwrap();
    let needed = header.data_offset() + 64;
    let result = header.check_file_size(header_bytes as u64);
    let Err(GgufError::Truncated { needed: n, found }) = result else { panic!("{result:?}") };
    assert_eq!((n, found), (needed, header_bytes as u64));
    assert!(header.check_file_size(needed - 1).is_err());
    header.check_file_size(needed).unwrap();
}

#[test]
fn the_truncation_message_says_where_and_what() {
    let file = two_tensors();
    // 24 bytes of counts, 8 + 20 of key, 4 of type, 8 + 5 of value, 8 of length, then a name.
    let message = read(&file[..79]).unwrap_err().to_string();
    assert_eq!(
        message,
        "the GGUF header ends early, at byte 77 in tensor 0; download the file again"
    );
}

#[test]
fn absurd_counts_break_a_limit_before_anything_is_read() {
    for (at, what) in [(8, "tensors"), (16, "metadata entries")] {
        let mut file = two_tensors();
        file[at..at + 8].copy_from_slice(&(1u64 << 60).to_le_bytes());
        let result = read(&file);
        let Err(GgufError::OverLimit { what: found, claimed, .. }) = result else {
            panic!("{result:?}");
        };
        assert_eq!((found.as_str(), claimed), (what, 1 << 60));
    }
}

#[test]
fn absurd_lengths_of_strings_and_arrays_are_refused() {
    let mut file = two_tensors();
    file[24..32].copy_from_slice(&(1u64 << 30).to_le_bytes());
    assert!(matches!(read(&file), Err(GgufError::OverLimit { claimed: 1_073_741_824, .. })));

    let mut writer = Writer::new("llama");
    writer.set("list", vec![1u32, 2, 3]);
    for absurd in [1u64 << 40, 1 << 60, 1 << 62, u64::MAX] {
        let mut file = writer.to_bytes().unwrap();
        // Behind the key: 4 bytes of type, 4 of the element's type, then the length.
        patch(&mut file, b"list", 8, absurd);
        let result = read(&file);
        assert!(
            matches!(result, Err(GgufError::OverLimit { .. } | GgufError::TruncatedHeader { .. })),
            "{result:?}"
        );
    }
}

#[test]
fn arrays_within_arrays_have_a_depth_limit() {
    let mut nested: Value = vec![1u32].into();
    for _ in 0..3 {
        nested = vec![nested].into();
    }
    let mut writer = Writer::new("llama");
    writer.set("deep", nested.clone());
    assert_eq!(header_of(&writer).metadata().get("deep"), Some(&nested));
    writer.set("deep", vec![nested]);
    let result = read(&writer.to_bytes().unwrap());
    assert!(matches!(result, Err(GgufError::OverLimit { limit: 4, .. })), "{result:?}");
}

#[test]
fn overlapping_tensors_are_named() {
    let mut file = two_tensors();
    patch(&mut file, b"second", OFFSET, 0);
    assert_eq!(damage(read(&file)), "tensor 'second' overlaps tensor 'first'");
}

#[test]
fn a_tensor_off_the_alignment_is_named() {
    let mut file = two_tensors();
    patch(&mut file, b"second", OFFSET, 33);
    assert_eq!(damage(read(&file)), "tensor 'second' begins at byte 33, no multiple of 32");
}

#[test]
fn a_tensor_past_the_end_of_a_whole_file_is_no_truncation() {
    let mut file = two_tensors();
    patch(&mut file, b"second", OFFSET, 1 << 40);
    let result = read(&file).unwrap().check_file_size(file.len() as u64);
    assert!(matches!(result, Err(GgufError::InvalidField { .. })), "{result:?}");
    patch(&mut file, b"second", OFFSET, u64::MAX - 31);
    assert!(damage(read(&file)).contains("impossible byte"));
}

#[test]
fn impossible_dimensions_are_refused() {
    for dim in [u64::MAX, 1 << 63, 1 << 62] {
        let mut file = two_tensors();
        patch(&mut file, b"second", DIM, dim);
        assert!(damage(read(&file)).starts_with("tensor 'second' has impossible dimensions"));
    }
    let mut writer = Writer::new("llama");
    writer.tensor("wide", &[64, 2], TensorType::Q4_0, TensorData::Zeros);
    let mut file = writer.to_bytes().unwrap();
    patch(&mut file, b"wide", DIM, 48);
    assert_eq!(
        damage(read(&file)),
        "tensor 'wide' has rows of 48 elements, Q4_0 needs multiples of 32"
    );
}

#[test]
fn names_that_stand_twice_are_refused() {
    let mut writer = Writer::new("llama");
    writer.push_duplicate("general.architecture", "gpt2");
    let file = writer.to_bytes().unwrap();
    assert_eq!(damage(read(&file)), "key 'general.architecture' stands twice");

    let mut writer = Writer::new("llama");
    writer.tensor("tensor", &[8], TensorType::F32, TensorData::Zeros);
    writer.tensor("second", &[8], TensorType::F32, TensorData::Zeros);
    let mut file = writer.to_bytes().unwrap();
    let at = file.windows(6).position(|window| window == b"tensor").unwrap();
    file[at..at + 6].copy_from_slice(b"second");
    assert_eq!(damage(read(&file)), "tensor 'second' stands twice");
}

#[test]
fn bad_alignments_are_refused() {
    for value in [Value::U32(0), Value::U32(48), Value::U64(32), Value::String("32".into())] {
        let mut writer = Writer::new("llama");
        writer.set("general.alignment", value);
        let found = damage(read(&writer.to_bytes().unwrap()));
        assert_eq!(found, "general.alignment is not a power of two of type u32");
    }
}

#[test]
fn an_unknown_tensor_type_is_kept_without_a_size() {
    let mut writer = tiny_llama_writer(&TinyLlama::default());
    let data = TensorData::Bytes(Cow::Borrowed(&[7; 100]));
    writer.tensor("new.weight", &[10, 10], TensorType::from_id(99), data);
    let header = header_of(&writer);
    let tensor = header.tensors().last().unwrap();
    assert_eq!((tensor.n_elements(), tensor.size_bytes()), (100, None));
    let facts = facts(&header, "x.gguf", Bytes(0));
    assert_eq!(facts.tensor_bytes, None);
    assert_eq!(facts.tensor_types["unknown type 99"].n_elements, 100);
}

#[test]
fn what_the_reader_itself_reports_is_passed_on() {
    struct Broken;
    impl Read for Broken {
        fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
            Err(io::Error::other("disk on fire"))
        }
    }
    let error = Header::read(&mut Broken, &Limits::default()).unwrap_err();
    assert!(error.to_string().contains("disk on fire"));
}

#[test]
fn a_reader_that_trickles_gives_the_same_header() {
    struct Trickle<'a>(&'a [u8]);
    impl Read for Trickle<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let n = buffer.len().min(3);
            self.0.read(&mut buffer[..n])
        }
    }
    let file = tiny_llama(&TinyLlama::default());
    let slow = Header::read(&mut Trickle(&file), &Limits::default()).unwrap();
    assert_eq!(slow, read(&file).unwrap());
}

#[test]
fn data_can_be_streamed_and_must_have_the_size_of_the_shape() {
    let mut writer = Writer::new("llama");
    let stream = |n: usize| TensorData::Streamed(Box::new(move |sink| sink.write_all(&vec![5; n])));
    writer.tensor("streamed", &[4], TensorType::F32, stream(16));
    let file = writer.to_bytes().unwrap();
    let at = read(&file).unwrap().data_offset() as usize;
    assert_eq!(file[at..at + 16], [5; 16]);

    writer.tensor("streamed", &[4], TensorType::F32, stream(15));
    let error = writer.to_bytes().unwrap_err().to_string();
    assert!(error.contains("tensor 'streamed' was given 15 bytes, its shape needs 16"), "{error}");
}
