//! The parent's side: starts a worker, speaks to it, and survives whatever it does.

mod pipes;
mod system;

use std::collections::VecDeque;
use std::ffi::OsString;
use std::io::Write;
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Command as OsCommand, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tokmark_model::{Bytes, EngineFacts, Nanos, Status, StatusReason};

use crate::interrupt::Interrupt;
use crate::{Command, EngineError, Message, PROTOCOL_VERSION};
use pipes::{Line, last_words, mentions_memory, read_log, read_messages};
pub(crate) use system::kill;
use system::{is_kill, oom_kills, signal_name, signal_of};

/// Time for a worker to say hello.
const HELLO: Duration = Duration::from_secs(60);
/// Time for a worker to end by itself once its pipe is closed, and once more after a kill.
const GOODBYE: Duration = Duration::from_secs(5);

/// How to start a worker.
#[derive(Debug, Clone)]
pub struct WorkerCommand {
    /// The binary.
    pub program: PathBuf,
    /// Its arguments.
    pub args: Vec<OsString>,
    /// Added to the environment.
    pub env: Vec<(OsString, OsString)>,
    /// Pass the worker's log on to standard error.
    pub verbose: bool,
}

/// What a worker may use.
#[derive(Debug, Clone, Copy, Default)]
pub struct Limits {
    /// Private memory of the worker (`RLIMIT_DATA`); mapped model files do not count.
    pub memory: Option<Bytes>,
}

/// Why a command was not carried out.
#[derive(Debug, Clone, PartialEq)]
pub enum Failure {
    /// The engine said no, with the last lines of its log; the worker lives and takes further
    /// commands.
    Refused(EngineError, Vec<String>),
    /// The worker is gone, for this reason.
    Dead(Status, StatusReason),
}

impl Failure {
    /// As the record keeps it.
    pub fn into_status(self) -> (Status, StatusReason) {
        match self {
            Failure::Refused(error, log_tail) => {
                let status = match error {
                    EngineError::Failed { .. } => Status::Failed,
                    EngineError::Unsupported { .. } => Status::Unsupported,
                };
                let message = error.to_string();
                (status, StatusReason { message, log_tail, ..Default::default() })
            }
            Failure::Dead(status, reason) => (status, reason),
        }
    }
}

impl Failure {
    /// A worker that leaves in good order before it says hello has said why: its engine
    /// refused to start.
    fn before_hello(self) -> Self {
        match self {
            Failure::Dead(Status::Crashed, reason) if reason.exit_code == Some(1) => {
                let message = reason.log_tail.last().unwrap_or(&reason.message).clone();
                Failure::Dead(Status::Failed, StatusReason { message, ..reason })
            }
            other => other,
        }
    }
}

/// A running worker. Dropping it ends it.
#[derive(Debug)]
pub struct WorkerProcess {
    child: Child,
    stdin: Option<ChildStdin>,
    lines: Receiver<Line>,
    log: Arc<Mutex<VecDeque<String>>>,
    interrupt: Interrupt,
    limits: Limits,
    engine: EngineFacts,
    started: Instant,
    oom_kills_before: Option<u64>,
    log_reader: Option<std::thread::JoinHandle<()>>,
    reaped: Option<ExitStatus>,
}

impl WorkerProcess {
    /// Starts a worker and waits until it says hello, a minute at most and not beyond
    /// `deadline`.
    ///
    /// # Errors
    /// When it cannot be started, or does not speak this protocol.
    pub fn start(
        command: &WorkerCommand,
        limits: Limits,
        interrupt: Interrupt,
        deadline: Option<Instant>,
    ) -> Result<Self, Failure> {
        let started = Instant::now();
        let oom_kills_before = oom_kills();
        let mut child = os_command(command, limits).spawn().map_err(|error| {
            let message = format!("cannot start {}: {error}", command.program.display());
            Failure::Dead(Status::Failed, StatusReason { message, ..Default::default() })
        })?;
        interrupt.enlist(child.id());
        let stdin = child.stdin.take();
        let (sender, lines) = channel();
        let stdout = child.stdout.take().expect("stdout is piped");
        std::thread::spawn(move || read_messages(stdout, &sender));
        let log = Arc::new(Mutex::new(VecDeque::new()));
        let stderr = child.stderr.take().expect("stderr is piped");
        let (tail, verbose) = (Arc::clone(&log), command.verbose);
        let log_reader = Some(std::thread::spawn(move || read_log(stderr, &tail, verbose)));
        let mut worker = WorkerProcess {
            child,
            stdin,
            lines,
            log,
            interrupt,
            limits,
            engine: EngineFacts::default(),
            started,
            oom_kills_before,
            log_reader,
            reaped: None,
        };
        let hello_by = deadline.map_or(started + HELLO, |deadline| deadline.min(started + HELLO));
        let hello = worker.receive(Some(hello_by)).map_err(Failure::before_hello)?;
        match hello {
            Message::Hello { protocol: PROTOCOL_VERSION, engine } => worker.engine = *engine,
            Message::Hello { protocol, .. } => {
                let message =
                    format!("the worker speaks protocol {protocol}, not {PROTOCOL_VERSION}");
                return Err(worker.end(Status::Failed, message));
            }
            other => return Err(worker.end(Status::Failed, format!("no hello but {other:?}"))),
        }
        Ok(worker)
    }

