//! The reader against PyPI `gguf` 0.19.0, the reference implementation in Python: values
//! made by `reference/make.py`.

use std::fs::File;

use tokmark_gguf::{
    Array, Header, Limits, TensorData, TensorType, Value, ValueType, Writer, facts, file_type_label,
};
use tokmark_model::Bytes;

const SMOLLM2: &str = include_str!("reference/smollm2.tsv");
const TYPES: &str = include_str!("reference/types.tsv");
const FILE_NAME: &str = "SmolLM2-135M-Instruct.Q4_1.gguf";
const FILE_SIZE: u64 = 98_362_432;

fn rows<'a>(table: &'a str, kind: &'a str) -> impl Iterator<Item = Vec<&'a str>> {
    table.lines().map(|line| line.split('\t').collect::<Vec<_>>()).filter(move |row| row[0] == kind)
}

/// The reference's name of a type: `UINT32`.
fn type_name(of: ValueType) -> &'static str {
    match of {
        ValueType::U8 => "UINT8",
        ValueType::I8 => "INT8",
        ValueType::U16 => "UINT16",
        ValueType::I16 => "INT16",
        ValueType::U32 => "UINT32",
        ValueType::I32 => "INT32",
        ValueType::F32 => "FLOAT32",
        ValueType::Bool => "BOOL",
        ValueType::String => "STRING",
        ValueType::Array => "ARRAY",
        ValueType::U64 => "UINT64",
        ValueType::I64 => "INT64",
        ValueType::F64 => "FLOAT64",
    }
}

/// The 64-bit FNV-1a hash that `make.py` takes of an array's elements.
fn fnv(array: &Array) -> String {
    let mut hash = 0xcbf2_9ce4_8422_2325u64;
    for item in array.items.as_ref().expect("kept by name") {
        let bytes = match item {
            Value::String(text) => [text.as_bytes(), b"\0"].concat(),
            Value::I32(n) => n.to_le_bytes().to_vec(),
            other => panic!("no such array in this model: {other:?}"),
        };
        for byte in bytes {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3);
        }
    }
    format!("{hash:016x}")
}

/// A header as the reference describes it: the same scalars, shapes and types; arrays of
/// the same length, and strings of one letter in them.
fn rebuilt_smollm2() -> Vec<u8> {
    let mut writer = Writer::empty();
    for row in rows(SMOLLM2, "meta") {
        let value = match row[2] {
            "UINT32" => Value::U32(row[3].parse().unwrap()),
            "FLOAT32" => Value::F32(row[3].parse().unwrap()),
            "BOOL" => Value::Bool(row[3] == "true"),
            "STRING" => Value::String(row[3].trim_matches('"').to_owned()),
            "ARRAY" if row[3] == "STRING" => vec!["x"; row[4].parse().unwrap()].into(),
            "ARRAY" => vec![1i32; row[4].parse().unwrap()].into(),
            other => panic!("no such type in this model: {other}"),
        };
        writer.set(row[1], value);
    }
    for row in rows(SMOLLM2, "tensor") {
        let dims: Vec<u64> = row[2].split(',').map(|dim| dim.parse().unwrap()).collect();
        let of = TensorType::from_name(row[3]).unwrap();
        writer.tensor(row[1], &dims, of, TensorData::Zeros);
    }
    writer.to_bytes().unwrap()
}

fn assert_tensors_equal(header: &Header) {
    let expected: Vec<_> = rows(SMOLLM2, "tensor").collect();
    assert_eq!(header.tensors().len(), expected.len());
    for (tensor, row) in header.tensors().iter().zip(expected) {
        let dims: Vec<String> = tensor.dims().iter().map(u64::to_string).collect();
        let size = tensor.size_bytes().unwrap().to_string();
        let offset = tensor.offset().to_string();
        let of = tensor.tensor_type().to_string();
        let read = ["tensor", tensor.name(), &dims.join(","), &of, &size, &offset];
        assert_eq!(read.as_slice(), row.as_slice());
    }
}

#[test]
fn sizes_of_types_equal_the_reference() {
    for row in rows(TYPES, "type") {
        let of = TensorType::from_id(row[1].parse().unwrap());
        assert_eq!(of.name(), Some(row[2]));
        assert_eq!(of.block_len().unwrap().to_string(), row[3], "{of}");
        // Q8_1 stands in no file; ggml-common.h asserts 36 bytes, Python says 40.
        let bytes = if row[2] == "Q8_1" { "36" } else { row[4] };
        assert_eq!(of.block_bytes().unwrap().to_string(), bytes, "{of}");
    }
    // Newer than the reference: Q2_0.
    assert_eq!(TensorType::all().count(), rows(TYPES, "type").count() + 1);
}

