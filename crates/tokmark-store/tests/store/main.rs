//! One suite for both databases, and what only one of them can suffer.

mod concurrency;
mod finding;
mod place;
mod postgres;
mod processes;
mod sample;
mod saving;
mod sqlite;
#[cfg(unix)]
mod sqlite_limits;
