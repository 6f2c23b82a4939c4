//! Small exchanges beside the measured ones: probing, tokenizing, counters.

use std::time::Duration;

use tokmark_model::RequestError;

use crate::connection::{Broken, Connection, Head};
use crate::target::Target;

/// More of an answer is not read.
const MAX_BODY: usize = 8 << 20;

/// An answer read to its end.
#[derive(Debug, Clone)]
pub(crate) struct Fetched {
    pub(crate) head: Head,
    pub(crate) body: Vec<u8>,
}

/// Why there is no answer.
#[derive(Debug, Clone)]
pub(crate) struct NoAnswer {
    pub(crate) kind: RequestError,
    /// What was wrong with TLS, about the server.
    pub(crate) tls_reason: Option<String>,
}

impl From<Broken> for NoAnswer {
    fn from(broken: Broken) -> Self {
        let kind = broken.kind();
        match broken {
            Broken::Tls(reason) => NoAnswer { kind, tls_reason: Some(reason) },
            _ => NoAnswer { kind, tls_reason: None },
        }
    }
}

/// Asks once on a connection of its own. `body` empty for none.
pub(crate) async fn fetch(
    target: &Target,
    method: &str,
    path: &str,
    body: &[u8],
    limit: Duration,
) -> Result<Fetched, NoAnswer> {
    let exchange = async {
        let mut connection = Connection::open(target).await?;
        let request = target.request(method, path, body, "connection: close\r\n");
        connection.send(&request).await.map_err(|_| Broken::Closed)?;
        let head = connection.head(method == "HEAD").await?;
        let mut whole = Vec::new();
        while let Some((piece, _)) = connection.piece().await? {
            if whole.len() + piece.len() > MAX_BODY {
                break;
            }
            whole.extend_from_slice(piece);
        }
        Ok(Fetched { head, body: whole })
    };
    let timeout = NoAnswer { kind: RequestError::Timeout, tls_reason: None };
    tokio::time::timeout(limit, exchange).await.unwrap_or(Err(timeout))
}
