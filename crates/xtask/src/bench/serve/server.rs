//! `tokmark serve` in a process of its own.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use crate::bench::proc;

/// Time to end what is under way when it is told to stop.
const GRACE: Duration = Duration::from_secs(15);

/// A server without an agent, on a free port of this machine; ends with this value.
pub(super) struct Server {
    child: Child,
    /// `http://127.0.0.1:PORT`.
    pub(super) url: String,
    /// May do everything.
    pub(super) token: String,
    _home: tempfile::TempDir,
}

impl Server {
    /// Starts it over a store: a file, or a database's address.
    ///
    /// # Errors
    /// When it can't be run, or says why it does not serve.
    pub(super) fn start(tokmark: &Path, store: &str) -> Result<Self> {
        let home = tempfile::tempdir().context("no temporary folder")?;
        let mut command = Command::new(tokmark);
        for name in ["DATABASE_URL", "TOKMARK_DATA", "XDG_DATA_HOME", "XDG_CACHE_HOME"] {
            command.env_remove(name);
        }
        command
            .args(["serve", "--no-agent", "--bind", "127.0.0.1:0", "--db", store])
            .env("HOME", home.path())
            .current_dir(home.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        proc::end_with_us(&mut command);
        let mut child = command.spawn().context("tokmark serve can't run")?;
        let stderr = child.stderr.take().context("the server has no standard error")?;
        let mut server = Server { child, url: String::new(), token: String::new(), _home: home };
        // Its first line ends with the address; the second announces the token, the third is it.
        let mut lines = BufReader::new(stderr).lines();
        let mut line = || Ok::<_, std::io::Error>(lines.next().transpose()?.unwrap_or_default());
        let first = line()?;
        server.url = first.split_whitespace().last().unwrap_or_default().to_owned();
        ensure!(server.url.starts_with("http://"), "tokmark serve did not start: {first}");
        line()?;
        server.token = line()?.trim().to_owned();
        thread::spawn(move || lines.for_each(drop));
        Ok(server)
    }

    /// Its peak resident memory so far, in bytes.
    ///
    /// # Errors
    /// When it has ended.
    pub(super) fn peak_memory(&self) -> Result<u64> {
        proc::peak_memory(self.child.id()).context("the server has ended; its log may say why")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        proc::signal_all(self.child.id(), libc::SIGTERM);
        let told = Instant::now();
        while told.elapsed() < GRACE {
            if !matches!(self.child.try_wait(), Ok(None)) {
                return;
            }
            thread::sleep(Duration::from_millis(50));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
