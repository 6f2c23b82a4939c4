use std::io::Read;

use crate::reader::HeaderReader;
use crate::{GgufError, Limits, Looks, Metadata, TensorType, Value, ValueType, layout};

const MAGIC: &[u8] = b"GGUF";
/// Alignment where `general.alignment` is absent.
pub(crate) const DEFAULT_ALIGNMENT: u64 = 32;
/// Longest key, longest tensor name and most dimensions that the format allows.
const LONGEST_KEY: u64 = 65_535;
const LONGEST_TENSOR_NAME: u64 = 64;
pub(crate) const MAX_DIMS: usize = 4;
/// First bytes looked at to say what a wrong file is.
const SNIFFED_BYTES: u64 = 512;

/// One entry of the tensor list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tensor {
    pub(crate) name: String,
    pub(crate) dims: [u64; MAX_DIMS],
    pub(crate) n_dims: usize,
    pub(crate) tensor_type: TensorType,
    pub(crate) offset: u64,
}

impl Tensor {
    /// Its name, e.g. `blk.0.attn_q.weight`. Unique in a file.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its dimensions, fastest first: a matrix of 576 columns and 49152 rows is
    /// `[576, 49152]`. Empty for a scalar.
    pub fn dims(&self) -> &[u64] {
        &self.dims[..self.n_dims]
    }

    /// Type of its elements.
    pub fn tensor_type(&self) -> TensorType {
        self.tensor_type
    }

    /// Where its data begin, in bytes from [`Header::data_offset`].
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// How many elements it has; 1 for a scalar. Checked to fit when it was read.
    pub fn n_elements(&self) -> u64 {
        self.dims().iter().product()
    }

    /// Its bytes in the file; `None` where the type is unknown.
    pub fn size_bytes(&self) -> Option<u64> {
        self.tensor_type.bytes_of(self.n_elements())
    }

    /// Whether it has more than one row. Norms and biases haven't.
    pub fn is_matrix(&self) -> bool {
        self.dims().iter().skip(1).any(|&dim| dim > 1)
    }
}

/// The header of a GGUF file: metadata and the list of tensors.
///
/// What has been read is consistent: names and keys are unique, sizes fit in 64 bits,
/// tensors are aligned and don't overlap. Whether the file holds their data is asked by
/// [`check_file_size`](Header::check_file_size).
#[derive(Debug, Clone, PartialEq)]
pub struct Header {
    version: u32,
    metadata: Metadata,
    tensors: Vec<Tensor>,
    alignment: u64,
    header_bytes: u64,
    data_offset: u64,
}

impl Header {
    /// Reads a header from its first byte on. Reads in blocks of 64 KiB and so past the
    /// header's end; the position of `reader` afterwards means nothing.
    ///
    /// Memory is bounded by [`Limits`]; no length in the file is allocated before as many
    /// bytes have been read.
    ///
    /// # Errors
    /// Every [`GgufError`] but `Truncated`; `Io` only for what `reader` itself reports.
    pub fn read(reader: &mut impl Read, limits: &Limits) -> Result<Header, GgufError> {
        let mut input = HeaderReader::new(reader, limits);
        let version = read_version(&mut input)?;
        input.set_context("the counts", None);
        let n_tensors = limited(input.u64()?, "tensors", limits.max_tensors)?;
        let n_metadata = limited(input.u64()?, "metadata entries", limits.max_metadata)?;

        let mut entries = Vec::new();
        for index in 0..n_metadata {
            input.set_context("metadata entry", Some(index));
            entries.push(read_entry(&mut input, limits)?);
        }
        let metadata = Metadata::new(entries)
            .map_err(|key| GgufError::invalid(format!("key '{key}'"), "stands twice"))?;

        let mut tensors = Vec::new();
        for index in 0..n_tensors {
            input.set_context("tensor", Some(index));
            tensors.push(read_tensor(&mut input)?);
        }
        let alignment = layout::alignment(&metadata)?;
        layout::check(&tensors, alignment)?;

        let header_bytes = input.at();
        let data_offset = header_bytes
            .checked_next_multiple_of(alignment)
            .ok_or_else(|| GgufError::invalid("general.alignment", "is too large"))?;
        Ok(Header { version, metadata, tensors, alignment, header_bytes, data_offset })
    }

    /// Version of the format, 2 or 3.
    pub fn version(&self) -> u32 {
        self.version
    }

    /// The key-value pairs.
    pub fn metadata(&self) -> &Metadata {
        &self.metadata
    }

    /// The tensors in the file's order.
    pub fn tensors(&self) -> &[Tensor] {
        &self.tensors
    }

    /// Every tensor begins at a multiple of this, in bytes; a power of two.
    pub fn alignment(&self) -> u64 {
        self.alignment
    }

    /// Bytes of the header itself, before the padding.
    pub fn header_bytes(&self) -> u64 {
        self.header_bytes
    }

