//! A running server over a store of its own, and records to send to it.

pub mod postgres;
pub mod wire;

use std::cell::Cell;
use std::thread::JoinHandle;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::sync::oneshot;
use tokmark_model::{Record, Timestamp};
use tokmark_server::{Limits, Server, ServerOptions, hash_token};
use tokmark_store::{NewToken, Scope, Store, StoreUrl};

/// Tokens of the tests, by scope.
pub const READ: &str = "tkm_read";
pub const SUBMIT: &str = "tkm_submit";
pub const ADMIN: &str = "tkm_admin";
pub const EXPIRED: &str = "tkm_expired";

/// Where the servers of a test keep their records.
#[derive(Clone, Copy)]
pub enum Kept {
    Sqlite,
    Postgres,
}

thread_local! {
    static KEPT: Cell<Kept> = const { Cell::new(Kept::Sqlite) };
}

/// From here on the servers that this thread starts keep their records so.
pub fn keep_in(kept: Kept) {
    KEPT.set(kept);
}

/// Makes each test one on SQLite and one on PostgreSQL.
#[macro_export]
macro_rules! on_both_databases {
    ($($test:ident)*) => {
        mod sqlite {
            $(#[test]
            fn $test() {
                $crate::support::keep_in($crate::support::Kept::Sqlite);
                super::$test();
            })*
        }
        mod postgres {
            $(#[test]
            fn $test() {
                $crate::support::keep_in($crate::support::Kept::Postgres);
                super::$test();
            })*
        }
    };
}

/// A server that ends with this value.
pub struct Running {
    pub url: String,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
    // Removed when the server has ended.
    _folder: tempfile::TempDir,
    _database: Option<postgres::Database>,
}

impl Running {
    pub fn start() -> Self {
        Running::with(ServerOptions::default())
    }

    pub fn with(options: ServerOptions) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (url, database) = match KEPT.get() {
            Kept::Sqlite => (StoreUrl::Sqlite(folder.path().join("tokmark.db")), None),
            Kept::Postgres => {
                let database = postgres::Database::create();
                (StoreUrl::Postgres(database.url()), Some(database))
            }
        };
        let mut running = Running::at(url, options);
        (running._folder, running._database) = (folder, database);
        running
    }

    /// Over the store that lies there.
    pub fn at(url: StoreUrl, options: ServerOptions) -> Self {
        Running::over(url, options, true)
    }

    /// The same beside another server that has made the tokens.
    pub fn open(url: StoreUrl, options: ServerOptions) -> Self {
        Running::over(url, options, false)
    }

    fn over(url: StoreUrl, options: ServerOptions, makes_tokens: bool) -> Self {
        let (stop, stopped) = oneshot::channel::<()>();
        let (told, address) = std::sync::mpsc::channel();
        let thread = std::thread::spawn(move || {
            let runtime =
                tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
            runtime.unwrap().block_on(async {
                let store = Store::open(&url).await.unwrap();
                if makes_tokens {
                    tokens(&store).await;
                }
                let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
                told.send(listener.local_addr().unwrap()).unwrap();
                let shutdown = async {
                    let _ = stopped.await;
                };
                Server::new(store, options).run(listener, shutdown).await.unwrap();
            });
        });
        let address = address.recv().unwrap();
        Running {
            url: format!("http://{address}"),
            stop: Some(stop),
            thread: Some(thread),
            _folder: tempfile::tempdir().unwrap(),
            _database: None,
        }
    }

    pub fn host(&self) -> &str {
        self.url.trim_start_matches("http://")
    }

    /// Status and body of a GET.
    pub fn get(&self, path: &str) -> (u16, String) {
        self.get_with(path, &[])
    }

    pub fn get_with(&self, path: &str, headers: &[(&str, &str)]) -> (u16, String) {
        let mut request = agent().get(format!("{}{path}", self.url));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        answer(request.call())
    }

    /// The body as it came, packed or not.
    pub fn bytes(&self, path: &str, headers: &[(&str, &str)]) -> Vec<u8> {
        let mut request = agent().get(format!("{}{path}", self.url));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let mut response = request.call().unwrap();
        assert_eq!(response.status(), 200, "{path}");
        response.body_mut().read_to_vec().unwrap()
    }

    pub fn json(&self, path: &str) -> Value {
        let (status, body) = self.get(path);
        assert_eq!(status, 200, "{path}: {body}");
        serde_json::from_str(&body).unwrap()
    }

    /// Status and body of a POST with a token.
    pub fn post(&self, path: &str, token: &str, body: &[u8]) -> (u16, String) {
        let authorization = format!("Bearer {token}");
        self.post_with(
            path,
            body,
            &[("authorization", &authorization), ("content-type", "application/json")],
        )
    }

    pub fn post_with(&self, path: &str, body: &[u8], headers: &[(&str, &str)]) -> (u16, String) {
        let mut request = agent().post(format!("{}{path}", self.url));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        answer(request.send(body))
    }

    pub fn send(&self, records: &[Record]) -> (u16, Value) {
        let body = serde_json::to_vec(records).unwrap();
        let (status, body) = self.post("/api/benchmarks", SUBMIT, &body);
        (status, serde_json::from_str(&body).unwrap_or(Value::String(body)))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(());
        }
        if let Some(thread) = self.thread.take() {
            thread.join().unwrap();
        }
    }
}

