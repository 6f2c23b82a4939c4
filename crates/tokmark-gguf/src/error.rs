use crate::Looks;

/// Why a file can't be read as a GGUF, told apart so that a caller can say what to do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum GgufError {
    /// No byte at all.
    #[error("the model file is empty; download or copy it again")]
    Empty,

    /// The file doesn't begin with the magic `GGUF`.
    #[error("not a GGUF file: it looks like {looks}; {}", looks.advice())]
    NotGguf {
        /// What the first bytes resemble.
        looks: Looks,
    },

    /// A GGUF written for a big-endian machine.
    #[error(
        "the GGUF file is big endian (version {version}) and only little endian is read; \
         convert it with gguf_convert_endian.py of llama.cpp"
    )]
    BigEndian {
        /// Its version, in the right order.
        version: u32,
    },

    /// A version other than 2 and 3.
    #[error(
        "GGUF version {version} is not supported, only 2 and 3 are; convert the model again \
         with a current llama.cpp"
    )]
    UnsupportedVersion {
        /// The version that the file claims.
        version: u32,
    },

    /// The bytes end before the header does.
    #[error("the GGUF header ends early, at byte {at} in {what}; download the file again")]
    TruncatedHeader {
        /// Offset in the file of the first field that isn't whole.
        at: u64,
        /// What was being read there.
        what: String,
    },

    /// The header is whole, the tensors aren't.
    #[error(
        "the model file is truncated: its tensors need {needed} bytes, it has {found}; \
         download it again"
    )]
    Truncated {
        /// Size that the header asks for, in bytes.
        needed: u64,
        /// Size of the file, in bytes.
        found: u64,
    },

    /// A field contradicts the format or another field.
    #[error("the GGUF header is damaged: {field} {problem}; download the file again")]
    InvalidField {
        /// The key, tensor or field at fault.
        field: String,
        /// What is wrong with it.
        problem: String,
    },

    /// A count or length beyond [`Limits`](crate::Limits): no real model has it.
    #[error(
        "the GGUF header claims {claimed} {what}, more than the limit of {limit}; \
         the file is damaged or hostile: download it again from a source you trust"
    )]
    OverLimit {
        /// What is counted, with its unit.
        what: String,
        /// The number in the header.
        claimed: u64,
        /// The limit that it breaks.
        limit: u64,
    },

    /// The reader given by the caller failed.
    #[error("cannot read the model file: {0}; check that it is readable and its disk healthy")]
    Io(#[from] std::io::Error),
}

impl GgufError {
    pub(crate) fn invalid(field: impl Into<String>, problem: impl Into<String>) -> Self {
        GgufError::InvalidField { field: field.into(), problem: problem.into() }
    }
}
