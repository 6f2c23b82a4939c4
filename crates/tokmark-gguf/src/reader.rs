use std::io::{self, BufRead, BufReader, Read};

use crate::{Array, GgufError, Limits, Value, ValueType};

/// Little-endian reading with a position, a context for messages, and the limits.
pub(crate) struct HeaderReader<'a, R: Read> {
    input: BufReader<&'a mut R>,
    limits: &'a Limits,
    /// Bytes consumed so far.
    at: u64,
    /// Bytes of memory charged for what is kept.
    kept: u64,
    /// What is being read, and which one of them.
    context: (&'static str, Option<u64>),
}

const BUFFER_BYTES: usize = 64 * 1024;

impl<'a, R: Read> HeaderReader<'a, R> {
    pub(crate) fn new(input: &'a mut R, limits: &'a Limits) -> Self {
        HeaderReader {
            input: BufReader::with_capacity(BUFFER_BYTES, input),
            limits,
            at: 0,
            kept: 0,
            context: ("the first bytes", None),
        }
    }

    pub(crate) fn at(&self) -> u64 {
        self.at
    }

    pub(crate) fn set_context(&mut self, what: &'static str, index: Option<u64>) {
        self.context = (what, index);
    }

    /// What is being read, for a message: `tensor 12`.
    pub(crate) fn context(&self) -> String {
        match self.context {
            (what, Some(index)) => format!("{what} {index}"),
            (what, None) => what.to_owned(),
        }
    }

    /// Up to `n` bytes, fewer only at the end of the input.
    pub(crate) fn prefix(&mut self, n: u64) -> Result<Vec<u8>, GgufError> {
        let mut bytes = Vec::new();
        self.at += (&mut self.input).take(n).read_to_end(&mut bytes)? as u64;
        Ok(bytes)
    }

    pub(crate) fn u32(&mut self) -> Result<u32, GgufError> {
        self.bytes().map(u32::from_le_bytes)
    }

    pub(crate) fn u64(&mut self) -> Result<u64, GgufError> {
        self.bytes().map(u64::from_le_bytes)
    }

    fn bytes<const N: usize>(&mut self) -> Result<[u8; N], GgufError> {
        self.claim(N as u64)?;
        let mut bytes = [0; N];
        match self.input.read_exact(&mut bytes) {
            Ok(()) => {
                self.at += N as u64;
                Ok(bytes)
            }
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Err(self.ends_early()),
            Err(error) => Err(error.into()),
        }
    }

    /// The length of a string that comes next.
    fn string_len(&mut self) -> Result<u64, GgufError> {
        let len = self.u64()?;
        let limit = self.limits.max_string_bytes;
        if len > limit {
            let what = format!("bytes for a string in {}", self.context());
            return Err(GgufError::OverLimit { what, claimed: len, limit });
        }
        Ok(len)
    }

    /// A key or tensor name: at most `longest` bytes of UTF-8, charged for in full.
    pub(crate) fn name(&mut self, longest: u64) -> Result<String, GgufError> {
        let len = self.string_len()?;
        if len > longest {
            let problem = format!("has a name of {len} bytes, {longest} are allowed");
            return Err(GgufError::invalid(self.context(), problem));
        }
        let bytes = self.string_bytes(len)?;
        self.must_keep(len)?;
        String::from_utf8(bytes)
            .map_err(|_| GgufError::invalid(self.context(), "has a name that is not UTF-8"))
    }

    /// Grows with the bytes that arrive, never by `len` alone.
    fn string_bytes(&mut self, len: u64) -> Result<Vec<u8>, GgufError> {
        self.claim(len)?;
        let start = self.at;
        let bytes = self.prefix(len)?;
        if (bytes.len() as u64) < len {
            self.at = start;
            return Err(self.ends_early());
        }
        Ok(bytes)
    }

    /// One value. `keep_all` lifts the limits on what is kept, not those on memory.
    pub(crate) fn value(&mut self, of: ValueType, keep_all: bool) -> Result<Value, GgufError> {
        match of {
            ValueType::Array => self.array(keep_all, true, 1).map(Value::Array),
            ValueType::String => self.string(keep_all),
            scalar => self.scalar(scalar),
        }
    }

    fn scalar(&mut self, of: ValueType) -> Result<Value, GgufError> {
        Ok(match of {
            ValueType::U8 => Value::U8(u8::from_le_bytes(self.bytes()?)),
            ValueType::I8 => Value::I8(i8::from_le_bytes(self.bytes()?)),
            ValueType::U16 => Value::U16(u16::from_le_bytes(self.bytes()?)),
            ValueType::I16 => Value::I16(i16::from_le_bytes(self.bytes()?)),
            ValueType::U32 => Value::U32(self.u32()?),
            ValueType::I32 => Value::I32(i32::from_le_bytes(self.bytes()?)),
            ValueType::F32 => Value::F32(f32::from_le_bytes(self.bytes()?)),
            ValueType::U64 => Value::U64(self.u64()?),
            ValueType::I64 => Value::I64(i64::from_le_bytes(self.bytes()?)),
            ValueType::F64 => Value::F64(f64::from_le_bytes(self.bytes()?)),
            ValueType::Bool => match self.bytes::<1>()? {
                [0] => Value::Bool(false),
                [1] => Value::Bool(true),
                [other] => {
                    let problem = format!("holds the truth value {other}, only 0 and 1 exist");
                    return Err(GgufError::invalid(self.context(), problem));
                }
            },
            ValueType::String | ValueType::Array => unreachable!("not a scalar"),
        })
    }

