//! What can go wrong, as the caller has to tell it apart.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokmark_model::Uuid;

/// Why the server did not do what it was asked. Texts of the server are cut to 500 characters
/// and escaped; no variant holds the token.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ClientError {
    /// The address cannot be one of a server.
    #[error("this is no address of a server: {reason}")]
    BadAddress {
        /// What is wrong with it, without the address, which may hold a password.
        reason: &'static str,
    },
    /// The token cannot be one.
    #[error("the token holds characters that no token has; copy it again, without blanks")]
    BadToken,
    /// There was no answer. Trying again may help.
    #[error("cannot reach {host}: {reason}")]
    Unreachable {
        /// Host and port.
        host: String,
        /// Why.
        reason: String,
    },
    /// The server answers, but cannot or will not do it now. Trying again helps.
    #[error("{host} cannot do it now (HTTP {status}): {message}")]
    Unavailable {
        /// Host and port.
        host: String,
        /// HTTP status.
        status: u16,
        /// How long it asks to be let alone.
        retry_after: Option<Duration>,
        /// What it says.
        message: String,
    },
    /// The server will not do it, however often it is asked.
    #[error("the server refuses it ({code}, HTTP {status}): {message}")]
    Refused {
        /// HTTP status.
        status: u16,
        /// The server's word for the reason: `summary_differs`.
        code: String,
        /// What it says.
        message: String,
        /// The record at fault, where it names one.
        record: Option<Uuid>,
    },
    /// The token is missing, expired, revoked, or does not allow it.
    #[error("the server does not allow it with this token (HTTP {status}): {message}")]
    NotAuthorized {
        /// HTTP status.
        status: u16,
        /// What it says.
        message: String,
    },
    /// Another agent has the job, or it is over.
    #[error("the lease of this job is lost: {message}")]
    LeaseLost {
        /// What the server says.
        message: String,
    },
    /// Something answered, but not as a Tokmark server does: a proxy, say.
    #[error("{host} answers, but not as a Tokmark server does: {reason}")]
    Strange {
        /// Host and port.
        host: String,
        /// What is odd.
        reason: String,
    },
}

impl ClientError {
    /// Whether the same request may be answered later.
    pub fn is_passing(&self) -> bool {
        matches!(
            self,
            ClientError::Unreachable { .. }
                | ClientError::Unavailable { .. }
                | ClientError::Strange { .. }
        )
    }

    /// How long the server asks to be let alone.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            ClientError::Unavailable { retry_after, .. } => *retry_after,
            _ => None,
        }
    }

    /// Whether what was uploaded is at fault, and not the address, the token or the server.
    pub(crate) fn is_of_the_records(&self) -> bool {
        match self {
            ClientError::Refused { status: 400 | 409 | 413 | 422, .. } => true,
            // Some records need more rights than others.
            ClientError::Refused { status: 403, record, .. } => record.is_some(),
            _ => false,
        }
    }
}

/// Why the outbox could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum OutboxError {
    /// The system refused it.
    #[error("cannot {verb} {}: {error}", path.display())]
    Io {
        /// `read`, `write`, `lock` or `remove`.
        verb: &'static str,
        /// File or folder.
        path: PathBuf,
        /// The system's reason.
        error: io::Error,
    },
}

impl OutboxError {
    /// The error of a system call on `path`.
    pub(crate) fn io(verb: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |error| OutboxError::Io { verb, path, error }
    }
}

/// Why an agent ended, or why a job was not begun.
#[derive(Debug, thiserror::Error)]
pub enum AgentError {
    /// The server will have nothing to do with this agent.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// What was measured could not be kept.
    #[error("{0}; what was measured is not uploaded")]
    Outbox(#[from] OutboxError),
    /// The job asks for what no command line can say.
    #[error("the job is unsound: {field} {reason}")]
    Unsound {
        /// The field at fault.
        field: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// The program that measures could not be started.
    #[error("cannot start {}: {error}", program.display())]
    Start {
        /// The program, or the folder that it needs.
        program: PathBuf,
        /// The system's reason.
        error: io::Error,
    },
}
