//! `tokmark serve`: the store with a face, and an agent beside it.

use std::io::{IsTerminal as _, Write as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use tokmark_model::{Timestamp, Uuid};
use tokmark_server::{Server, ServerOptions, Token, hash_token, new_token};
use tokmark_store::{NewToken, Scope, Store, StoreUrl};
use tracing_subscriber::filter::LevelFilter as Level;

use crate::args::serve::{BackupArgs, ServeArgs, ServeCommand, TokenArgs};
use crate::exit::Exit;
use crate::output;
use crate::wiring::{self, Records, store_url};

/// How long the token that `serve` prints is good for.
const PRINTED_TOKEN: Duration = Duration::from_secs(7 * 24 * 3600);
/// How often a stop is looked for.
const LOOK: Duration = Duration::from_millis(100);
/// Variable that carries the token to the agent.
const TOKEN: &str = "TOKMARK_TOKEN";

pub(crate) fn run(args: &ServeArgs) -> anyhow::Result<Exit> {
    match &args.command {
        Some(ServeCommand::Token(args)) => token(args),
        Some(ServeCommand::Backup(args)) => backup(args),
        Some(ServeCommand::Restore(args)) => restore(args),
        None => serve(args),
    }
}

fn serve(args: &ServeArgs) -> anyhow::Result<Exit> {
    log(args.log.as_deref());
    let url = store_url(&args.store)?;
    let interrupt = wiring::interrupt();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .context("cannot start the server's runtime")?;
    runtime.block_on(async {
        let store = Store::open(&url).await?;
        let listener = tokio::net::TcpListener::bind(args.bind).await.with_context(|| {
            format!("cannot listen on {}; choose another with --bind", args.bind)
        })?;
        let address = listener.local_addr()?;
        let is_local = address.ip().is_loopback();
        let token = printed_token(&store).await?;
        let options = ServerOptions {
            hosts: args.host.clone(),
            // Whoever names a host serves others, through a proxy.
            public: (is_local && args.host.is_empty()) || args.public,
            content: crate::shipped::content()?,
            trusted: args.trust.iter().cloned().collect(),
            lease: args.lease,
            ..ServerOptions::default()
        };
        let ip = if is_local { address.ip() } else { [127, 0, 0, 1].into() };
        let here = std::net::SocketAddr::new(ip, address.port());
        output::say!("tokmark serves {url} at http://{address}");
        output::say!("to start work, enter this token at http://{here}/login (good for 7 days):");
        output::say!("{}", token.text());
        let agent = match args.no_agent {
            true => None,
            false => Some(Beside::start(&format!("http://{here}"), &token)?),
        };
        let ends = args.length.map(|length| std::time::Instant::now() + length);
        let stopped = async move {
            let is_over = || ends.is_some_and(|end| std::time::Instant::now() >= end);
            while !interrupt.is_raised() && !is_over() {
                tokio::time::sleep(LOOK).await;
            }
        };
        Server::new(store.clone(), options).run(listener, stopped).await?;
        drop(agent);
        store.close().await;
        anyhow::Ok(())
    })?;
    Ok(Exit::Done)
}

/// One line for each request, and what went wrong, to standard error.
fn log(form: Option<&str>) {
    let lines = tracing_subscriber::fmt().with_writer(std::io::stderr).with_target(false);
    let level = match form {
        None if std::io::stderr().is_terminal() => Level::WARN,
        _ => Level::INFO,
    };
    let lines = lines.with_max_level(level);
    // The first of a process stands; there is none before it.
    let _ = match form {
        Some("none") => Ok(()),
        Some("text") => lines.try_init(),
        None if level == Level::WARN => lines.try_init(),
        _ => lines.json().flatten_event(true).with_current_span(false).try_init(),
    };
}

async fn printed_token(store: &Store) -> anyhow::Result<Token> {
    let token = new_token();
    let now = Timestamp::now();
    let name = format!("serve {}", Uuid::now_v7().simple());
    keep_token(store, &token, &name, Scope::Admin, Some(now + PRINTED_TOKEN)).await?;
    Ok(token)
}

async fn keep_token(
    store: &Store,
    token: &Token,
    name: &str,
    scope: Scope,
    expires_at: Option<Timestamp>,
) -> anyhow::Result<()> {
    let kept = NewToken {
        name: name.to_owned(),
        sha256: hash_token(token.text()),
        scopes: vec![scope],
        created_at: Timestamp::now(),
        expires_at,
    };
    Ok(store.tokens().add(&kept).await?)
}

/// The agent that `serve` starts. It ends when its standard input is closed, so also when this
/// process is killed.
struct Beside(Child);

impl Beside {
    fn start(url: &str, token: &Token) -> anyhow::Result<Self> {
        let program = std::env::current_exe().context("cannot find this program")?;
        let child = Command::new(program)
            .args(["agent", "--while-stdin", "--server", url])
            .env(TOKEN, token.text())
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .context("cannot start the agent; --no-agent serves without one")?;
        Ok(Beside(child))
    }
}

impl Drop for Beside {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        // It ends the job that it is at and tells the server so; whatever it says is over.
        let _ = self.0.wait();
    }
}