    /// What the engine said of itself when it started.
    pub fn engine(&self) -> &EngineFacts {
        &self.engine
    }

    /// The worker's process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Time since the process was started.
    pub fn age(&self) -> Nanos {
        self.started.elapsed().into()
    }

    /// Sends `command` and hands every message of the answer to `on_message`, the terminal
    /// one included. The parent sleeps meanwhile.
    ///
    /// # Errors
    /// [`Failure::Refused`] when the engine says no; [`Failure::Dead`] when the worker
    /// crashed, ran past `deadline`, was interrupted or spoke nonsense.
    pub fn ask(
        &mut self,
        command: &Command,
        deadline: Option<Instant>,
        mut on_message: impl FnMut(Message, &Self),
    ) -> Result<(), Failure> {
        let Ok(mut line) = serde_json::to_vec(command) else {
            let error = EngineError::failed("the model's path is not UTF-8");
            return Err(Failure::Refused(error, Vec::new()));
        };
        line.push(b'\n');
        let sent = self
            .stdin
            .as_mut()
            .is_some_and(|stdin| stdin.write_all(&line).and_then(|()| stdin.flush()).is_ok());
        if !sent {
            return Err(self.receive(deadline).err().unwrap_or_else(|| {
                self.end(Status::Failed, "the worker no longer listens".to_owned())
            }));
        }
        loop {
            let message = self.receive(deadline)?;
            if let Message::Refused(error) = message {
                return Err(self.refused(error));
            }
            let terminal = message.is_terminal();
            on_message(message, self);
            if terminal {
                return Ok(());
            }
        }
    }

    fn receive(&mut self, deadline: Option<Instant>) -> Result<Message, Failure> {
        let received = match deadline {
            None => self.lines.recv().map_err(|_| RecvTimeoutError::Disconnected),
            Some(deadline) => {
                self.lines.recv_timeout(deadline.saturating_duration_since(Instant::now()))
            }
        };
        match received {
            Ok(Line::Message(message)) => Ok(*message),
            Ok(Line::Rubbish(text)) => {
                let message = format!("the worker wrote something that is no message: {text}");
                Err(self.end(Status::Failed, message))
            }
            Err(RecvTimeoutError::Timeout) => {
                let message = "the time limit was reached".to_owned();
                Err(self.end(Status::TimedOut, message))
            }
            Err(RecvTimeoutError::Disconnected) => Err(self.post_mortem()),
        }
    }

    /// A refusal for want of memory under a limit is the limit's doing.
    fn refused(&mut self, error: EngineError) -> Failure {
        let log = self.settled_log();
        match self.limits.memory {
            Some(limit) if mentions_memory(&log) => {
                self.end(Status::OutOfMemory, format!("ran into the memory limit of {limit}"))
            }
            _ => Failure::Refused(error, log),
        }
    }

    /// The log's tail once it has stopped growing: it comes through another pipe than the
    /// messages, and may be late.
    fn settled_log(&self) -> Vec<String> {
        let mut log = self.log_now();
        for _ in 0..10 {
            std::thread::sleep(Duration::from_millis(20));
            let later = self.log_now();
            if later == log && !log.is_empty() {
                break;
            }
            log = later;
        }
        log
    }

    fn log_now(&self) -> Vec<String> {
        self.log.lock().expect("no panic under this lock").iter().cloned().collect()
    }

