//! Real processes, started and ended. They are looked at through `/proc`.
#![cfg(target_os = "linux")]

mod guard;
mod probes;
mod pull;
mod start;
mod stop;
