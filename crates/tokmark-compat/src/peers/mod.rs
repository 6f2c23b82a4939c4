//! Result files of AIPerf, GuideLLM and `vllm bench serve` as records of their own kinds:
//! with its requests where a file has every one, with its summary alone otherwise.
//!
//! Nothing is measured or computed here. Where a tool defines a figure otherwise than we do, a
//! flag of the record says so; the definitions stand in the modules of the tools.

mod address;
mod aiperf;
mod error;
mod failure;
mod figures;
mod flags;
mod guidellm;
mod kind;
mod moment;
mod node;
mod point;
mod vllm;

use tokmark_model::{Record, Timestamp};

pub use error::PeerError;
use kind::Kind;
use point::Source;

/// Levels of the quantiles that a [`tokmark_model::Distribution`] keeps, with their percent.
const LEVELS: [(f64, &str); 5] =
    [(0.5, "50"), (0.9, "90"), (0.95, "95"), (0.99, "99"), (0.999, "99.9")];

/// Whether `text` is a result file of another tool, be it one that [`read_peer`] reads or one
/// that it only knows by name. Records of our own and unknown files are none.
pub fn is_peer_file(text: &str) -> bool {
    matches!(kind::of(without_mark(text), ""), Ok(kind) if kind != Kind::Own)
}

/// Reads the result file `text` of another tool, whichever it is, told from its content.
///
/// AIPerf's `profile_export.jsonl` gives one record with its requests, its
/// `profile_export_aiperf.json` one with its summary. GuideLLM's JSON gives a record for each
/// benchmark. `vllm bench serve --save-result` gives a record for each result appended to the
/// file, with its requests after `--save-detailed`.
///
/// A record with requests is of the kind [`Imported`](tokmark_model::RecordKind::Imported) and
/// has no summary: that is left to `tokmark-stats`. One without is of the kind
/// [`ImportedSummary`](tokmark_model::RecordKind::ImportedSummary), with the figures and
/// intervals of its source and no others. No record has a grade. The machine is unknown.
///
/// `created_at` is the file's own time, and `written_at` where it has none. Names of records
/// come from the text alone, so the same file gives the same records again. No key, header,
/// password, prompt or answer gets into a record or an error.
///
/// # Errors
/// When the text is of no known tool, broken, cut off, contradicts itself, or holds no request;
/// `file_name` is the name in the message.
///
/// ```
/// use tokmark_compat::peers::{is_peer_file, read_peer};
/// use tokmark_model::{RecordKind, Timestamp};
///
/// let text = r#"{"date": "20261121-211817", "backend": "openai", "model_id": "tiny",
///     "request_rate": "inf", "max_concurrency": 4, "duration": 17.0, "completed": 8, "failed": 0,
///     "total_input_tokens": 80, "total_output_tokens": 160, "request_throughput": 0.5,
///     "mean_ttft_ms": 51.8, "median_ttft_ms": 51.4, "std_ttft_ms": 1.6, "p99_ttft_ms": 58.2}"#;
/// assert!(is_peer_file(text));
/// let records = read_peer(text, "tiny.json", Timestamp::UNIX_EPOCH)?;
/// assert_eq!(records[0].kind, RecordKind::ImportedSummary);
/// assert_eq!(records[0].label(), "imported x 4");
/// # Ok::<(), tokmark_compat::peers::PeerError>(())
/// ```
pub fn read_peer(
    text: &str,
    file_name: &str,
    written_at: Timestamp,
) -> Result<Vec<Record>, PeerError> {
    let source = Source { text: without_mark(text), file: file_name, written_at };
    match kind::of(source.text, file_name)? {
        Kind::AiperfRecords => aiperf::read_records(&source),
        Kind::AiperfSummary => aiperf::read_summary(&source),
        Kind::Guidellm => guidellm::read(&source),
        Kind::VllmBench => vllm::read(&source),
        Kind::NotRead(what) => Err(PeerError::NotRead { file: file_name.to_owned(), what }),
        Kind::Own => {
            let what = "a record of Tokmark's own";
            Err(PeerError::NotRead { file: file_name.to_owned(), what })
        }
    }
}

/// `text` without the mark that some editors put before UTF-8.
fn without_mark(text: &str) -> &str {
    text.strip_prefix('\u{feff}').unwrap_or(text)
}
