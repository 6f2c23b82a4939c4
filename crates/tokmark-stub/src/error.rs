//! What can go wrong with the server itself.

use std::io;
use std::net::SocketAddr;

/// Why a server does not start, or a text about one is not understood.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StubError {
    /// The address cannot be had.
    #[error("cannot listen on {address}: {source}; give another port, or 0 for any free one")]
    Listen {
        /// The address asked for.
        address: SocketAddr,
        /// What the system says.
        source: io::Error,
    },

    /// A thread, a poll set or a timer was refused by the system.
    #[error("cannot run the server's threads: {0}")]
    Thread(#[from] io::Error),

    /// An option out of its bounds.
    #[error("{option} must be from {low} to {high}")]
    Option {
        /// Its name.
        option: &'static str,
        /// Least value.
        low: u64,
        /// Greatest value.
        high: u64,
    },

    /// A word of a behaviour that is not understood.
    #[error("mode {word:?}: {reason}")]
    Mode {
        /// The word.
        word: String,
        /// What is wrong with it.
        reason: String,
    },

    /// A text that is no truth of a server.
    #[error("this is no truth of a tokmark stub: {0}; read it from /stub/truth")]
    Truth(#[from] serde_json::Error),
}