    /// Waits for the end of the process, for a while; `None` where it outlives even a kill.
    /// Only a process that was not waited for yet is ever sent a signal.
    fn reap(&mut self, kill_it: bool) -> Option<ExitStatus> {
        if self.reaped.is_some() {
            return self.reaped;
        }
        for kill_it in [kill_it, true] {
            if kill_it {
                kill(self.child.id());
            }
            let patience = Instant::now() + GOODBYE;
            while Instant::now() < patience {
                if let Ok(Some(status)) = self.child.try_wait() {
                    self.interrupt.dismiss(self.child.id());
                    self.reaped = Some(status);
                    return self.reaped;
                }
                std::thread::sleep(Duration::from_millis(2));
            }
        }
        None
    }

    /// Ends the worker and says why.
    fn end(&mut self, status: Status, message: String) -> Failure {
        self.reap(true);
        let log_tail = self.take_log();
        Failure::Dead(status, StatusReason { message, log_tail, ..Default::default() })
    }

    /// The pipe has closed: finds out what the worker died of.
    fn post_mortem(&mut self) -> Failure {
        let status = self.reap(false);
        let log_tail = self.take_log();
        let signal = status.and_then(signal_of);
        let exit_code = status.and_then(|status| status.code());
        let reason = |message: String| StatusReason {
            message,
            signal: signal.map(signal_name),
            exit_code,
            log_tail: log_tail.clone(),
        };
        if self.interrupt.has_killed() {
            return Failure::Dead(Status::Interrupted, reason("interrupted".to_owned()));
        }
        let was_oom_killed =
            matches!((self.oom_kills_before, oom_kills()), (Some(a), Some(b)) if b > a);
        if is_kill(signal) && was_oom_killed {
            let message = "killed by the system: out of memory".to_owned();
            return Failure::Dead(Status::OutOfMemory, reason(message));
        }
        if let (Some(limit), true) = (self.limits.memory, mentions_memory(&log_tail)) {
            let message = format!("ran into the memory limit of {limit}");
            return Failure::Dead(Status::OutOfMemory, reason(message));
        }
        let message = match (signal, exit_code) {
            (Some(signal), _) => format!("the engine's process died: {}", signal_name(signal)),
            (None, Some(code)) => format!("the engine's process left with exit code {code}"),
            (None, None) => "the engine's process died".to_owned(),
        };
        let message = match self.limits.memory {
            // Not every library says so when it gets no memory.
            Some(limit) => format!("{message}, perhaps for the memory limit of {limit}"),
            None => message,
        };
        let message = match last_words(&log_tail) {
            Some(line) => format!("{message} (last words: {line})"),
            None => message,
        };
        Failure::Dead(Status::Crashed, reason(message))
    }

    fn take_log(&mut self) -> Vec<String> {
        // The pipe's other end is closed with the process, so the reader ends too, unless
        // a grandchild holds it open: then what has come so far must do.
        if let Some(reader) = self.log_reader.take() {
            let patience = Instant::now() + Duration::from_secs(2);
            while !reader.is_finished() && Instant::now() < patience {
                std::thread::sleep(Duration::from_millis(5));
            }
        }
        self.log_now()
    }
}

impl Drop for WorkerProcess {
    fn drop(&mut self) {
        // The worker holds nothing worth a goodbye; freeing a model may take long.
        self.reap(true);
    }
}

fn os_command(command: &WorkerCommand, limits: Limits) -> OsCommand {
    let mut os = OsCommand::new(&command.program);
    os.args(&command.args)
        .envs(command.env.iter().map(|(name, value)| (name, value)))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    #[cfg(unix)]
    {
        use std::os::unix::process::CommandExt;
        // A group of its own keeps the terminal's Ctrl-C away from the worker.
        os.process_group(0);
        // SAFETY: only async-signal-safe system calls between fork and exec.
        unsafe {
            os.pre_exec(move || {
                #[cfg(target_os = "linux")]
                libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL);
                // An abort is expected here and now; its core file is of no use.
                let none = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
                libc::setrlimit(libc::RLIMIT_CORE, &none);
                if let Some(Bytes(limit)) = limits.memory {
                    let limit = libc::rlimit { rlim_cur: limit as _, rlim_max: limit as _ };
                    if libc::setrlimit(libc::RLIMIT_DATA, &limit) != 0 {
                        return Err(std::io::Error::last_os_error());
                    }
                }
                Ok(())
            });
        }
    }
    #[cfg(not(unix))]
    let _ = limits;
    os
}
