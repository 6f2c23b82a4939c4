/// What [`super::read_peer`] understands, for the end of a message.
const UNDERSTOOD: &str = "understood are AIPerf's profile_export.jsonl and \
    profile_export_aiperf.json, GuideLLM's JSON of version 0.4 and later, and the JSON of \
    'vllm bench serve --save-result'";

/// Why a result file of another tool can't be read. No message quotes a value of the file,
/// which could be a key or a password; keys of objects are quoted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PeerError {
    /// It doesn't begin as a JSON object does.
    #[error("{file} is no result file: it begins with {found}, not with '{{'; {UNDERSTOOD}")]
    NoObject {
        /// Name of the file.
        file: String,
        /// Its first character, in words.
        found: String,
    },
    /// Its JSON is broken or cut off.
    #[error("{file} {problem} at line {line}, column {column}; write or copy it again")]
    Syntax {
        /// Name of the file.
        file: String,
        /// `is broken JSON` or `ends in the middle`.
        problem: &'static str,
        /// From 1.
        line: usize,
        /// From 1.
        column: usize,
    },
    /// JSON of something else.
    #[error("{file} is of no known tool: it holds {keys}; {UNDERSTOOD}")]
    Unknown {
        /// Name of the file.
        file: String,
        /// Its first keys.
        keys: String,
    },
    /// The result of a tool, or in a form, that isn't read.
    #[error("{file} is {what}, which is not read; {UNDERSTOOD}")]
    NotRead {
        /// Name of the file.
        file: String,
        /// Tool and form.
        what: &'static str,
    },
    /// A benchmark of something else than text generation.
    #[error("{file} measures {what}, not the generation of text, and there is no figure for it")]
    NoGeneration {
        /// Name of the file.
        file: String,
        /// What it measures.
        what: &'static str,
    },
    /// A value that can't be.
    #[error(
        "{field} of {file} is {found} where {expected} belongs; is the file from another version?"
    )]
    Field {
        /// Name of the file.
        file: String,
        /// Path to the value, as in `benchmarks[0].metrics`.
        field: String,
        /// Kind of what stands there.
        found: &'static str,
        /// What was expected.
        expected: &'static str,
    },
    /// Two columns that belong together and have different lengths.
    #[error(
        "{field} of {file} has {n} entries where {other} has {n_other}; the file was changed or cut"
    )]
    Lengths {
        /// Name of the file.
        file: String,
        /// One column.
        field: String,
        /// Its entries.
        n: usize,
        /// The other column.
        other: String,
        /// Its entries.
        n_other: usize,
    },
    /// Not one request in it.
    #[error("{file} of {tool} holds no request: there is nothing to import")]
    Empty {
        /// Name of the file.
        file: String,
        /// Tool that wrote it.
        tool: &'static str,
    },
}
