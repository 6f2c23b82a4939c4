//! llama-bench's command line and output, as data and pure functions: its spellings, its
//! lists and ranges, its matrix of tests in its order, and its five output formats. And in
//! [`peers`] the result files of the tools that measure servers.
//!
//! Three steps carry a command line to tests. [`spelling::to_long_flags`] turns every
//! llama-bench spelling into one canonical long flag, so that an ordinary argument parser
//! can take over. [`Matrix::read`] reads the list behind such a flag. [`Matrix::expand`]
//! gives the planned tests in llama-bench's order. On the way out, a [`Printer`] writes
//! records as llama-bench would have written them.
//!
//! The behaviour followed is that of llama-bench in llama.cpp 11434. Where this crate
//! differs on purpose, the item says so and why.
//!
//! This crate deliberately knows no engine, no file and no argument parser: it can't say
//! whether a device or a buffer type exists, and it writes only where it is told to.
//!
//! ```
//! use tokmark_compat::{Matrix, spelling};
//!
//! let args = spelling::to_long_flags(["-ngl", "-1", "-p", "128-512*2"].map(Into::into));
//! assert_eq!(args, ["--n-gpu-layers=-1", "--n-prompt=128-512*2"]);
//!
//! let mut given = Matrix::default();
//! given.read("--n-prompt", "128-512*2")?;
//! given.read("--n-gen", "0")?;
//! let matrix = given.or_defaults(&Matrix::defaults(4));
//! assert_eq!(matrix.len(), 3);
//! let labels: Vec<_> = matrix.expand().map(|planned| planned.test.label()).collect();
//! assert_eq!(labels, ["pp128", "pp256", "pp512"]);
//! # Ok::<(), tokmark_compat::CompatError>(())
//! ```

mod error;
pub mod formats;
pub mod lists;
mod matrix;
pub mod peers;
pub mod spelling;
mod usage;
mod validate;

pub use error::CompatError;
pub use formats::{Format, Printer};
pub use matrix::Matrix;
pub use peers::{PeerError, is_peer_file, read_peer};
pub use usage::usage;
pub use validate::validate;
