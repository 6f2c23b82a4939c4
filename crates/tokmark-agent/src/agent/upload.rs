//! What lies in the outbox, brought to the server.

use tokmark_model::{JobProgress, JobReport, Uuid};

use super::{AgentEvent, Shift};
use crate::{AgentError, ClientError, RefusedRecord, Sent};

/// How often a server that answers is asked to take records that it does not take.
const ATTEMPTS: u32 = 5;

/// What became of a job's records.
pub(super) enum Brought {
    /// The server has them, but for these.
    Taken(Vec<RefusedRecord>),
    /// They are still in the outbox.
    Left(ClientError),
    /// They are still in the outbox, and the job is somebody else's or over.
    LeaseLost,
}

impl Shift<'_> {
    /// Sends what other jobs left, now and then.
    pub(super) fn send_leftovers(&mut self) -> Result<(), AgentError> {
        if !self.until_sending.is_zero() || self.agent.outbox.n_waiting()? == 0 {
            return Ok(());
        }
        let sent = self.send()?;
        if let Some(error) = sent.stopped {
            self.until_sending = self.failed(&error);
        }
        Ok(())
    }

    /// Sends what a job left: until the server has it, it is clear that the server does not
    /// take it now, or the agent is to stop; `once` where nobody waits for it. In between the
    /// lease is renewed.
    pub(super) fn bring(&mut self, job: Uuid, once: bool) -> Result<Brought, AgentError> {
        let mut all_refused = Vec::new();
        let mut n_answered = 0;
        loop {
            let Sent { refused, stopped, n_left, .. } = self.send()?;
            all_refused.extend(refused);
            let Some(error) = stopped else { return Ok(Brought::Taken(all_refused)) };
            let is_last = once || n_answered == ATTEMPTS || self.is_stopped();
            if is_last || !error.is_passing() {
                (self.tell)(AgentEvent::Left { n_batches: n_left });
                // Not at once again.
                self.until_sending = self.backoff.next(error.retry_after());
                return Ok(Brought::Left(error));
            }
            self.wait_for_server(&error);
            let progress =
                JobProgress { share: 1.0, doing: "uploading".to_owned(), remaining_s: None };
            let report = JobReport { agent: self.agent.options.id, progress };
            match self.agent.client.report(job, &report) {
                // Whether it is wanted or not, it is measured.
                Ok(_) => n_answered += 1,
                Err(ClientError::LeaseLost { .. }) => {
                    (self.tell)(AgentEvent::Left { n_batches: n_left });
                    return Ok(Brought::LeaseLost);
                }
                Err(_) => {}
            }
        }
    }

    fn send(&mut self) -> Result<Sent, AgentError> {
        let sent = self.agent.outbox.send_all(self.agent.client)?;
        if !sent.refused.is_empty() {
            (self.tell)(AgentEvent::Refused { records: sent.refused.clone() });
        }
        if sent.stopped.is_none() {
            self.answered();
        }
        Ok(sent)
    }
}
