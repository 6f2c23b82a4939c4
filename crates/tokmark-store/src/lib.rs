//! Records kept: SQLite without a server, PostgreSQL by a URL, the same code on both.
//!
//! Three nouns carry everything. A [`StoreUrl`] says where records are kept. A
//! [`Store`] saves, finds and annotates them; each [`Store::save`] is one transaction,
//! so that a test is kept before the next begins. A [`RecordRow`] is what a list shows
//! of a record: the searched columns, its notes and its tags, without its samples.
//!
//! Beside these stand small rooms of a server: [`Board`] (the leaderboard, one row for each
//! configuration, kept right by whatever saves and removes), [`Jobs`] (work that one agent
//! at a time holds by a lease) and [`Tokens`] (who may do what).
//!
//! A record's body is kept whole, as JSON, and never changes. Notes and tags stand
//! beside it and are put back into the record when it is read; two programs may
//! therefore annotate and save at once and lose nothing.
//!
//! This crate deliberately knows no statistics, no engine and no clock: what it shows
//! is what a record says, and the time is an argument. It reads no environment variable
//! either.
//!
//! ```
//! # use tokmark_store::{Filter, Store, StoreUrl};
//! # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
//! let folder = tempfile::tempdir().unwrap();
//! let store = Store::open(&StoreUrl::Sqlite(folder.path().join("tokmark.db"))).await?;
//! let fastest = Filter { model: Some("smollm2".into()), limit: Some(10), ..Filter::default() };
//! assert!(store.list(&fastest).await?.is_empty());
//! # Ok::<(), tokmark_store::StoreError>(())
//! # }).unwrap();
//! ```

mod backup;
mod board;
mod catalogue;
mod connect;
mod entity;
mod error;
mod filter;
mod job_row;
mod jobs;
mod location;
mod machines;
mod newest;
mod page;
mod row;
mod schema;
mod store;
mod tables;
mod tokens;
mod upgrade;

pub use board::{Board, BoardChoices, BoardFilter};
pub use connect::OpenOptions;
pub use error::StoreError;
pub use filter::{Direction, Filter, Sort, SortKey};
pub use job_row::AgentRow;
pub use jobs::{Jobs, MAX_ATTEMPTS};
pub use location::{StoreUrl, default_data_folder};
pub use machines::{MachineRow, ModelRow};
pub use page::{Cursor, Page, by_rate};
pub use row::{RecordRow, RunRow};
pub use schema::SCHEMA_VERSION;
pub use store::{MAX_TAG_BYTES, Store};
pub use tokens::{NewToken, Scope, TokenRow, Tokens};
