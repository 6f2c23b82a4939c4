//! A job that runs: looked at, reported, and asked to end.

use std::time::Duration;

use tokmark_model::{JobReport, Uuid};

use super::{AgentEvent, Ending, Shift};
use crate::{ClientError, Ended, Running};

/// Time between two looks at what runs.
const LOOK: Duration = Duration::from_millis(250);
/// Time between two reports.
const REPORT: Duration = Duration::from_secs(2);
/// Longest time to the next report while the server is away: the lease runs out meanwhile.
const LONGEST_SILENCE: Duration = Duration::from_secs(15);
/// Time to end after being asked, before it is asked harder.
const PATIENCE: Duration = Duration::from_secs(10);
/// Times that what runs can be asked to end; the last kills.
const HARDEST: u32 = 3;

/// How hard a job was asked to end.
struct Pressure {
    why: Option<Ending>,
    n_asked: u32,
    since: Duration,
}

impl Shift<'_> {
    /// Waits for the end of what runs. Gives why it was asked to end, if it was.
    pub(super) fn measure(
        &mut self,
        job: Uuid,
        mut running: Box<dyn Running>,
    ) -> (Ended, Option<Ending>) {
        let mut pressure = Pressure { why: None, n_asked: 0, since: Duration::ZERO };
        let mut until_report = Duration::ZERO;
        loop {
            if let Some(ended) = running.poll() {
                return (ended, pressure.why);
            }
            let n_stops = self.pace.n_stops();
            if n_stops > self.n_stops {
                self.n_stops = n_stops;
                self.press(job, &mut *running, &mut pressure, Ending::Stopped);
            }
            if until_report.is_zero() && pressure.why != Some(Ending::LeaseLost) {
                until_report = self.report(job, &mut *running, &mut pressure);
            }
            if pressure.n_asked > 0 && pressure.since >= PATIENCE {
                pressure.ask(&mut *running);
            }
            self.pause(LOOK);
            until_report = until_report.saturating_sub(LOOK);
            pressure.since += LOOK;
        }
    }

    /// Tells how far the job is, obeys the answer, and gives the time to the next report.
    fn report(
        &mut self,
        job: Uuid,
        running: &mut dyn Running,
        pressure: &mut Pressure,
    ) -> Duration {
        let report = JobReport { agent: self.agent.options.id, progress: running.progress() };
        match self.agent.client.report(job, &report) {
            Ok(order) => {
                self.answered();
                if order.cancel && pressure.why.is_none() {
                    self.press(job, running, pressure, Ending::Ordered);
                }
                REPORT
            }
            Err(ClientError::LeaseLost { .. }) => {
                self.answered();
                if pressure.why.is_none() {
                    self.press(job, running, pressure, Ending::LeaseLost);
                }
                REPORT
            }
            // Also where it is refused: a measurement is worth more than a report.
            Err(error) => self.failed(&error).clamp(REPORT, LONGEST_SILENCE),
        }
    }

    /// Asks what runs to end. The first reason is the one that counts.
    fn press(
        &mut self,
        job: Uuid,
        running: &mut dyn Running,
        pressure: &mut Pressure,
        why: Ending,
    ) {
        if pressure.why.is_none() {
            pressure.why = Some(why);
            (self.tell)(AgentEvent::Ending { job, why });
        }
        pressure.ask(running);
    }
}

impl Pressure {
    fn ask(&mut self, running: &mut dyn Running) {
        self.since = Duration::ZERO;
        if self.n_asked < HARDEST {
            self.n_asked += 1;
            running.cancel();
        }
    }
}
