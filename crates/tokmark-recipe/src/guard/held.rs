//! The guard's own side.
//!
//! Nothing here wakes up by itself while the server runs: one thread waits for orders, one
//! for children that end, and the main thread for either.

use std::fs::File;
use std::io::{self, BufRead, Write};
use std::os::fd::AsFd;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::Duration;

use super::{Notice, Order};
use crate::launch::{Held, explain};
use crate::process::Exit;
use crate::stop::{StopPlan, Watch, stop_tree};
use crate::tree::Tree;

/// What the main thread waits for.
enum Event {
    Order(Order),
    /// The parent is gone, or wants no more.
    InputEnded,
    /// A child or an adopted orphan has ended.
    Reaped(u32, Exit),
    /// There are no children left, nor orphans.
    Childless,
}

/// Starts what it is told to, and ends it.
pub(super) fn hold() -> io::Result<()> {
    stay_until_the_end();
    let mut input = io::stdin().lock();
    let mut line = String::new();
    if input.read_line(&mut line)? == 0 {
        return Ok(());
    }
    drop(input);
    let Order::Start(launch) = serde_json::from_str(&line)? else {
        return Err(io::Error::other("the first order is not to start"));
    };
    // Standard error is the log; standard output belongs to the notices.
    let log = File::from(io::stderr().as_fd().try_clone_to_owned()?);
    let child = match launch.spawn(log, Held::ByGuard) {
        Ok(child) => child,
        Err(error) => return say(&Notice::Refused(explain(&error))),
    };
    let root = child.id();
    let tree = Tree::new(root, &launch.mark, Some(std::process::id()));
    let (sender, events) = channel();
    let reaped = sender.clone();
    std::thread::spawn(move || reap(&reaped));
    std::thread::spawn(move || read_orders(&sender));
    // Should the parent be gone already, its end of the pipe says so.
    let _ = say(&Notice::Started(root));

    let mut keeper =
        Keeper { events, root, exit: None, plan: None, input_ended: false, is_childless: false };
    while keeper.plan.is_none() && !keeper.input_ended {
        keeper.listen(None);
    }
    let plan = if keeper.input_ended { None } else { keeper.plan };
    let report = stop_tree(&tree, plan.unwrap_or(StopPlan::KILL), &mut keeper);
    if keeper.input_ended { Ok(()) } else { say(&Notice::Stopped(report)) }
}

/// Signals meant for a whole group or session of processes must not end the guard before its
/// work is done. On Linux it inherits the orphans of its descendants.
fn stay_until_the_end() {
    for signal in [libc::SIGINT, libc::SIGTERM, libc::SIGHUP, libc::SIGQUIT, libc::SIGPIPE] {
        // SAFETY: a plain system call; no handler runs.
        unsafe { libc::signal(signal, libc::SIG_IGN) };
    }
    #[cfg(target_os = "linux")]
    // SAFETY: plain system calls that change only this process; the name ends with a null.
    unsafe {
        libc::prctl(libc::PR_SET_CHILD_SUBREAPER, 1);
        // Whoever kills all programs of the parent's name must not hit the guard with them.
        libc::prctl(libc::PR_SET_NAME, c"server-guard".as_ptr());
    }
}

fn say(notice: &Notice) -> io::Result<()> {
    let mut line = serde_json::to_vec(notice)?;
    line.push(b'\n');
    let mut output = io::stdout().lock();
    output.write_all(&line)?;
    output.flush()
}

fn read_orders(sender: &Sender<Event>) {
    for line in io::stdin().lock().lines() {
        // Rubbish is no order of the parent's: something else holds the pipe.
        let Ok(order) = line.and_then(|line| Ok(serde_json::from_str(&line)?)) else { break };
        if sender.send(Event::Order(order)).is_err() {
            return;
        }
    }
    let _ = sender.send(Event::InputEnded);
}

/// Takes the exit codes of children and orphans, until there are none left.
fn reap(sender: &Sender<Event>) {
    loop {
        let mut status = 0;
        // SAFETY: `status` outlives the call. Nobody else in this process waits for children.
        let pid = unsafe { libc::waitpid(-1, &raw mut status, 0) };
        if pid > 0 {
            let status: std::process::ExitStatus =
                std::os::unix::process::ExitStatusExt::from_raw(status);
            if sender.send(Event::Reaped(pid as u32, status.into())).is_err() {
                return;
            }
        } else if io::Error::last_os_error().kind() != io::ErrorKind::Interrupted {
            // A process passes its children on before it can be waited for: none are to come.
            let _ = sender.send(Event::Childless);
            return;
        }
    }
}

/// What the guard knows of its server and its parent.
struct Keeper {
    events: Receiver<Event>,
    root: u32,
    exit: Option<Exit>,
    plan: Option<StopPlan>,
    input_ended: bool,
    is_childless: bool,
}

impl Keeper {
    /// Takes one event; waits for it no longer than `at_most`.
    fn listen(&mut self, at_most: Option<Duration>) {
        let event = match at_most {
            None => self.events.recv().map_err(|_| RecvTimeoutError::Disconnected),
            Some(at_most) => self.events.recv_timeout(at_most),
        };
        match event {
            Ok(Event::Order(Order::Stop(plan))) => self.plan = Some(plan),
            Ok(Event::Order(Order::Start(_)) | Event::InputEnded) => self.input_ended = true,
            Ok(Event::Reaped(pid, exit)) if pid == self.root => {
                self.exit = Some(exit);
                let _ = say(&Notice::Ended(exit));
            }
            Ok(Event::Childless) => self.is_childless = true,
            Ok(Event::Reaped(..)) | Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => self.input_ended = true,
        }
    }
}

impl Watch for Keeper {
    fn exit(&mut self) -> Option<Exit> {
        self.exit
    }

    fn pause(&mut self, at_most: Duration) -> bool {
        self.listen(Some(at_most));
        self.input_ended
    }

    fn is_all_over(&self) -> Option<bool> {
        // Elsewhere orphans go to the first process of the system.
        cfg!(target_os = "linux").then_some(self.is_childless)
    }
}