fn token(args: &TokenArgs) -> anyhow::Result<Exit> {
    let records = Records::open(&args.store)?;
    let store = records.store();
    let name = args.name.as_deref().unwrap_or_default();
    match args.what.as_str() {
        "add" => {
            let scope: Scope = args.scope.parse().map_err(|_| anyhow::anyhow!("unknown scope"))?;
            let token = new_token();
            let expires = args.expires.map(|time| Timestamp::now() + time);
            records.wait(keep_token(store, &token, name, scope, expires))?;
            output::say!(
                "the token {name}, shown this once; send it as \"authorization: Bearer TOKEN\":"
            );
            output::print(&format!("{}\n", token.text()))
        }
        "revoke" => {
            let revoked = records.wait(store.tokens().revoke(name, Timestamp::now()))?;
            ensure!(revoked, "there is no token {name}; tokmark serve token list shows them");
            output::say!("revoked {name}");
            Ok(Exit::Done)
        }
        _ => {
            let mut text = String::new();
            for row in records.wait(store.tokens().list())? {
                let scopes: Vec<String> = row.scopes.iter().map(ToString::to_string).collect();
                let expires =
                    row.expires_at.map_or_else(|| "never".to_owned(), |at| at.to_string());
                let revoked = if row.revoked_at.is_some() { ", revoked" } else { "" };
                text +=
                    &format!("{}: {}, expires {expires}{revoked}\n", row.name, scopes.join(" "));
            }
            output::print(&text)
        }
    }
}

fn backup(args: &BackupArgs) -> anyhow::Result<Exit> {
    ensure!(!args.file.exists(), "{} is there already; name a new file", args.file.display());
    let records = Records::open_existing(&args.store)?.records()?;
    records.wait(records.store().backup(&args.file))?;
    output::say!("{} holds a whole copy of {}", args.file.display(), records.place());
    Ok(Exit::Done)
}

/// Puts a backup in place of the database. The old one is kept beside it.
fn restore(args: &BackupArgs) -> anyhow::Result<Exit> {
    let url = store_url(&args.store)?;
    let Some(file) = url.file() else {
        bail!("only an SQLite database is restored from a file; use pg_restore for PostgreSQL");
    };
    // Opened once: what is no database of ours must not take the place of one.
    let backup = StoreUrl::Sqlite(args.file.clone());
    ensure!(args.file.is_file(), "no backup at {}", args.file.display());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        Store::open(&backup).await?.close().await;
        anyhow::Ok(())
    })?;
    if file.exists() {
        let kept = file.with_extension("db.before-restore");
        std::fs::rename(file, &kept)
            .with_context(|| format!("cannot keep the old database as {}", kept.display()))?;
        for end in ["-wal", "-shm"] {
            // What was not yet moved into the database goes with it.
            let [mut beside, mut kept] = [file, &*kept].map(|name| name.as_os_str().to_owned());
            beside.push(end);
            kept.push(end);
            if Path::new(&beside).exists() {
                std::fs::rename(&beside, &kept)
                    .with_context(|| format!("cannot keep {}", beside.display()))?;
            }
        }
        output::say!("the old database is kept as {}", kept.display());
    }
    copy(&args.file, file).with_context(|| format!("cannot write {}", file.display()))?;
    output::say!("{} is restored", file.display());
    Ok(Exit::Done)
}

/// Copies to a file beside it and renames, so that a cut leaves no half database.
fn copy(from: &Path, to: &Path) -> std::io::Result<()> {
    let partial = to.with_extension("db.restoring");
    std::fs::copy(from, &partial)?;
    std::fs::File::open(&partial)?.sync_all()?;
    std::fs::rename(&partial, to)?;
    std::io::stderr().flush()
}
