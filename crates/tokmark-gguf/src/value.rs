/// The type of a metadata value, by its number in the file (`docs/gguf.md`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(missing_docs)]
#[repr(u32)]
pub enum ValueType {
    U8 = 0,
    I8 = 1,
    U16 = 2,
    I16 = 3,
    U32 = 4,
    I32 = 5,
    F32 = 6,
    Bool = 7,
    String = 8,
    Array = 9,
    U64 = 10,
    I64 = 11,
    F64 = 12,
}

impl ValueType {
    const ALL: [ValueType; 13] = [
        ValueType::U8,
        ValueType::I8,
        ValueType::U16,
        ValueType::I16,
        ValueType::U32,
        ValueType::I32,
        ValueType::F32,
        ValueType::Bool,
        ValueType::String,
        ValueType::Array,
        ValueType::U64,
        ValueType::I64,
        ValueType::F64,
    ];

    /// The type with this number; `None` beyond 12.
    pub fn from_id(id: u32) -> Option<ValueType> {
        ValueType::ALL.get(id as usize).copied()
    }

    /// Bytes of one value; `None` for strings and arrays, which bring their own length.
    pub fn fixed_bytes(self) -> Option<u64> {
        match self {
            ValueType::U8 | ValueType::I8 | ValueType::Bool => Some(1),
            ValueType::U16 | ValueType::I16 => Some(2),
            ValueType::U32 | ValueType::I32 | ValueType::F32 => Some(4),
            ValueType::U64 | ValueType::I64 | ValueType::F64 => Some(8),
            ValueType::String | ValueType::Array => None,
        }
    }

    /// Bytes that one value takes at least: 8 for a string, 12 for an array.
    pub(crate) fn least_bytes(self) -> u64 {
        self.fixed_bytes().unwrap_or(if self == ValueType::String { 8 } else { 12 })
    }
}

/// An array of one element type.
#[derive(Debug, Clone, PartialEq)]
pub struct Array {
    /// Type of its elements.
    pub element: ValueType,
    /// How many it has in the file.
    pub len: u64,
    /// The elements; `None` when they were read over (see
    /// [`Limits::keep_array_len`](crate::Limits::keep_array_len)).
    pub items: Option<Vec<Value>>,
}

/// One metadata value.
#[derive(Debug, Clone, PartialEq)]
#[allow(missing_docs)]
pub enum Value {
    U8(u8),
    I8(i8),
    U16(u16),
    I16(i16),
    U32(u32),
    I32(i32),
    F32(f32),
    Bool(bool),
    /// Bytes that aren't UTF-8 stand as U+FFFD: old vocabularies hold such strings.
    String(String),
    /// A string that was read over; only its length in bytes is known.
    LongString {
        n_bytes: u64,
    },
    Array(Array),
    U64(u64),
    I64(i64),
    F64(f64),
}

impl Value {
    /// Its type.
    pub fn value_type(&self) -> ValueType {
        match self {
            Value::U8(_) => ValueType::U8,
            Value::I8(_) => ValueType::I8,
            Value::U16(_) => ValueType::U16,
            Value::I16(_) => ValueType::I16,
            Value::U32(_) => ValueType::U32,
            Value::I32(_) => ValueType::I32,
            Value::F32(_) => ValueType::F32,
            Value::Bool(_) => ValueType::Bool,
            Value::String(_) | Value::LongString { .. } => ValueType::String,
            Value::Array(_) => ValueType::Array,
            Value::U64(_) => ValueType::U64,
            Value::I64(_) => ValueType::I64,
            Value::F64(_) => ValueType::F64,
        }
    }

    /// A whole number of any width that isn't negative; `None` for everything else.
    pub fn as_u64(&self) -> Option<u64> {
        match *self {
            Value::U8(n) => Some(n.into()),
            Value::U16(n) => Some(n.into()),
            Value::U32(n) => Some(n.into()),
            Value::U64(n) => Some(n),
            Value::I8(n) => u64::try_from(n).ok(),
            Value::I16(n) => u64::try_from(n).ok(),
            Value::I32(n) => u64::try_from(n).ok(),
            Value::I64(n) => u64::try_from(n).ok(),
            _ => None,
        }
    }

    /// A truth value; whole numbers count as one, since per-layer patterns are written
    /// both ways.
    pub fn as_bool(&self) -> Option<bool> {
        match *self {
            Value::Bool(truth) => Some(truth),
            _ => self.as_u64().map(|n| n != 0),
        }
    }

    /// A string that was kept.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Value::String(text) => Some(text),
            _ => None,
        }
    }

    /// An array, kept or not.
    pub fn as_array(&self) -> Option<&Array> {
        match self {
            Value::Array(array) => Some(array),
            _ => None,
        }
    }
}

impl From<u32> for Value {
    fn from(number: u32) -> Self {
        Value::U32(number)
    }
}

impl From<u64> for Value {
    fn from(number: u64) -> Self {
        Value::U64(number)
    }
}

impl From<i32> for Value {
    fn from(number: i32) -> Self {
        Value::I32(number)
    }
}

impl From<f32> for Value {
    fn from(number: f32) -> Self {
        Value::F32(number)
    }
}

impl From<bool> for Value {
    fn from(truth: bool) -> Self {
        Value::Bool(truth)
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Value::String(text.to_owned())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Value::String(text)
    }
}

impl<T: Into<Value>> From<Vec<T>> for Value {
    /// An array; an empty one has elements of type `u32`, which no reader looks at.
    fn from(items: Vec<T>) -> Self {
        let items: Vec<Value> = items.into_iter().map(Into::into).collect();
        let element = items.first().map_or(ValueType::U32, Value::value_type);
        Value::Array(Array { element, len: items.len() as u64, items: Some(items) })
    }
}
