//! AIPerf: its records, one request a line (`profile_export.jsonl`), and its summary
//! (`profile_export_aiperf.json`).
//!
//! Definitions, from AIPerf 0.13 (`docs/metrics-reference.md`, `src/aiperf/metrics/types`):
//! a chunk counts when it carries text, reasoning or a tool call, so an empty opening event
//! is no token. `time_to_first_token` and `request_latency` end at the first and the last of
//! those chunks; both begin when the request is handed to the HTTP client, so they hold the
//! wait for a free connection. `inter_chunk_latency` is our ITL; `inter_token_latency` is
//! (`request_latency` - `time_to_first_token`) / (output tokens - tokens of the first chunk),
//! one figure a request: our TPOT. Each value names its unit. Standard deviations divide by n.

mod config;
mod records;
mod summary;

pub(super) use records::read as read_records;
pub(super) use summary::read as read_summary;

/// The tool's name in records.
const TOOL: &str = "aiperf";
