//! Small exchanges beside the measured ones: probing, tokenizing, counters.

use std::time::Duration;

use tokmark_model::RequestError;

use crate::connection::{Connection, Head};
use crate::target::Target;

/// More of an answer is not read.
const MAX_BODY: usize = 8 << 20;

/// An answer read to its end.
#[derive(Debug, Clone)]
pub(crate) struct Fetched {
    pub(crate) head: Head,
    pub(crate) body: Vec<u8>,
}

/// Asks once on a connection of its own. `body` empty for none.
pub(crate) async fn fetch(
    target: &Target,
    method: &str,
    path: &str,
    body: &[u8],
    limit: Duration,
) -> Result<Fetched, RequestError> {
    let exchange = async {
        let mut connection = Connection::open(target).await.map_err(|broken| broken.kind())?;
        let request = target.request(method, path, body, "connection: close\r\n");
        connection.send(&request).await.map_err(|_| RequestError::BrokenStream)?;
        let head = connection.head(method == "HEAD").await.map_err(|broken| broken.kind())?;
        let mut whole = Vec::new();
        while let Some((piece, _)) = connection.piece().await.map_err(|broken| broken.kind())? {
            if whole.len() + piece.len() > MAX_BODY {
                break;
            }
            whole.extend_from_slice(piece);
        }
        Ok(Fetched { head, body: whole })
    };
    tokio::time::timeout(limit, exchange).await.unwrap_or(Err(RequestError::Timeout))
}
