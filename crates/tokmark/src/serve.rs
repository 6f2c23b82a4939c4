//! `tokmark serve`: the store with a face, and an agent beside it.

use std::io::IsTerminal as _;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use tokmark_model::{Timestamp, Uuid};
use tokmark_server::{Server, ServerOptions, Token, hash_token, new_token};
use tokmark_store::{NewToken, Scope, Store, StoreError};
use tracing_subscriber::filter::LevelFilter as Level;

use crate::args::serve::{BackupArgs, ServeArgs, ServeCommand, TokenArgs};
use crate::exit::Exit;
use crate::output;
use crate::wiring::{self, Records, store_url};

/// How long the token that `serve` prints is good for.
const PRINTED_TOKEN: Duration = Duration::from_secs(7 * 24 * 3600);
/// How often a stop is looked for.
const LOOK: Duration = Duration::from_millis(100);
/// How long the agent may take to end its job and say so.
const AGENT_ENDS: Duration = Duration::from_secs(30);
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

/// Memory that batches of records needed goes back into few places, not one for each thread of
/// the runtime: `docs/performance.md` has the server's memory with and without.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
fn share_memory() {
    /// Places from which threads allocate; one for each core of a small machine.
    const ARENAS: libc::c_int = 2;
    // SAFETY: it sets a number of the allocator, before any other thread of ours runs.
    unsafe { libc::mallopt(libc::M_ARENA_MAX, ARENAS) };
}

#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
fn share_memory() {}

fn serve(args: &ServeArgs) -> anyhow::Result<Exit> {
    share_memory();
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
        let here = reached_at(address);
        // Whoever binds an address is asked by it.
        let own = std::iter::once(host_of(here.ip()));
        let options = ServerOptions {
            hosts: args.host.iter().cloned().chain(own).collect(),
            // Whoever names a host serves others, through a proxy.
            public: (is_local && args.host.is_empty()) || args.public,
            content: crate::shipped::content()?,
            trusted: args.trust.iter().cloned().collect(),
            lease: args.lease,
            ..ServerOptions::default()
        };
        output::say!("tokmark serves {url} at http://{address}");
        output::say!("to start work, enter this token at http://{here}/login (good for 7 days):");
        output::say!("{}", token.text());
        let agent = match args.no_agent {
            true => None,
            false => Some(Helper::start(&store, &format!("http://{here}")).await?),
        };
        let agent_token = agent.as_ref().map(|agent| agent.token.clone());
        let ends = args.length.map(|length| Instant::now() + length);
        let stopped = async move {
            let is_over = || ends.is_some_and(|end| Instant::now() >= end);
            while !interrupt.is_raised() && !is_over() {
                tokio::time::sleep(LOOK).await;
            }
            // It tells the server how its job ended, so it ends first.
            let _ = tokio::task::spawn_blocking(move || drop(agent)).await;
        };
        Server::new(store.clone(), options).run(listener, stopped).await?;
        if let Some(name) = agent_token {
            store.tokens().revoke(&name, Timestamp::now()).await?;
        }
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
        _ => lines.json().flatten_event(true).with_span_list(false).try_init(),
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

/// Where this machine reaches a server that listens there.
fn reached_at(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}

/// An address as the name of a host in a request.
fn host_of(ip: IpAddr) -> String {
    match ip {
        IpAddr::V4(ip) => ip.to_string(),
        IpAddr::V6(ip) => format!("[{ip}]"),
    }
}

/// The agent that `serve` starts, with a token of its own that is good until the server ends. It
/// ends when its standard input is closed, so also when this process is killed.
struct Helper {
    child: Child,
    /// Name of its token.
    token: String,
}

impl Helper {
    async fn start(store: &Store, url: &str) -> anyhow::Result<Self> {
        let token = new_token();
        let name = format!("agent of serve {}", Uuid::now_v7().simple());
        keep_token(store, &token, &name, Scope::Submit, None).await?;
        let program = std::env::current_exe().context("cannot find this program")?;
        let child = Command::new(program)
            .args(["agent", "--while-stdin", "--server", url])
            .env(TOKEN, token.text())
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .context("cannot start the agent; --no-agent serves without one")?;
        Ok(Helper { child, token: name })
    }
}

impl Drop for Helper {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        // It ends the job that it is at and tells the server so; whatever it says is over.
        let ends = Instant::now() + AGENT_ENDS;
        while Instant::now() < ends && matches!(self.child.try_wait(), Ok(None)) {
            std::thread::sleep(LOOK);
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
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
    ensure!(args.file.is_file(), "no backup at {}", args.file.display());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let kept = match runtime.block_on(Store::restore(&args.file, file)) {
        Err(StoreError::Locked { store, .. }) => bail!(
            "another program has {store} open; end it (tokmark serve?) first, so that nothing it \
             writes is lost"
        ),
        other => other?,
    };
    if let Some(kept) = kept {
        output::say!("the old database is kept as {}", kept.display());
    }
    output::say!("{} is restored", file.display());
    Ok(Exit::Done)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_reached_where_it_listens() {
        let reached = |text: &str| reached_at(text.parse().unwrap()).to_string();
        assert_eq!(reached("0.0.0.0:8080"), "127.0.0.1:8080");
        assert_eq!(reached("[::]:8080"), "[::1]:8080");
        assert_eq!(reached("192.168.1.5:8080"), "192.168.1.5:8080");
        assert_eq!(reached("127.0.0.1:80"), "127.0.0.1:80");
        assert_eq!(host_of("192.168.1.5".parse().unwrap()), "192.168.1.5");
        assert_eq!(host_of("::1".parse().unwrap()), "[::1]");
    }
}
