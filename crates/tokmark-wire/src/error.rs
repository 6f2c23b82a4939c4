//! What can be wrong with bytes from a server, or with an address from a user.

/// Why something could not be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WireError {
    /// An event or a body that is no valid answer: no JSON, cut JSON, invalid UTF-8, or a
    /// known field of the wrong kind.
    #[error("the server's answer is malformed: {reason}")]
    Malformed {
        /// What the JSON reader says.
        reason: String,
    },
    /// A base URL that is none. The text of the user is left out: it may hold a password.
    #[error("the server's address can't be used: {reason}; write it as http://host:port")]
    BaseUrl {
        /// What is wrong with it.
        reason: String,
    },
    /// The tokenizer endpoint answered something without a count.
    #[error("the tokenizer's answer has neither `count` nor `tokens`")]
    NoTokenCount,
}

impl WireError {
    pub(crate) fn malformed(error: serde_json::Error) -> Self {
        WireError::Malformed { reason: error.to_string() }
    }

    pub(crate) fn base_url(reason: impl Into<String>) -> Self {
        WireError::BaseUrl { reason: reason.into() }
    }
}
