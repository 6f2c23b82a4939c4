//! The worker's side: engine, clock, sink and repetition loop in one process, spoken to
//! over a pipe.

use std::io::{self, BufRead, Write};
#[cfg(unix)]
use std::sync::atomic::{AtomicI32, Ordering};

use tokmark_model::{Nanos, Noise};

use crate::{
    Clock, Command, EngineError, LocalEngine, Message, PROTOCOL_VERSION, Recorder, Setup, Work,
    make_work, measure_delayed_repetition, measure_repetition,
};

/// The noise guard as the runner sees it. Counters are read just before and just after
/// a repetition, never during it.
pub trait Guard {
    /// Reads the counters before a repetition.
    fn before(&mut self);
    /// Reads them again and tells the difference.
    fn after(&mut self) -> Noise;
    /// Runs the fixed probe.
    fn probe(&mut self) -> Option<Nanos>;
}

/// No sensors and no probe.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoGuard;

impl Guard for NoGuard {
    fn before(&mut self) {}

    fn after(&mut self) -> Noise {
        Noise::default()
    }

    fn probe(&mut self) -> Option<Nanos> {
        None
    }
}

/// Repetitions agree when the longest of the last three is at most this times the shortest.
const AGREEMENT: f64 = 1.05;
/// No warm-up is longer than this many repetitions.
const MOST_WARM_UPS: usize = 50;

/// Serves commands from `input` until it ends.
///
/// # Errors
/// When the parent is gone or speaks another protocol.
pub fn serve<E: LocalEngine, C: Clock + Clone>(
    engine: E,
    guard: impl Guard,
    clock: C,
    input: impl BufRead,
    output: impl Write,
) -> io::Result<()> {
    let mut worker = Worker { engine, guard, clock, output, work: None, first_start: None };
    worker.say(&Message::Hello {
        protocol: PROTOCOL_VERSION,
        engine: Box::new(worker.engine.facts()),
    })?;
    for line in input.lines() {
        let command: Command = serde_json::from_str(&line?)?;
        if let Err(refusal) = worker.obey(command)? {
            worker.say(&Message::Refused(refusal))?;
        }
    }
    Ok(())
}

struct Worker<E, G, C, W> {
    engine: E,
    guard: G,
    clock: C,
    output: W,
    work: Option<(Work, Recorder<C>)>,
    first_start: Option<Nanos>,
}

/// The outer error ends the worker, the inner one only the command.
type Answer = io::Result<Result<(), EngineError>>;

macro_rules! try_engine {
    ($result:expr) => {
        match $result {
            Ok(value) => value,
            Err(refusal) => return Ok(Err(refusal)),
        }
    };
}

impl<E: LocalEngine, G: Guard, C: Clock + Clone, W: Write> Worker<E, G, C, W> {
    fn say(&mut self, message: &Message) -> io::Result<()> {
        // One write a message: each wakes the parent.
        let mut line = serde_json::to_vec(message)?;
        line.push(b'\n');
        self.output.write_all(&line)?;
        self.output.flush()
    }

    fn obey(&mut self, command: Command) -> Answer {
        match command {
            Command::Setup(setup) => self.set_up(*setup),
            Command::Close => {
                self.work = None;
                self.engine.close_context();
                self.say(&Message::Closed).map(Ok)
            }
            Command::WarmUp { at_most_ns } => self.warm_up(at_most_ns),
            Command::Probe { n } => self.probe(n),
            Command::Repeat { n, probe, delay } => self.repeat(n, probe, delay),
        }
    }

    /// Each probe follows a decode, as it does between repetitions, so that both find the
    /// same caches and clocks.
    fn probe(&mut self, n: u32) -> Answer {
        let mut durations_ns = Vec::new();
        for _ in 0..n {
            try_engine!(self.engine.settle());
            durations_ns.extend(self.guard.probe());
        }
        self.say(&Message::Probed { durations_ns }).map(Ok)
    }

    fn set_up(&mut self, setup: Setup) -> Answer {
        self.work = None;
        let fresh = try_engine!(self.engine.load(&setup.load));
        let loaded = try_engine!(self.engine.open_context(&setup.test, &setup.load.params));
        self.say(&Message::Opened { loaded, fresh })?;
        let (work, tokens) = try_engine!(make_work(&self.engine, setup.test, &setup.tokens));
        try_engine!(self.engine.prepare(&work));
        let recorder = Recorder::for_work(self.clock.clone(), &work);
        self.first_start = None;
        self.work = Some((work, recorder));
        self.say(&Message::Ready { tokens }).map(Ok)
    }

