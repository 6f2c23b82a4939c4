//! Versions that servers tell only in the `system_fingerprint` of an answer.

use super::Dialect;

impl Dialect {
    /// The version in a [`crate::system_fingerprint`]: `0.32.2` of mlx_lm's
    /// `0.32.2-0.32.4-Linux-...` (its own, then that of MLX), `0.32.0` of vLLM's
    /// `vllm-0.32.0-400782a4`, all of llama.cpp's `b6500-abcdef`.
    pub fn version_of_fingerprint(self, fingerprint: &str) -> Option<String> {
        let version = match self {
            Dialect::MlxLm => fingerprint.split_once('-')?.0,
            Dialect::Vllm => {
                let rest = fingerprint.strip_prefix("vllm-")?;
                rest.rsplit_once('-').map_or(rest, |(version, _)| version)
            }
            Dialect::LlamaCpp => fingerprint,
            _ => return None,
        };
        (!version.is_empty()).then(|| version.to_owned())
    }
}
