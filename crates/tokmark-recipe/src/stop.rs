//! Ending all processes of a server: asked first, killed then.

use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use crate::process::Exit;
#[cfg(unix)]
use crate::tree::Look;
use crate::tree::Tree;
use crate::{Stop, StopSignal};

/// Time for those that outlive their server: nobody but a kill ends them now.
pub(crate) const AFTERMATH: Duration = Duration::from_millis(500);
/// Time for killed processes to be gone.
pub(crate) const KILLED: Duration = Duration::from_secs(5);
/// Sure looks that must find nothing before all counts as gone, where nobody can wait for it.
#[cfg(unix)]
const EMPTY_LOOKS: u32 = 3;
/// First and longest pause between two looks at the processes.
const PAUSES: (Duration, Duration) = (Duration::from_millis(5), Duration::from_millis(100));

/// How to end a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct StopPlan {
    /// What to ask with; absent to kill at once.
    pub(crate) signal: Option<StopSignal>,
    /// Time from asking to killing.
    pub(crate) grace: Duration,
}

impl StopPlan {
    /// Kills without asking.
    pub(crate) const KILL: StopPlan = StopPlan { signal: None, grace: Duration::ZERO };
}

impl From<&Stop> for StopPlan {
    fn from(stop: &Stop) -> Self {
        StopPlan { signal: Some(stop.signal), grace: stop.grace }
    }
}

/// What it took to end a server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StopReport {
    /// How the server ended; absent where even a kill did not end it.
    pub exit: Option<Exit>,
    /// It had ended by itself before it was asked to: it crashed while it was measured.
    pub had_ended: bool,
    /// Processes that had to be killed, the server and its descendants.
    pub killed: Vec<u32>,
    /// Processes that are still there after a kill: they hang in the kernel.
    pub left: Vec<u32>,
    /// From the first signal to the end.
    pub took: Duration,
}

impl StopReport {
    /// Whether the server ended because it was asked to, and left nothing behind.
    pub fn is_clean(&self) -> bool {
        !self.had_ended && self.killed.is_empty() && self.left.is_empty()
    }
}

/// Whoever sees how the server ends.
pub(crate) trait Watch {
    /// How it ended; `None` while it runs.
    fn exit(&mut self) -> Option<Exit>;
    /// Waits for at most this long; `true` when the rest is to be killed at once.
    fn pause(&mut self, at_most: Duration) -> bool;
    /// Whether no process of the server is left, where that is known for certain.
    #[cfg_attr(not(unix), expect(dead_code, reason = "there are no guards"))]
    fn is_all_over(&self) -> Option<bool> {
        None
    }
}

/// Asks the server's process group to end, then kills what is left of `tree`.
#[cfg(unix)]
pub(crate) fn stop_tree(tree: &Tree, plan: StopPlan, watch: &mut impl Watch) -> StopReport {
    let started = Instant::now();
    let had_ended = watch.exit().is_some();
    if let (Some(signal), false) = (plan.signal, had_ended) {
        tree.ask(match signal {
            StopSignal::Term => libc::SIGTERM,
            StopSignal::Int => libc::SIGINT,
        });
        wait_for_end(tree, started + plan.grace, watch);
    }
    let (killed, left) = kill_all(tree, watch);
    StopReport { exit: watch.exit(), had_ended, killed, left, took: started.elapsed() }
}

/// Ends the server at once: nothing here can be asked to.
#[cfg(not(unix))]
pub(crate) fn stop_tree(tree: &Tree, _plan: StopPlan, watch: &mut impl Watch) -> StopReport {
    let started = Instant::now();
    let had_ended = watch.exit().is_some();
    tree.kill_all();
    while watch.exit().is_none() && started.elapsed() < KILLED {
        watch.pause(PAUSES.0);
    }
    let exit = watch.exit();
    let left = if exit.is_none() { vec![tree.root()] } else { Vec::new() };
    let killed = if had_ended { Vec::new() } else { vec![tree.root()] };
    StopReport { exit, had_ended, killed, left, took: started.elapsed() }
}

/// Waits until nothing lives, until `deadline`, or until [`AFTERMATH`] past the server's end.
#[cfg(unix)]
fn wait_for_end(tree: &Tree, deadline: Instant, watch: &mut impl Watch) {
    let (mut pause, longest) = PAUSES;
    let mut deadline = deadline;
    let mut is_over = false;
    loop {
        if watch.exit().is_some() && !is_over {
            is_over = true;
            deadline = deadline.min(Instant::now() + AFTERMATH);
        }
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() || (is_over && tree.members().is_empty()) {
            return;
        }
        if watch.pause(pause.min(left)) {
            return;
        }
        pause = longest.min(pause * 2);
    }
}

/// Kills until nothing lives: who forks while it is killed is found at the next look.
/// Gives those killed, and those that do not die.
#[cfg(unix)]
fn kill_all(tree: &Tree, watch: &mut impl Watch) -> (Vec<u32>, Vec<u32>) {
    let patience = Instant::now() + KILLED;
    let mut killed: Vec<u32> = Vec::new();
    let mut n_empty_looks = 0;
    loop {
        let Look { struck, is_sure } = tree.strike();
        for pid in &struck {
            if !killed.contains(pid) {
                killed.push(*pid);
            }
        }
        n_empty_looks = if struck.is_empty() && is_sure { n_empty_looks + 1 } else { 0 };
        let nothing_is_left = watch.is_all_over().unwrap_or(n_empty_looks >= EMPTY_LOOKS);
        let is_over = nothing_is_left && watch.exit().is_some();
        if is_over || Instant::now() > patience {
            killed.retain(|pid| !struck.contains(pid));
            return (killed, struck);
        }
        watch.pause(PAUSES.0);
    }
}
