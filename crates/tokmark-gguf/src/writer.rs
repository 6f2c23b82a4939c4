use std::borrow::Cow;
use std::io::{self, Write};

use crate::header::DEFAULT_ALIGNMENT;
use crate::{Array, GgufError, TensorType, Value, ValueType};

/// Writes a tensor's data into the sink it is given.
type WriteData<'a> = Box<dyn Fn(&mut dyn Write) -> io::Result<()> + 'a>;

/// Where a tensor's bytes come from when the file is written.
pub enum TensorData<'a> {
    /// These bytes.
    Bytes(Cow<'a, [u8]>),
    /// Zero bytes, as many as the shape needs.
    Zeros,
    /// Written in pieces, so that no tensor need be held whole.
    Streamed(WriteData<'a>),
}

struct TensorEntry<'a> {
    name: String,
    dims: Vec<u64>,
    tensor_type: TensorType,
    data: TensorData<'a>,
}

/// Writes GGUF files: metadata in the order given, tensors one behind the other, each
/// padded to the alignment.
///
/// It writes what it is told and judges nothing but sizes: keys may repeat, tensors may
/// lack what an engine needs. Broken headers are made so, or by changing the bytes after.
pub struct Writer<'a> {
    version: u32,
    metadata: Vec<(String, Value)>,
    tensors: Vec<TensorEntry<'a>>,
}

impl<'a> Writer<'a> {
    /// An empty file of `architecture`.
    pub fn new(architecture: &str) -> Self {
        let mut writer = Writer::empty();
        writer.set("general.architecture", architecture);
        writer
    }

    /// A file without any key.
    pub fn empty() -> Self {
        Writer { version: 3, metadata: Vec::new(), tensors: Vec::new() }
    }

    /// Writes another version number; the layout stays that of versions 2 and 3.
    pub fn version(&mut self, version: u32) -> &mut Self {
        self.version = version;
        self
    }

    /// Sets a key, in place if it is there already. Setting `general.alignment` to a
    /// `u32` moves the tensors accordingly.
    pub fn set(&mut self, key: &str, value: impl Into<Value>) -> &mut Self {
        let value = value.into();
        match self.metadata.iter_mut().find(|(there, _)| there == key) {
            Some(entry) => entry.1 = value,
            None => self.metadata.push((key.to_owned(), value)),
        }
        self
    }

    /// Appends a key even if it is there already.
    pub fn push_duplicate(&mut self, key: &str, value: impl Into<Value>) -> &mut Self {
        self.metadata.push((key.to_owned(), value.into()));
        self
    }

    /// Takes a key away.
    pub fn remove(&mut self, key: &str) -> &mut Self {
        self.metadata.retain(|(there, _)| there != key);
        self
    }

    /// Adds a tensor, or replaces the one of this name. `dims` fastest first.
    pub fn tensor(
        &mut self,
        name: &str,
        dims: &[u64],
        tensor_type: TensorType,
        data: TensorData<'a>,
    ) -> &mut Self {
        let entry = TensorEntry { name: name.to_owned(), dims: dims.to_vec(), tensor_type, data };
        match self.tensors.iter_mut().find(|there| there.name == name) {
            Some(there) => *there = entry,
            None => self.tensors.push(entry),
        }
        self
    }

    /// Takes a tensor away.
    pub fn remove_tensor(&mut self, name: &str) -> &mut Self {
        self.tensors.retain(|there| there.name != name);
        self
    }

    /// The whole file in memory.
    ///
    /// # Errors
    /// As [`write_to`](Writer::write_to).
    pub fn to_bytes(&self) -> Result<Vec<u8>, GgufError> {
        let mut file = Vec::new();
        self.write_to(&mut file)?;
        Ok(file)
    }

    /// Writes the whole file and returns its size in bytes. Memory is that of the header.
    ///
    /// # Errors
    /// `InvalidField` for a tensor whose size can't be told or whose data have another
    /// size, and for a value without its content; `Io` where `output` fails.
    pub fn write_to(&self, output: &mut impl Write) -> Result<u64, GgufError> {
        let alignment = self.alignment();
        let header = self.header(alignment)?;
        output.write_all(&header)?;
        let mut at = header.len() as u64;
        for entry in &self.tensors {
            at += pad(output, at, alignment)?;
            at += entry.write_data(output)?;
        }
        at += pad(output, at, alignment)?;
        Ok(at)
    }

    fn alignment(&self) -> u64 {
        let found = self.metadata.iter().find(|(key, _)| key == "general.alignment");
        match found {
            Some((_, Value::U32(bytes))) if *bytes > 0 => u64::from(*bytes),
            _ => DEFAULT_ALIGNMENT,
        }
    }

