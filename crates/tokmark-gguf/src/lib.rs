//! What a GGUF file says of itself: header, tensors, facts, KV cache size, and a
//! writer that makes tiny valid and deliberately broken models.
//!
//! Three nouns carry it. A [`Header`] is the metadata and the tensor list, read from
//! any `impl Read` in bounded memory. [`facts`] turns it into the record's
//! [`ModelFacts`](tokmark_model::ModelFacts). A [`KvShape`] is what the attention layers
//! must remember, which says how long a context fits.
//!
//! The crate deliberately opens no path, reads no weights, computes no hash, knows no
//! engine and no network: bytes come from the caller. A header is never trusted: no
//! length in it is allocated before as many bytes have been read, and [`Limits`] bound
//! everything else.
//!
//! The format is the one of `docs/gguf.md` in the ggml repository, versions 2 and 3,
//! little endian. Where that text leaves a choice, the reader of llama.cpp
//! (`ggml/src/gguf.cpp`) decides, because its opinion is what a measurement meets.
//!
//! ```
//! use tokmark_gguf::{facts, tiny_llama, Header, KvShape, Limits, TinyLlama};
//! use tokmark_model::{Bytes, KvType};
//!
//! let file = tiny_llama(&TinyLlama::default());
//! let header = Header::read(&mut file.as_slice(), &Limits::default())?;
//! header.check_file_size(file.len() as u64)?;
//!
//! let facts = facts(&header, "tiny.gguf", Bytes(file.len() as u64));
//! assert_eq!(facts.architecture.as_deref(), Some("llama"));
//!
//! // 2 layers x 2 heads x (16 + 16) x 2 bytes x 100 positions
//! let shape = KvShape::from_header(&header).expect("an attention model");
//! assert_eq!(shape.kv_bytes(100, KvType::F16, KvType::F16), Bytes(25_600));
//! # Ok::<(), tokmark_gguf::GgufError>(())
//! ```

mod budget;
mod error;
mod facts;
mod ftype;
mod header;
mod kv;
mod layers;
mod layout;
mod limits;
mod looks;
mod metadata;
mod reader;
mod tensor_type;
mod tiny;
mod value;
mod writer;

pub use budget::{ContextBudget, largest_context};
pub use error::GgufError;
pub use facts::facts;
pub use ftype::file_type_label;
pub use header::{Header, Tensor};
pub use kv::{KvLayer, KvShape};
pub use limits::Limits;
pub use looks::Looks;
pub use metadata::Metadata;
pub use tensor_type::TensorType;
pub use tiny::{TinyAbort, TinyLlama, tiny_llama, tiny_llama_that_aborts, tiny_llama_writer};
pub use value::{Array, Value, ValueType};
pub use writer::{TensorData, Writer};
