//! The parent's side of a guard.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};

use super::{GuardCommand, Notice, Order};
use crate::RecipeError;
use crate::launch::{Held, Launch, lead_session};
use crate::process::{Exit, in_background};
use crate::stop::{AFTERMATH, KILLED, StopPlan, StopReport, Watch, stop_tree};
use crate::tree::Tree;

/// Time for a guard to say that the server runs, and to leave.
const PATIENCE: Duration = Duration::from_secs(10);

/// A program held by a guard.
#[derive(Debug)]
pub(crate) struct Guarded {
    link: Link,
    tree: Tree,
    exit: Option<Exit>,
    report: Option<StopReport>,
    guard_is_gone: bool,
}

/// A guard and the pipes to it.
#[derive(Debug)]
struct Link {
    guard: Option<Child>,
    /// Closed, it is the order to kill.
    orders: Option<ChildStdin>,
    notices: Receiver<Notice>,
}

impl Guarded {
    /// Starts a guard, and through it the program.
    pub(crate) fn start(
        launch: &Launch,
        log: File,
        command: &GuardCommand,
    ) -> Result<Self, RecipeError> {
        let failed = |problem| RecipeError::Guard { recipe: launch.recipe.clone(), problem };
        let mut link = Link::open(command, &launch.recipe, log).map_err(|error| {
            failed(format!("{} cannot be started: {error}", command.program.display()))
        })?;
        let problem = if link.order(&Order::Start(launch.clone())) {
            match link.notices.recv_timeout(PATIENCE) {
                Ok(Notice::Started(pid)) => {
                    let tree = Tree::new(pid, &launch.mark, link.guard.as_ref().map(Child::id));
                    return Ok(Guarded {
                        link,
                        tree,
                        exit: None,
                        report: None,
                        guard_is_gone: false,
                    });
                }
                Ok(Notice::Refused(problem)) => {
                    link.end_guard(PATIENCE);
                    return Err(launch.refused(problem));
                }
                Ok(other) => format!("it said {other:?} first"),
                Err(RecvTimeoutError::Timeout) => "it says nothing".to_owned(),
                Err(RecvTimeoutError::Disconnected) => {
                    "it left, or does not speak as a guard does".to_owned()
                }
            }
        } else {
            "it takes no orders".to_owned()
        };
        link.end_guard(Duration::ZERO);
        Err(failed(problem))
    }

    /// The program and all that it started.
    pub(crate) fn tree(&self) -> &Tree {
        &self.tree
    }

    /// How the program ended; `None` while it runs.
    pub(crate) fn exit(&mut self) -> Option<Exit> {
        while let Ok(notice) = self.link.notices.try_recv() {
            self.take(notice);
        }
        // The channel is empty: only a guard that is gone leaves it without a sender.
        if self.exit.is_none() && self.has_lost_its_guard() {
            self.exit = Some(Exit::UNSEEN);
        }
        self.exit
    }

    /// Waits for news, not longer than `at_most`.
    pub(crate) fn listen(&mut self, at_most: Duration) {
        match self.link.notices.recv_timeout(at_most) {
            Ok(notice) => self.take(notice),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => self.guard_is_gone = true,
        }
    }

    /// Has the guard end everything; does it here where the guard is gone or hangs.
    pub(crate) fn stop(mut self, plan: StopPlan) -> StopReport {
        let deadline = Instant::now() + plan.grace + AFTERMATH + KILLED + PATIENCE;
        if self.link.order(&Order::Stop(plan)) {
            while self.report.is_none() && !self.guard_is_gone && Instant::now() < deadline {
                self.listen(deadline.saturating_duration_since(Instant::now()));
            }
        }
        let report = self.report.take();
        self.link.end_guard(if report.is_some() { PATIENCE } else { Duration::ZERO });
        report.unwrap_or_else(|| {
            let tree = self.tree.without_adopter();
            stop_tree(&tree, StopPlan::KILL, &mut Orphaned(&tree, self.exit))
        })
    }