    /// Where the tensors' data begin, in bytes from the start of the file.
    pub fn data_offset(&self) -> u64 {
        self.data_offset
    }

    /// `general.architecture`, e.g. `llama`.
    pub fn architecture(&self) -> Option<&str> {
        self.metadata.text("general.architecture")
    }

    /// The full key of a setting of this architecture: `llama.block_count`.
    pub fn arch_key(&self, setting: &str) -> String {
        format!("{}.{setting}", self.architecture().unwrap_or_default())
    }

    /// A whole number among the architecture's settings.
    pub fn arch_number(&self, setting: &str) -> Option<u64> {
        self.metadata.number(&self.arch_key(setting))
    }

    /// Context length in training, `<arch>.context_length`.
    pub fn context_length(&self) -> Option<u64> {
        self.arch_number("context_length")
    }

    /// Bytes that the file must have for all tensors of known type. The padding after the
    /// last tensor doesn't count, as in llama.cpp.
    pub fn needed_bytes(&self) -> u64 {
        let end = layout::data_end(&self.tensors);
        if end == 0 { self.header_bytes } else { self.data_offset.saturating_add(end) }
    }

    /// Checks that a file of `file_size` bytes holds all tensors.
    ///
    /// # Errors
    /// `Truncated` with the size needed and the size found; `InvalidField` with the
    /// tensor's name where the tensors would fit but one claims a place past the end.
    pub fn check_file_size(&self, file_size: u64) -> Result<(), GgufError> {
        let needed = self.needed_bytes();
        if needed <= file_size {
            return Ok(());
        }
        let packed = layout::packed_bytes(&self.tensors, self.alignment);
        if self.data_offset.saturating_add(packed) <= file_size
            && let Some(last) = layout::last(&self.tensors)
        {
            let problem = format!(
                "begins at byte {} of the data, past the end of a file of {file_size} bytes",
                last.offset
            );
            return Err(GgufError::invalid(format!("tensor '{}'", last.name), problem));
        }
        Err(GgufError::Truncated { needed, found: file_size })
    }
}

fn read_version<R: Read>(input: &mut HeaderReader<'_, R>) -> Result<u32, GgufError> {
    let mut prefix = input.prefix(MAGIC.len() as u64)?;
    if prefix.is_empty() {
        return Err(GgufError::Empty);
    }
    if prefix != MAGIC {
        if MAGIC.starts_with(&prefix) {
            let what = input.context();
            return Err(GgufError::TruncatedHeader { at: input.at(), what });
        }
        prefix.extend(input.prefix(SNIFFED_BYTES - MAGIC.len() as u64)?);
        return Err(GgufError::NotGguf { looks: Looks::of(&prefix) });
    }
    input.set_context("the version", None);
    match input.u32()? {
        version @ (2 | 3) => Ok(version),
        // llama.cpp's test: a small number whose bytes stand the other way round.
        swapped if swapped != 0 && swapped & 0xffff == 0 => {
            Err(GgufError::BigEndian { version: swapped.swap_bytes() })
        }
        version => Err(GgufError::UnsupportedVersion { version }),
    }
}

fn read_entry<R: Read>(
    input: &mut HeaderReader<'_, R>,
    limits: &Limits,
) -> Result<(String, Value), GgufError> {
    let key = input.name(LONGEST_KEY)?;
    if key.is_empty() {
        return Err(GgufError::invalid(input.context(), "has an empty key"));
    }
    input.must_keep(size_of::<(String, Value)>() as u64)?;
    let id = input.u32()?;
    let of = ValueType::from_id(id).ok_or_else(|| {
        GgufError::invalid(
            format!("key '{}'", key.escape_debug()),
            format!("has unknown type {id}"),
        )
    })?;
    let value = input.value(of, limits.keep_keys.contains(&key))?;
    Ok((key, value))
}

fn read_tensor<R: Read>(input: &mut HeaderReader<'_, R>) -> Result<Tensor, GgufError> {
    let name = input.name(LONGEST_TENSOR_NAME)?;
    input.must_keep(size_of::<Tensor>() as u64)?;
    let n_dims = input.u32()? as usize;
    if n_dims > MAX_DIMS {
        let problem = format!("has {n_dims} dimensions, {MAX_DIMS} are the most");
        return Err(GgufError::invalid(format!("tensor '{}'", name.escape_debug()), problem));
    }
    let mut dims = [1; MAX_DIMS];
    for dim in &mut dims[..n_dims] {
        *dim = input.u64()?;
    }
    let tensor_type = TensorType::from_id(input.u32()?);
    let offset = input.u64()?;
    Ok(Tensor { name, dims, n_dims, tensor_type, offset })
}

fn limited(claimed: u64, what: &str, limit: u64) -> Result<u64, GgufError> {
    if claimed > limit {
        return Err(GgufError::OverLimit { what: what.to_owned(), claimed, limit });
    }
    Ok(claimed)
}
