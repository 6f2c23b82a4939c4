//! Connections: taken, given time, ended.

use std::future::Future;
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, BodyDataStream, HttpBody as _};
use axum::extract::{ConnectInfo, State as Shared};
use axum::middleware::Next;
use axum::response::Response;
use futures_util::{StreamExt as _, stream};
use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio::time::{Instant, sleep, timeout, timeout_at};
use tokio_io_timeout::TimeoutStream;
use tower::ServiceExt;

use crate::options::Limits;
use crate::state::State;

/// How long requests under way may take to end after the server was told to.
const GRACE: Duration = Duration::from_secs(10);
/// How long to wait when no connection can be taken (out of descriptors).
const PAUSE: Duration = Duration::from_millis(100);

/// Ends a body that takes longer than it may, whoever reads it.
pub(crate) async fn in_time(
    Shared(state): Shared<State>,
    request: Request<Body>,
    next: Next,
) -> Response {
    let end = Instant::now() + state.options.limits.body_time;
    let pieces = move |mut stream: BodyDataStream| async move {
        let late = || axum::Error::new(io::Error::from(io::ErrorKind::TimedOut));
        let piece = timeout_at(end, stream.next()).await.unwrap_or_else(|_| Some(Err(late())));
        piece.map(|piece| (piece, stream))
    };
    let timed = |body: Body| match body.is_end_stream() {
        true => body,
        false => Body::from_stream(stream::unfold(body.into_data_stream(), pieces)),
    };
    next.run(request.map(timed)).await
}

/// Answers connections until `shutdown`, then waits for those under way.
pub(crate) async fn serve(
    listener: TcpListener,
    router: Router,
    limits: Limits,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> io::Result<()> {
    let graceful = GracefulShutdown::new();
    let slots = Arc::new(Semaphore::new(limits.connections));
    let mut shutdown = pin!(shutdown);
    loop {
        let slot = tokio::select! {
            slot = Arc::clone(&slots).acquire_owned() => slot.map_err(io::Error::other)?,
            () = &mut shutdown => break,
        };
        let (stream, peer) = tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok(connection) => connection,
                Err(error) => {
                    tracing::warn!(%error, "cannot take a connection");
                    sleep(PAUSE).await;
                    continue;
                }
            },
            () = &mut shutdown => break,
        };
        // Small answers must not wait for the peer's acknowledgement; without it they still come.
        let _ = stream.set_nodelay(true);
        let router = router.clone();
        let service = service_fn(move |mut request: Request<Incoming>| {
            request.extensions_mut().insert(ConnectInfo(peer));
            router.clone().oneshot(request.map(Body::new))
        });
        // Who does not read what he asked for holds a connection only so long.
        let mut stream = TimeoutStream::new(stream);
        stream.set_write_timeout(Some(limits.write_time));
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(limits.head_time)
            .max_headers(100)
            .serve_connection(TokioIo::new(Box::pin(stream)), service);
        let connection = graceful.watch(connection);
        tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "a connection ended");
            }
            drop(slot);
        });
    }
    drop(listener);
    if timeout(GRACE, graceful.shutdown()).await.is_err() {
        tracing::warn!("requests under way were cut");
    }
    Ok(())
}