async fn tokens(store: &Store) {
    let long_ago: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
    for (text, scope, expires_at) in [
        (READ, Scope::Read, None),
        (SUBMIT, Scope::Submit, None),
        (ADMIN, Scope::Admin, None),
        (EXPIRED, Scope::Admin, Some("2026-01-02T00:00:00Z".parse().unwrap())),
    ] {
        let token = NewToken {
            name: text.to_owned(),
            sha256: hash_token(text),
            scopes: vec![scope],
            created_at: long_ago,
            expires_at,
        };
        store.tokens().add(&token).await.unwrap();
    }
}

fn agent() -> ureq::Agent {
    ureq::Agent::config_builder()
        .http_status_as_error(false)
        .max_redirects(0)
        .timeout_global(Some(Duration::from_secs(60)))
        .build()
        .into()
}

fn answer(answer: Result<ureq::http::Response<ureq::Body>, ureq::Error>) -> (u16, String) {
    let mut response = answer.unwrap();
    let status = response.status().as_u16();
    let body = response.body_mut().with_config().limit(64 << 20).read_to_string().unwrap();
    (status, body)
}

/// Limits small enough to be reached in a test.
pub fn small() -> ServerOptions {
    ServerOptions {
        limits: Limits {
            body_bytes: 64 << 10,
            unpacked_bytes: 128 << 10,
            batch_records: 3,
            record_samples: 50,
            ..Limits::default()
        },
        ..ServerOptions::default()
    }
}

/// A measured record of `n` repetitions with the figures that its samples give.
pub fn sound(seed: u64, n: u64) -> Record {
    let samples: Vec<Value> = (0..n)
        .map(|i| {
            let duration = 310_000_000 + (seed * 7_919 + i * 104_729) % 4_000_000;
            json!({ "start_ns": i * 320_000_000, "duration_ns": duration })
        })
        .collect();
    let id = tokmark_model::Uuid::from_u128(
        0x0193_0000_0000_7000_8000_0000_0000_0000 + u128::from(seed),
    );
    let record: Record = serde_json::from_value(json!({
        "record_version": 1,
        "id": id,
        "run_id": id,
        "kind": "measured",
        "created_at": "2026-11-20T10:00:00Z",
        "tool": { "name": "tokmark", "version": "0.1.0" },
        "status": "ok",
        "test": { "n_prompt": 0, "n_gen": 128 },
        "params": {},
        "repetitions": { "rule": "fixed", "n": n },
        "model": { "name": "SmolLM2-135M-Instruct.Q4_1", "quantization": "Q4_1", "sha256": "ab12" },
        "engine": { "name": "llama.cpp", "version": "b9174", "backends": "CPU" },
        "machine": { "fingerprint": "f00d", "cpu": { "model": "A processor", "n_allowed": 2.0 } },
        "samples": samples,
    }))
    .unwrap();
    tokmark_stats::recomputed(&record, |_| None).unwrap()
}
