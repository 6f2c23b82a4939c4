use std::fs::File;
use std::io::BufReader;
use std::path::PathBuf;

use tokmark_gguf::{GgufError, Header, KvShape, Limits};
use tokmark_hub::{Hub, HubError, LocalModel};
use tokmark_model::{Bytes, ModelFacts, PlannedTest};

/// A model that lies on this machine: where, and what is known of it before an engine
/// has seen it.
#[derive(Debug, Clone)]
pub struct Subject {
    /// The file to give to the engine.
    pub path: PathBuf,
    /// What the user called it, for output in llama-bench's formats.
    pub asked_as: String,
    /// Its facts, from header, source and hash.
    pub facts: ModelFacts,
    /// Size of its KV cache, where the header tells.
    pub kv: Option<KvShape>,
}

/// Why a file is no subject.
#[derive(Debug, thiserror::Error)]
pub enum SubjectError {
    /// It could not be read.
    #[error("cannot read {path}: {fault}", path = path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system says.
        fault: std::io::Error,
    },
    /// It is no whole GGUF file.
    #[error("{path}: {fault}", path = path.display())]
    Gguf {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        fault: GgufError,
    },
    /// Its hash could not be computed.
    #[error(transparent)]
    Hub(#[from] HubError),
}

impl Subject {
    /// Memory that the largest of `planned` needs beside the engine's buffers: weights and KV
    /// cache.
    pub fn needs(&self, planned: &[PlannedTest]) -> Bytes {
        let cache = |planned: &PlannedTest| {
            let (test, params) = (&planned.test, &planned.params);
            let one = self.kv.as_ref().map_or(0, |kv| {
                kv.allocated_bytes(test.n_ctx(), params.n_ubatch, params.type_k, params.type_v)
                    .get()
            });
            one.saturating_mul(u64::from(test.n_parallel))
        };
        let largest = planned.iter().map(cache).max().unwrap_or(0);
        Bytes(self.facts.file_size_bytes.get().saturating_add(largest))
    }

    /// Reads the header of `model`, checks that the file is whole, and hashes it.
    ///
    /// # Errors
    /// [`SubjectError`] when the file is missing, truncated or no GGUF.
    pub fn open(hub: &Hub, model: &LocalModel, asked_as: &str) -> Result<Self, SubjectError> {
        let path = model.path.clone();
        let io = |fault| SubjectError::Io { path: path.clone(), fault };
        let file = File::open(&path).map_err(io)?;
        let size = file.metadata().map_err(io)?.len();
        let gguf = |fault| SubjectError::Gguf { path: path.clone(), fault };
        let header =
            Header::read(&mut BufReader::new(file), &Limits::for_file_size(size)).map_err(gguf)?;
        header.check_file_size(size).map_err(gguf)?;
        let parts = model.parts.iter().map(|part| Ok(std::fs::metadata(part)?.len()));
        let whole: u64 = parts.sum::<std::io::Result<u64>>().map_err(io)?;
        let file_name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
        let mut facts = tokmark_gguf::facts(&header, &file_name, Bytes(whole.max(size)));
        let stem = file_name.trim_end_matches(".gguf").to_owned();
        let title = std::mem::replace(&mut facts.name, stem);
        facts.title = (title != facts.name).then_some(title);
        facts.source = Some(model.source_label.clone());
        facts.publisher = model.publisher.clone().or(facts.publisher);
        facts.sha256 = Some(hub.model_sha256(model)?);
        let kv = KvShape::from_header(&header);
        Ok(Subject { path, asked_as: asked_as.to_owned(), facts, kv })
    }
}
