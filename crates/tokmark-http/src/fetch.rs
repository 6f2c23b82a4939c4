//! Small exchanges beside the measured ones: probing, tokenizing, counters.

use std::cell::Cell;
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
    /// There was a connection, TLS included.
    pub(crate) was_connected: bool,
}

impl From<Broken> for NoAnswer {
    fn from(broken: Broken) -> Self {
        let kind = broken.kind();
        match broken {
            Broken::Tls(reason) => {
                NoAnswer { kind, tls_reason: Some(reason), was_connected: false }
            }
            other => NoAnswer {
                kind,
                tls_reason: None,
                was_connected: !matches!(other, Broken::Connect),
            },
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
    let is_open = Cell::new(false);
    let exchange = async {
        let mut connection = Connection::open(target).await?;
        is_open.set(true);
        let request = target.request(method, path, body, "connection: close\r\n");
        ask(&mut connection, &request).await
    };
    in_time(limit, &is_open, exchange).await
}

/// The same, question after question on one connection, which lies in `kept` between them. One
/// that the server closed meanwhile is made anew.
pub(crate) async fn fetch_on_kept(
    target: &Target,
    method: &str,
    path: &str,
    body: &[u8],
    limit: Duration,
    kept: &mut Option<Connection>,
) -> Result<Fetched, NoAnswer> {
    let request = target.request(method, path, body, "");
    let waiting = kept.take();
    let is_open = Cell::new(waiting.is_some());
    let exchange = async {
        if let Some(mut connection) = waiting {
            match ask(&mut connection, &request).await {
                Err(Broken::Closed) => {}
                answer => return answer.map(|answer| (answer, connection)),
            }
        }
        let mut connection = Connection::open(target).await?;
        is_open.set(true);
        let answer = ask(&mut connection, &request).await?;
        Ok((answer, connection))
    };
    let (answer, connection) = in_time(limit, &is_open, exchange).await?;
    *kept = Some(connection).filter(Connection::is_reusable);
    Ok(answer)
}

async fn in_time<T>(
    limit: Duration,
    is_open: &Cell<bool>,
    exchange: impl Future<Output = Result<T, Broken>>,
) -> Result<T, NoAnswer> {
    let timeout = |_| {
        let was_connected = is_open.get();
        NoAnswer { kind: RequestError::Timeout, tls_reason: None, was_connected }
    };
    let answer = tokio::time::timeout(limit, exchange).await.map_err(timeout)?;
    answer.map_err(NoAnswer::from)
}

async fn ask(connection: &mut Connection, request: &[u8]) -> Result<Fetched, Broken> {
    connection.send(request).await.map_err(|_| Broken::Closed)?;
    let head = connection.head(request.starts_with(b"HEAD ")).await?;
    let mut whole = Vec::new();
    while let Some((piece, _)) = connection.piece().await? {
        if whole.len() + piece.len() > MAX_BODY {
            break;
        }
        whole.extend_from_slice(piece);
    }
    Ok(Fetched { head, body: whole })
}
