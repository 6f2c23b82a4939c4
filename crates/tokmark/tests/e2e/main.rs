//! The binary as its users call it, each test in a fresh home folder.

mod bad_input;
mod compat;
mod counts;
mod diff;
mod examples;
mod experiments;
mod faults;
mod gap;
mod help;
mod hidden_counts;
mod interface;
mod load;
mod load_faults;
mod load_flags;
#[path = "../../../tokmark-server/tests/server/support/postgres.rs"]
mod postgres;
mod real;
mod recipes;
mod records;
mod resume;
mod serve;
mod servers;
mod speculation;
mod support;
mod upload;
mod watch;
mod wizard;
mod workload;
