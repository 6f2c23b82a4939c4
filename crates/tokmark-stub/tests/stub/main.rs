//! The server as a client sees it, through a plain blocking socket.

mod client;
mod control;
mod dialects;
mod faults;
mod requests;
mod robustness;
mod slots;
mod streams;
mod truth;