    fn warm_up(&mut self, at_most: Nanos) -> Answer {
        let begun = self.clock.now();
        let mut durations_ns: Vec<Nanos> = Vec::new();
        loop {
            let repetition = try_engine!(self.one_repetition(0.0));
            durations_ns.push(repetition.duration_ns);
            let spent = self.clock.now().get() - begun.get();
            if agree(&durations_ns) || durations_ns.len() >= MOST_WARM_UPS || spent >= at_most.get()
            {
                self.first_start = None;
                return self.say(&Message::WarmedUp { durations_ns }).map(Ok);
            }
        }
    }

    fn repeat(&mut self, n: u32, probe: bool, delay: f64) -> Answer {
        let mut probe_ns = None;
        if probe {
            // A decode before it, as before each probe of the baseline; one after it, so that
            // it leaves no cold cache.
            try_engine!(self.engine.settle());
            probe_ns = self.guard.probe();
            try_engine!(self.engine.settle());
        }
        for _ in 0..n {
            let mut repetition = try_engine!(self.one_repetition(delay));
            repetition.probe_ns = probe_ns.take();
            self.say(&Message::Repeated(Box::new(repetition)))?;
        }
        self.say(&Message::BlockDone).map(Ok)
    }

    fn one_repetition(&mut self, delay: f64) -> Result<tokmark_model::Repetition, EngineError> {
        let Some((work, recorder)) = &mut self.work else {
            return Err(EngineError::failed("no test was set up"));
        };
        self.engine.prepare(work)?;
        self.guard.before();
        let measured = if delay > 0.0 {
            measure_delayed_repetition(&mut self.engine, work, recorder, delay)
        } else {
            measure_repetition(&mut self.engine, work, recorder)
        };
        let noise = self.guard.after();
        let mut repetition = measured?;
        let first = *self.first_start.get_or_insert(recorder.started_at());
        repetition.start_ns = Nanos(recorder.started_at().get() - first.get());
        repetition.noise = Some(noise);
        Ok(repetition)
    }
}

fn agree(durations: &[Nanos]) -> bool {
    let Some(last) = durations.len().checked_sub(3).map(|from| &durations[from..]) else {
        return false;
    };
    let longest = last.iter().max().expect("three durations").get() as f64;
    let shortest = last.iter().min().expect("three durations").get() as f64;
    longest <= AGREEMENT * shortest
}

/// Takes standard output for the protocol alone: what anything in this process prints
/// from now on, a GPU driver say, goes to standard error instead.
///
/// # Errors
/// When the descriptors cannot be duplicated.
#[cfg(unix)]
pub fn claim_stdout() -> io::Result<std::fs::File> {
    use std::os::fd::FromRawFd;
    // SAFETY: dup and dup2 touch no memory; the new descriptor is owned by the file alone.
    unsafe {
        let protocol = libc::fcntl(libc::STDOUT_FILENO, libc::F_DUPFD_CLOEXEC, 3);
        if protocol < 0 || libc::dup2(libc::STDERR_FILENO, libc::STDOUT_FILENO) < 0 {
            return Err(io::Error::last_os_error());
        }
        PROTOCOL_FD.store(protocol, Ordering::Relaxed);
        Ok(std::fs::File::from_raw_fd(protocol))
    }
}

/// Takes standard output for the protocol.
///
/// # Errors
/// Never on this system.
#[cfg(not(unix))]
pub fn claim_stdout() -> io::Result<io::Stdout> {
    Ok(io::stdout())
}

#[cfg(unix)]
static PROTOCOL_FD: AtomicI32 = AtomicI32::new(libc::STDOUT_FILENO);

/// Sends bytes that are no message, for the fake engine that misbehaves.
pub(crate) fn write_rubbish() {
    const RUBBISH: &[u8] = b"\x00\xff this is no message {]\n";
    #[cfg(unix)]
    // SAFETY: writes from a constant to a descriptor that is open as long as the process.
    unsafe {
        libc::write(PROTOCOL_FD.load(Ordering::Relaxed), RUBBISH.as_ptr().cast(), RUBBISH.len());
    }
    #[cfg(not(unix))]
    let _ = io::stdout().write_all(RUBBISH);
}
