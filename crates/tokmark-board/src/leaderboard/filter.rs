use serde::{Deserialize, Serialize};
use tokmark_model::{BoardRow, GradeLetter, RecordKind};

/// Which rows a leaderboard takes: those that have all that is named here.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct RowFilter {
    /// Family of the model.
    pub family: Option<String>,
    /// Exact name of the model.
    pub model: Option<String>,
    /// Hash of the model's file.
    pub model_sha256: Option<String>,
    /// Exact hardware heading.
    pub hardware: Option<String>,
    /// Fingerprint of the machine.
    pub machine: Option<String>,
    /// Part of the back ends, in upper or lower case.
    pub backend: Option<String>,
    /// Name of the engine.
    pub engine: Option<String>,
    /// Quantization.
    pub quantization: Option<String>,
    /// Shape: `tg128`, `chat`.
    pub shape: Option<String>,
    /// Requests at once.
    pub concurrency: Option<u32>,
    /// Fewest parameters.
    pub min_params: Option<u64>,
    /// Most parameters.
    pub max_params: Option<u64>,
    /// This grade or a better one.
    pub grade_at_least: Option<GradeLetter>,
    /// How the record came to be.
    pub kind: Option<RecordKind>,
    /// Load points on servers, or tests of engines.
    pub is_serving: Option<bool>,
    /// Lines at most, the fastest.
    pub limit: Option<u64>,
}

impl RowFilter {
    /// Whether a row has all that is asked. The limit is about lines, not rows.
    pub fn takes(&self, row: &BoardRow) -> bool {
        let same = |asked: &Option<String>, own: Option<&str>| {
            asked.as_deref().is_none_or(|asked| own == Some(asked))
        };
        let backend = |asked: &String| row.backends.to_lowercase().contains(&asked.to_lowercase());
        same(&self.family, Some(&row.family))
            && same(&self.model, Some(&row.model_name))
            && same(&self.model_sha256, row.model_sha256.as_deref())
            && same(&self.hardware, Some(&row.hardware))
            && same(&self.machine, Some(&row.machine_fingerprint))
            && self.backend.as_ref().is_none_or(backend)
            && self.engine.as_ref().is_none_or(|asked| asked.eq_ignore_ascii_case(&row.engine))
            && same(&self.quantization, row.quantization.as_deref())
            && same(&self.shape, Some(&row.shape))
            && self.concurrency.is_none_or(|asked| row.concurrency == Some(asked))
            && self.min_params.is_none_or(|least| row.n_params.is_some_and(|n| n >= least))
            && self.max_params.is_none_or(|most| row.n_params.is_some_and(|n| n <= most))
            && self.grade_at_least.is_none_or(|worst| row.grade.is_some_and(|own| own <= worst))
            && self.kind.is_none_or(|kind| row.kind == kind)
            && self.is_serving.is_none_or(|asked| row.is_serving == asked)
    }
}
