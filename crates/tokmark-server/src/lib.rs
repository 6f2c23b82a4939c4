//! What the store holds, for people and programs: an HTTP interface under `/api`, described by
//! OpenAPI, and pages that are complete without JavaScript.
//!
//! Three nouns carry everything. A [`Server`] joins a store, [`ServerOptions`] and a clock. A
//! *caller* is whoever asks, with the scopes of his token. A *page* is a list of blocks (tables,
//! plots, facts, forms) which one template writes.
//!
//! This crate deliberately reaches no engine: what is to be measured it writes down as a job,
//! and an agent does it. It computes no statistics of its own: figures of records that arrive
//! are made anew by `tokmark-stats`, and everything shown is a record's own figure or came from
//! there. It fetches no address that stands in submitted data.
//!
//! ```no_run
//! # use tokmark_server::{Server, ServerOptions};
//! # use tokmark_store::{Store, StoreUrl};
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let store = Store::open(&StoreUrl::Sqlite("tokmark.db".into())).await?;
//! let listener = tokio::net::TcpListener::bind("127.0.0.1:8080").await?;
//! let server = Server::new(store, ServerOptions::default());
//! server.run(listener, async { let _ = tokio::signal::ctrl_c().await; }).await?;
//! # Ok(()) }
//! ```

mod access;
mod admission;
mod api;
mod assets;
mod error;
mod export;
mod kept;
mod listen;
mod metrics;
mod openapi;
mod options;
mod pace;
mod pages;
mod query;
mod signature;
mod site;
mod state;

use std::future::Future;
use std::io;
use std::pin::Pin;

use tokio::net::TcpListener;
use tokmark_store::Store;

pub use access::{Token, hash_token, new_token};
pub use options::{Limits, ServerOptions};
pub use site::{Built, SiteError, SiteOptions, build_site};

type Ready<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// A store with a face.
#[derive(Debug, Clone)]
pub struct Server {
    state: state::State,
}

impl Server {
    /// A server over `store`.
    pub fn new(store: Store, options: ServerOptions) -> Self {
        Server { state: state::State::new(store, options) }
    }

    /// The description of the interface, OpenAPI 3.1 as JSON.
    pub fn openapi() -> serde_json::Value {
        openapi::description()
    }

    /// Answers until `shutdown` is ready, then ends what is under way.
    ///
    /// # Errors
    /// When the listener fails for good.
    pub async fn run(
        self,
        listener: TcpListener,
        shutdown: impl Future<Output = ()> + Send + 'static,
    ) -> io::Result<()> {
        self.answers(listener, Box::pin(shutdown)).await
    }

    /// One type for every `shutdown`, so that the server is compiled here and not by everybody
    /// who runs one.
    fn answers(self, listener: TcpListener, shutdown: Ready<()>) -> Ready<io::Result<()>> {
        let limits = self.state.options.limits.clone();
        Box::pin(listen::serve(listener, api::router(self.state), limits, shutdown))
    }
}
