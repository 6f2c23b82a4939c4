//! Starting and stopping a server.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use mio::net::TcpListener;
use mio::{Poll, Waker};
use socket2::{Domain, Protocol, Socket, Type};

use crate::error::StubError;
use crate::options::Options;
use crate::shared::{Inbox, Shared};
use crate::truth::{Summary, Truth};
use crate::worker::{WAKER, Worker};

/// Connections that the kernel keeps until they are accepted; it may allow fewer.
const BACKLOG: i32 = 16_384;
/// How often it is looked whether the threads still live.
const LOOK: Duration = Duration::from_millis(500);

/// A server of known times. See the crate's page.
#[derive(Debug)]
pub struct Stub;

impl Stub {
    /// Listens and answers from threads of its own until the result is dropped.
    ///
    /// # Errors
    /// When an option is out of bounds, the address cannot be had, or the system gives no
    /// thread.
    pub fn start(options: Options) -> Result<Running, StubError> {
        options.check()?;
        let asked = options.listen;
        let listener =
            listen(asked).map_err(|source| StubError::Listen { address: asked, source })?;
        let address = listener.local_addr()?;
        let mut polls = Vec::new();
        let mut inboxes = Vec::new();
        for _ in 0..options.n_threads {
            let poll = Poll::new()?;
            inboxes.push(Inbox::new(Waker::new(poll.registry(), WAKER)?));
            polls.push(poll);
        }
        let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let shared = Arc::new(Shared::new(options, since_1970.as_secs(), inboxes));
        let mut running = Running { address, shared, threads: Vec::new() };
        let mut listener = Some(listener);
        for (index, poll) in polls.into_iter().enumerate() {
            let worker = Worker::new(index, Arc::clone(&running.shared), poll, listener.take())?;
            let thread = std::thread::Builder::new().name(format!("stub-{index}"));
            running.threads.push(thread.spawn(move || worker.run())?);
        }
        Ok(running)
    }
}

/// A server that runs. Dropping it closes its connections and waits for its threads.
#[derive(Debug)]
pub struct Running {
    address: SocketAddr,
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<io::Result<()>>>,
}

impl Running {
    /// Where it listens, with its true port.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// `http://127.0.0.1:1234`, without a final slash.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Everything recorded so far, the same as `GET /stub/truth`.
    pub fn truth(&self) -> Truth {
        self.shared.truth()
    }

    /// The sums alone, the same as `GET /stub/summary`.
    pub fn summary(&self) -> Summary {
        self.shared.summary()
    }

    /// Forgets what was recorded, the prefix cache and refused attempts, as `POST /stub/reset`.
    /// Requests in flight are recorded when they end.
    pub fn reset(&self) {
        self.shared.reset();
    }

    /// Ends it.
    ///
    /// # Errors
    /// When one of its threads had ended before, with the reason.
    pub fn stop(mut self) -> Result<Summary, StubError> {
        self.end()?;
        Ok(self.shared.summary())
    }

    fn has_dead_thread(&self) -> bool {
        self.threads.iter().any(JoinHandle::is_finished)
    }

    fn end(&mut self) -> io::Result<()> {
        self.shared.stop();
        let mut result = Ok(());
        for thread in self.threads.drain(..) {
            let ended = thread.join().unwrap_or_else(|_| Err(io::Error::other("it panicked")));
            result = result.and(ended);
        }
        result
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Whoever wants to know why a thread ended calls `stop`.
        let _ = self.end();
    }
}

/// Runs a server until `shutdown` receives something or its sender is gone. `on_start` is called
/// once it listens. Raises this process's limit of open files as far as it may go, since each
/// stream is a descriptor.
///
/// # Errors
/// As [`Stub::start`], and when a thread of the server ends by itself.
pub fn run_until(
    options: Options,
    on_start: impl FnOnce(&Running),
    shutdown: &Receiver<()>,
) -> Result<Summary, StubError> {
    raise_file_limit();
    let running = Stub::start(options)?;
    on_start(&running);
    while matches!(shutdown.recv_timeout(LOOK), Err(RecvTimeoutError::Timeout)) {
        if running.has_dead_thread() {
            break;
        }
    }
    running.stop()
}

fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    // On Windows this option would let two servers share a port.
    #[cfg(unix)]
    socket.set_reuse_address(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    socket.set_nonblocking(true)?;
    Ok(TcpListener::from_std(socket.into()))
}

#[cfg(unix)]
fn raise_file_limit() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    // Where it is not allowed, connections above the limit wait.
    let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit });
}

#[cfg(not(unix))]
fn raise_file_limit() {}