#[test]
fn labels_of_files_equal_the_reference() {
    for row in rows(TYPES, "ftype").filter(|row| row[2] != "GUESSED") {
        assert_eq!(file_type_label(row[1].parse().unwrap()), Some(row[2]));
    }
    assert_eq!(file_type_label(1024), None);
}

#[test]
fn tensors_of_a_rebuilt_smollm2_lie_where_the_reference_says() {
    let file = rebuilt_smollm2();
    let header = Header::read(&mut file.as_slice(), &Limits::default()).unwrap();
    assert_tensors_equal(&header);
    assert_eq!(header.metadata().len(), rows(SMOLLM2, "meta").count());
    header.check_file_size(file.len() as u64).unwrap();
}

#[test]
fn facts_of_smollm2_are_those_the_engine_prints() {
    let file = rebuilt_smollm2();
    let header = Header::read(&mut file.as_slice(), &Limits::default()).unwrap();
    assert_smollm2_facts(&header);
}

fn assert_smollm2_facts(header: &Header) {
    let facts = facts(header, FILE_NAME, Bytes(FILE_SIZE));
    assert_eq!(facts.name, "Smollm2 135M 8k Lc100K Mix1 Ep2");
    assert_eq!(facts.architecture.as_deref(), Some("llama"));
    // llama-bench prints model_n_params 134515008 and model_size 96576768.
    assert_eq!(facts.n_params, Some(134_515_008));
    assert_eq!(facts.tensor_bytes, Some(Bytes(96_576_768)));
    assert_eq!(facts.quantization.as_deref(), Some("Q4_1"));
    assert_eq!(facts.label.as_deref(), Some("Q4_1"));
    assert_eq!(facts.publisher.as_deref(), Some("HuggingFaceTB"));
    assert_eq!(facts.license.as_deref(), Some("apache-2.0"));
    assert_eq!(facts.quantized_by, None);
    assert_eq!(facts.context_length, Some(8_192));
    assert_eq!(facts.n_layers, Some(30));
    assert_eq!(facts.n_embd, Some(576));
    assert_eq!(facts.n_vocab, Some(49_152));
    assert_eq!((facts.n_experts, facts.n_experts_used, facts.n_files), (None, None, None));
    let types: Vec<_> =
        facts.tensor_types.iter().map(|(of, n)| (of.as_str(), n.n_tensors)).collect();
    assert_eq!(types, [("F32", 61), ("Q4_1", 210), ("Q8_0", 1)]);
}

#[test]
fn the_real_smollm2_reads_as_the_reference_says() {
    let path = std::env::var_os("TOKMARK_TEST_MODEL")
        .expect("TOKMARK_TEST_MODEL names the default model's file; ./x test fetches it");
    let open = || File::open(&path).unwrap();
    let names = rows(SMOLLM2, "meta").map(|row| row[1].to_owned());
    let limits = Limits { keep_keys: names.collect(), ..Limits::for_file_size(FILE_SIZE) };
    let header = Header::read(&mut open(), &limits).unwrap();

    let expected: Vec<_> = rows(SMOLLM2, "meta").collect();
    assert_eq!(header.metadata().len(), expected.len());
    for ((key, value), row) in header.metadata().iter().zip(expected) {
        assert_eq!((key, type_name(value.value_type())), (row[1], row[2]));
        match value {
            Value::Array(array) => {
                assert_eq!(type_name(array.element), row[3], "{key}");
                assert_eq!(array.len.to_string(), row[4], "{key}");
                assert_eq!(fnv(array), row[5], "{key}");
            }
            Value::U32(number) => assert_eq!(number.to_string(), row[3], "{key}"),
            Value::F32(number) => assert_eq!(*number, row[3].parse::<f32>().unwrap(), "{key}"),
            Value::Bool(truth) => assert_eq!(truth.to_string(), row[3], "{key}"),
            Value::String(text) => {
                let json = text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
                assert_eq!(format!("\"{json}\""), row[3], "{key}");
            }
            other => panic!("no such value in this model: {other:?}"),
        }
    }
    assert_tensors_equal(&header);
    assert_smollm2_facts(&header);
    let data_offset = rows(SMOLLM2, "data_offset").next().unwrap()[1].parse();
    assert_eq!(Ok(header.data_offset()), data_offset);
    assert_eq!(header.needed_bytes(), FILE_SIZE);
    header.check_file_size(FILE_SIZE).unwrap();

    // By default the 147,204 elements of the tokenizer are counted, not kept.
    let lean = Header::read(&mut open(), &Limits::default()).unwrap();
    let tokens = lean.metadata().get("tokenizer.ggml.tokens").unwrap().as_array().unwrap();
    assert_eq!((tokens.len, tokens.items.is_some()), (49_152, false));
}