    fn take(&mut self, notice: Notice) {
        match notice {
            Notice::Ended(exit) => self.exit = Some(exit),
            Notice::Stopped(report) => self.report = Some(report),
            Notice::Started(_) | Notice::Refused(_) => {}
        }
    }

    fn has_lost_its_guard(&mut self) -> bool {
        if !self.guard_is_gone && self.link.has_ended() {
            self.guard_is_gone = true;
            // It may have said something before it left.
            while let Ok(notice) = self.link.notices.recv_timeout(PATIENCE) {
                self.take(notice);
            }
        }
        self.guard_is_gone && self.exit.is_none()
    }
}

impl Link {
    fn open(command: &GuardCommand, recipe: &str, log: File) -> io::Result<Self> {
        let mut os_command = Command::new(&command.program);
        os_command
            .args(&command.args)
            .arg(recipe)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(log);
        lead_session(&mut os_command, Held::ByCaller);
        let mut guard = os_command.spawn()?;
        let (sender, notices) = channel();
        if let Some(output) = guard.stdout.take() {
            std::thread::spawn(move || read_notices(output, &sender));
        }
        Ok(Link { orders: guard.stdin.take(), guard: Some(guard), notices })
    }

    /// Whether the order was handed over.
    fn order(&mut self, order: &Order) -> bool {
        let Some(orders) = &mut self.orders else { return false };
        let Ok(mut line) = serde_json::to_vec(order) else { return false };
        line.push(b'\n');
        orders.write_all(&line).and_then(|()| orders.flush()).is_ok()
    }

    fn has_ended(&mut self) -> bool {
        self.guard.as_mut().is_some_and(|guard| matches!(guard.try_wait(), Ok(Some(_))))
    }

    /// Gives the guard this long to leave, then kills it.
    fn end_guard(&mut self, patience: Duration) {
        self.orders = None;
        if let Some(guard) = self.guard.take() {
            leaves(guard, patience);
        }
    }
}

/// Gives the guard this long to leave, then kills it. Whether it left by itself, its work done.
fn leaves(mut guard: Child, patience: Duration) -> bool {
    let deadline = Instant::now() + patience;
    loop {
        match guard.try_wait() {
            Ok(Some(status)) => return status.success(),
            Ok(None) if Instant::now() < deadline => {
                std::thread::sleep(Duration::from_millis(2));
            }
            Ok(None) | Err(_) => {
                let _ = guard.kill();
                let _ = guard.wait();
                return false;
            }
        }
    }
}

impl Drop for Guarded {
    fn drop(&mut self) {
        self.link.orders = None;
        #[cfg(unix)]
        let is_gone = self.link.has_ended() || self.tree.is_deserted();
        let Some(guard) = self.link.guard.take() else { return };
        let (tree, exit) = (self.tree.without_adopter(), self.exit);
        // This process may end next, and its threads with it.
        #[cfg(unix)]
        if is_gone {
            tree.strike();
        }
        // Else the guard kills. Whether it lived to do so shows only in how it ends: one that
        // was killed cannot be waited for until the last of its threads is gone.
        in_background(move || {
            if !leaves(guard, KILLED + PATIENCE) {
                drop(stop_tree(&tree, StopPlan::KILL, &mut Orphaned(&tree, exit)));
            }
        });
    }
}

/// A server whose guard is gone. Nobody here can wait for it.
struct Orphaned<'a>(&'a Tree, Option<Exit>);

impl Watch for Orphaned<'_> {
    fn exit(&mut self) -> Option<Exit> {
        self.1.or_else(|| (!self.0.members().contains(&self.0.root())).then_some(Exit::UNSEEN))
    }

    fn pause(&mut self, at_most: Duration) -> bool {
        std::thread::sleep(at_most);
        false
    }
}

fn read_notices(output: impl Read, sender: &Sender<Notice>) {
    for line in BufReader::new(output).lines() {
        let Ok(notice) =
            line.map_err(drop).and_then(|line| serde_json::from_str::<Notice>(&line).map_err(drop))
        else {
            return;
        };
        if sender.send(notice).is_err() {
            return;
        }
    }
}