    fn string(&mut self, keep_all: bool) -> Result<Value, GgufError> {
        let n_bytes = self.string_len()?;
        let wanted = keep_all || n_bytes <= self.limits.keep_string_bytes;
        if wanted && self.may_keep(n_bytes) {
            let bytes = self.string_bytes(n_bytes)?;
            return Ok(Value::String(match String::from_utf8(bytes) {
                Ok(text) => text,
                Err(error) => String::from_utf8_lossy(error.as_bytes()).into_owned(),
            }));
        }
        self.skip(n_bytes)?;
        Ok(Value::LongString { n_bytes })
    }

    fn array(&mut self, keep_all: bool, keep: bool, depth: u32) -> Result<Array, GgufError> {
        let limit = self.limits.max_nesting;
        if depth > limit {
            let what = format!("nested arrays in {}", self.context());
            return Err(GgufError::OverLimit { what, claimed: depth.into(), limit: limit.into() });
        }
        let id = self.u32()?;
        let element = ValueType::from_id(id).ok_or_else(|| {
            GgufError::invalid(self.context(), format!("is an array of unknown type {id}"))
        })?;
        let len = self.u64()?;
        // Told at once, before its elements are read one by one.
        let least = len.checked_mul(element.least_bytes()).ok_or_else(|| self.ends_early())?;
        self.claim(least)?;

        let wanted = keep && (keep_all || len <= self.limits.keep_array_len);
        if !wanted || !self.may_keep(len.saturating_mul(size_of::<Value>() as u64)) {
            self.skip_elements(element, len, depth)?;
            return Ok(Array { element, len, items: None });
        }
        let mut items = Vec::new();
        for _ in 0..len {
            items.push(match element {
                ValueType::Array => Value::Array(self.array(keep_all, keep, depth + 1)?),
                ValueType::String => self.string(keep_all)?,
                scalar => self.scalar(scalar)?,
            });
        }
        Ok(Array { element, len, items: Some(items) })
    }

    fn skip_elements(&mut self, of: ValueType, len: u64, depth: u32) -> Result<(), GgufError> {
        if let Some(each) = of.fixed_bytes() {
            let total = len.checked_mul(each).ok_or_else(|| self.ends_early())?;
            return self.skip(total);
        }
        for _ in 0..len {
            if of == ValueType::Array {
                self.array(false, false, depth + 1)?;
            } else {
                let n_bytes = self.string_len()?;
                self.skip(n_bytes)?;
            }
        }
        Ok(())
    }

    /// Passes over `n` bytes without keeping them.
    fn skip(&mut self, n: u64) -> Result<(), GgufError> {
        self.claim(n)?;
        let start = self.at;
        let mut left = n;
        while left > 0 {
            let available = match self.input.fill_buf() {
                Ok(bytes) => bytes.len() as u64,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error.into()),
            };
            if available == 0 {
                self.at = start;
                return Err(self.ends_early());
            }
            let step = available.min(left);
            self.input.consume(step as usize);
            self.at += step;
            left -= step;
        }
        Ok(())
    }

    /// Checks that the next `n` bytes can exist at all.
    fn claim(&self, n: u64) -> Result<(), GgufError> {
        let end = self.at.saturating_add(n);
        if self.limits.file_size.is_some_and(|size| end > size) {
            return Err(self.ends_early());
        }
        let limit = self.limits.max_header_bytes;
        if end > limit {
            let what = format!("bytes up to {}", self.context());
            return Err(GgufError::OverLimit { what, claimed: end, limit });
        }
        Ok(())
    }

    fn ends_early(&self) -> GgufError {
        GgufError::TruncatedHeader { at: self.at, what: self.context() }
    }

    /// Charges `n` bytes of memory if that many are left.
    fn may_keep(&mut self, n: u64) -> bool {
        let total = self.kept.saturating_add(n);
        if total > self.limits.max_kept_bytes {
            return false;
        }
        self.kept = total;
        true
    }

    /// Charges `n` bytes of memory for something that can't be left out.
    pub(crate) fn must_keep(&mut self, n: u64) -> Result<(), GgufError> {
        if self.may_keep(n) {
            return Ok(());
        }
        let what = format!("bytes of names up to {}", self.context());
        let limit = self.limits.max_kept_bytes;
        Err(GgufError::OverLimit { what, claimed: self.kept.saturating_add(n), limit })
    }
}
