//! Runs kept as YAML, and the leaderboard as data.
//!
//! Three nouns. A *run* is a small YAML file: one whole record, or the compact form that a
//! person writes by hand from a page that was published somewhere. *Content* is a folder of
//! runs, with what is known of model families, of machines, and of what is planned. A
//! *leaderboard* is made from rows, whether they come from content or from a store: grouped,
//! filtered, sorted, ranked where the intervals part, and finished to its last text.
//!
//! The crate deliberately knows no store, no server and no page: it reads the folder that it is
//! given and nothing else, and computes no statistic of its own. Files are hostile: a size is
//! limited before a file is read, an anchor is refused before it is followed, and every fault
//! comes back as a [`Finding`] with file, line and column.
//!
//! ```
//! use tokmark_board::{Families, Query, leaderboard, read_run};
//! use tokmark_model::BoardRow;
//!
//! let records = read_run(
//!     "run.yaml",
//!     "tokmark_run: 1
//! model: Gemma-4-E2B-it
//! quantization: Q4_K_M
//! hardware: GeForce RTX 3090 · 24 GiB
//! engine: llama.cpp
//! engine_version: 59778f0
//! backend: CUDA
//! source: an example
//! date: 2026-04-30
//! rates_tps:
//!   all workloads: [181.1, 195.1]
//! ",
//! )?;
//! let rows: Vec<_> = records.iter().filter_map(tokmark_stats::board_row).collect();
//! let board = leaderboard(&rows, &Families::default(), &Query::default());
//! assert_eq!(board.groups[0].family, "Gemma-4");
//! assert_eq!(board.groups[0].rows[0].rate_text, "181.1–195.1");
//! # Ok::<(), tokmark_board::BoardError>(())
//! ```

mod catalogue;
mod compact;
mod content;
mod finding;
mod folder;
mod foreign;
mod form;
mod leaderboard;
mod node;
mod published;
mod run;
mod schema;
mod words;

pub use catalogue::{
    Families, Family, Hardware, Part, Planned, PlannedState, PowerCap, Source, ThroughWhat,
};
pub use compact::{CompactRun, FigureOf, RateOf, SourceKind};
pub use content::{Content, RunFile};
pub use finding::{BoardError, Finding};
pub use folder::MAX_FILE_BYTES;
pub use foreign::{NamedText, read_foreign};
pub use leaderboard::{
    Column, Direction, Group, Leaderboard, Level, Line, NoRank, Query, QueryError, RowFilter,
    ShapeRate, leaderboard,
};
pub use run::{RUN_VERSIONS, read_run, run_file_name, write_run};
pub use schema::run_schema;
