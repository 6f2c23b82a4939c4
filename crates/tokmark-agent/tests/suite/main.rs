//! The crate against a server that does what each test tells it, and real processes.

mod agent;
mod client;
mod outbox;
mod process;
mod records;
mod server;
