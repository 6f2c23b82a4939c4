/// Bounds that keep an absurd or hostile header from costing memory or time.
///
/// The defaults are an order of magnitude above what the largest published models have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Size of the whole file in bytes, where known. A length that runs past it is then
    /// an error at once instead of after reading to the end. It may exceed the bytes that
    /// the reader yields (a header fetched by range request).
    pub file_size: Option<u64>,
    /// Bytes of header that are read at most. Default 1 GiB.
    pub max_header_bytes: u64,
    /// Metadata entries. Default 65,536.
    pub max_metadata: u64,
    /// Tensors. Default 1,000,000.
    pub max_tensors: u64,
    /// Bytes of one string. Default 64 MiB.
    pub max_string_bytes: u64,
    /// Arrays within arrays. Default 4; llama.cpp reads 1.
    pub max_nesting: u32,
    /// Strings up to this many bytes are kept, longer ones only as their length.
    /// Default 1 MiB.
    pub keep_string_bytes: u64,
    /// Arrays up to this many elements are kept, longer ones only as type and length.
    /// Default 2,048: per-layer arrays (llama.cpp has at most 512 layers) are kept, token
    /// lists aren't.
    pub keep_array_len: u64,
    /// Keys whose strings and arrays are kept whatever their length.
    pub keep_keys: Vec<String>,
    /// Memory in bytes for all that is kept. Values beyond it are dropped like long ones;
    /// keys and tensors beyond it are an error. Default 256 MiB.
    pub max_kept_bytes: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            file_size: None,
            max_header_bytes: 1 << 30,
            max_metadata: 65_536,
            max_tensors: 1_000_000,
            max_string_bytes: 64 << 20,
            max_nesting: 4,
            keep_string_bytes: 1 << 20,
            keep_array_len: 2_048,
            keep_keys: Vec::new(),
            max_kept_bytes: 256 << 20,
        }
    }
}

impl Limits {
    /// The defaults for a file of this size.
    pub fn for_file_size(file_size: u64) -> Self {
        Limits { file_size: Some(file_size), ..Limits::default() }
    }
}
