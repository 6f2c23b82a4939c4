//! A running server, asked over HTTP. One program: each further one would compile the server's
//! and the store's generic code once more.

mod api;
mod away;
mod pages;
mod signature;
mod support;
mod trust;
