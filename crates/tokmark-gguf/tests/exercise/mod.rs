//! Everything that is done with a header, on bytes that nobody vouches for. Shared by the
//! always-on tests and the fuzz target.

use tokmark_gguf::{ContextBudget, GgufError, Header, KvShape, Limits, facts, largest_context};
use tokmark_model::{Bytes, KvType};

/// Reads `bytes` as a file, with and without knowing its size, and asks for every fact.
pub fn exercise(bytes: &[u8]) -> Result<Header, GgufError> {
    let unknown_size = Header::read(&mut &bytes[..], &Limits::default());
    let header = Header::read(&mut &bytes[..], &Limits::for_file_size(bytes.len() as u64));
    assert_eq!(unknown_size.is_ok(), header.is_ok());

    let header = header?;
    // What the size check lets through lies within the file.
    if header.check_file_size(bytes.len() as u64).is_ok() {
        for tensor in header.tensors() {
            let end = header.data_offset() + tensor.offset() + tensor.size_bytes().unwrap_or(0);
            let is_empty = tensor.size_bytes().unwrap_or(0) == 0;
            assert!(is_empty || end <= bytes.len() as u64);
        }
    }
    let facts = facts(&header, "fuzzed.gguf", Bytes(bytes.len() as u64));
    assert!(facts.name.chars().count() <= 256);

    if let Some(shape) = KvShape::from_header(&header) {
        let budget = ContextBudget {
            available: Bytes(16 << 30),
            weights: facts.tensor_bytes.unwrap_or_default(),
            overhead: Bytes(0),
            type_k: KvType::F16,
            type_v: KvType::Q8_0,
            n_ubatch: 512,
            trained: header.context_length(),
        };
        let n_ctx = largest_context(&shape, &budget);
        assert!(budget.trained.is_none_or(|trained| n_ctx <= trained));
        let read = shape.kv_bytes(n_ctx, budget.type_k, budget.type_v).get();
        let allocated = shape.allocated_bytes(n_ctx, 512, budget.type_k, budget.type_v).get();
        assert!(read <= allocated && (n_ctx == 0 || allocated <= 16 << 30));
    }
    Ok(header)
}
