//! One suite for both databases, and what only one of them can suffer.

mod backup;
mod board;
mod concurrency;
mod finding;
mod jobs;
mod latency;
mod leases;
mod paging;
mod place;
mod postgres;
mod processes;
mod sample;
mod saving;
mod sqlite;
#[cfg(unix)]
mod sqlite_limits;
mod tokens;
mod upgrade;
