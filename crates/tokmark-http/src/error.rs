use std::path::PathBuf;

/// Why an endpoint can't be measured. No message holds a header or a key.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum HttpError {
    /// The address is no base URL.
    #[error("{url} is no address of a server: {reason}; write e.g. http://127.0.0.1:8080")]
    Url {
        /// As given, without user and password.
        url: String,
        /// Why.
        reason: String,
    },
    /// The host has no address.
    #[error("{host} can't be found: {reason}")]
    Resolve {
        /// The host.
        host: String,
        /// Why.
        reason: String,
    },
    /// A header can't be sent.
    #[error("the header {name} has characters that HTTP does not allow")]
    Header {
        /// Its name; never its value.
        name: String,
    },
    /// A certificate can't be read.
    #[error("{} is no file of certificates in PEM: {reason}", file.display())]
    Certificate {
        /// The file.
        file: PathBuf,
        /// Why.
        reason: String,
    },
    /// TLS can't be set up.
    #[error("TLS can't be set up: {reason}")]
    Tls {
        /// Why.
        reason: String,
    },
    /// Nothing useful answered.
    #[error("{url} {reason}")]
    Unreachable {
        /// The base URL.
        url: String,
        /// What happened, for people, with what to try.
        reason: String,
    },
    /// The server has no such model, or lists none or several.
    #[error("{reason}")]
    Model {
        /// What it has, and what to write.
        reason: String,
    },
    /// The runtime or a thread can't be started, or the log can't be written.
    #[error("{what}: {source}")]
    System {
        /// What failed.
        what: &'static str,
        /// The system's reason.
        source: std::io::Error,
    },
}