    fn header(&self, alignment: u64) -> Result<Vec<u8>, GgufError> {
        let mut bytes = b"GGUF".to_vec();
        bytes.extend(self.version.to_le_bytes());
        bytes.extend((self.tensors.len() as u64).to_le_bytes());
        bytes.extend((self.metadata.len() as u64).to_le_bytes());
        for (key, value) in &self.metadata {
            push_string(&mut bytes, key);
            bytes.extend((value.value_type() as u32).to_le_bytes());
            push_value(&mut bytes, key, value)?;
        }
        let mut offset = 0u64;
        for entry in &self.tensors {
            push_string(&mut bytes, &entry.name);
            bytes.extend((entry.dims.len() as u32).to_le_bytes());
            entry.dims.iter().for_each(|dim| bytes.extend(dim.to_le_bytes()));
            bytes.extend(entry.tensor_type.id().to_le_bytes());
            bytes.extend(offset.to_le_bytes());
            offset = offset
                .checked_add(entry.size()?)
                .and_then(|end| end.checked_next_multiple_of(alignment))
                .ok_or_else(|| entry.invalid("lies past 64 bits; make it smaller".to_owned()))?;
        }
        Ok(bytes)
    }
}

impl TensorEntry<'_> {
    fn size(&self) -> Result<u64, GgufError> {
        let n_elements = self.dims.iter().try_fold(1u64, |n, &dim| n.checked_mul(dim));
        match (n_elements.and_then(|n| self.tensor_type.bytes_of(n)), &self.data) {
            (Some(size), _) => Ok(size),
            (None, TensorData::Bytes(bytes)) if self.tensor_type.name().is_none() => {
                Ok(bytes.len() as u64)
            }
            _ => Err(self.invalid("has no size that can be told; give its bytes".to_owned())),
        }
    }

    fn write_data(&self, output: &mut impl Write) -> Result<u64, GgufError> {
        let size = self.size()?;
        let written = match &self.data {
            TensorData::Bytes(bytes) => {
                output.write_all(bytes)?;
                bytes.len() as u64
            }
            TensorData::Zeros => io::copy(&mut io::Read::take(io::repeat(0), size), output)?,
            TensorData::Streamed(write) => {
                let mut counted = Counted { output, n_bytes: 0 };
                write(&mut counted)?;
                counted.n_bytes
            }
        };
        if written != size {
            return Err(self.invalid(format!("was given {written} bytes, its shape needs {size}")));
        }
        Ok(size)
    }

    fn invalid(&self, problem: String) -> GgufError {
        GgufError::invalid(format!("tensor '{}'", self.name), problem)
    }
}

struct Counted<'w, W> {
    output: &'w mut W,
    n_bytes: u64,
}

impl<W: Write> Write for Counted<'_, W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let n = self.output.write(bytes)?;
        self.n_bytes += n as u64;
        Ok(n)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.output.flush()
    }
}

/// Pads `at` up to the alignment; returns the bytes written.
fn pad(output: &mut impl Write, at: u64, alignment: u64) -> Result<u64, GgufError> {
    let n = at.next_multiple_of(alignment) - at;
    Ok(io::copy(&mut io::Read::take(io::repeat(0), n), output)?)
}

fn push_string(bytes: &mut Vec<u8>, text: &str) {
    bytes.extend((text.len() as u64).to_le_bytes());
    bytes.extend(text.as_bytes());
}

fn push_value(bytes: &mut Vec<u8>, key: &str, value: &Value) -> Result<(), GgufError> {
    match value {
        Value::U8(n) => bytes.extend(n.to_le_bytes()),
        Value::I8(n) => bytes.extend(n.to_le_bytes()),
        Value::U16(n) => bytes.extend(n.to_le_bytes()),
        Value::I16(n) => bytes.extend(n.to_le_bytes()),
        Value::U32(n) => bytes.extend(n.to_le_bytes()),
        Value::I32(n) => bytes.extend(n.to_le_bytes()),
        Value::F32(n) => bytes.extend(n.to_le_bytes()),
        Value::U64(n) => bytes.extend(n.to_le_bytes()),
        Value::I64(n) => bytes.extend(n.to_le_bytes()),
        Value::F64(n) => bytes.extend(n.to_le_bytes()),
        Value::Bool(truth) => bytes.push(u8::from(*truth)),
        Value::String(text) => push_string(bytes, text),
        Value::Array(array) => push_array(bytes, key, array)?,
        Value::LongString { .. } => return Err(not_kept(key)),
    }
    Ok(())
}

fn push_array(bytes: &mut Vec<u8>, key: &str, array: &Array) -> Result<(), GgufError> {
    let items = array.items.as_ref().ok_or_else(|| not_kept(key))?;
    if items.iter().any(|item| item.value_type() != array.element) {
        return Err(GgufError::invalid(format!("key '{key}'"), "is an array of mixed types"));
    }
    let element: ValueType = array.element;
    bytes.extend((element as u32).to_le_bytes());
    bytes.extend((items.len() as u64).to_le_bytes());
    items.iter().try_for_each(|item| push_value(bytes, key, item))
}

fn not_kept(key: &str) -> GgufError {
    let problem = "was read over and can't be written; name it in Limits::keep_keys";
    GgufError::invalid(format!("key '{key}'"), problem)
}
