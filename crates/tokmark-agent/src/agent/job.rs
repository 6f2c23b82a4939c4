//! One job from its claim to its end.

use tokmark_model::{Job, JobEnd, JobOutcome, Record, Uuid};

use super::upload::Brought;
use super::{AgentEvent, Ending, Shift};
use crate::shown::shown;
use crate::{AgentError, ClientError, Ended, Running, command_line};

/// How often an end is told to a server that does not answer. Its lease is over long before.
const TELLINGS: u32 = 20;

impl Shift<'_> {
    /// Does a job. Whatever goes wrong with it is told to the server.
    pub(super) fn job(&mut self, job: &Job) -> Result<(), AgentError> {
        let running = match self.start(job) {
            Ok(running) => running,
            Err(error) => {
                self.end(job.id, JobOutcome::Failed, Some(error.to_string()), None);
                return Ok(());
            }
        };
        let (ended, ending) = self.measure(job.id, running);
        let Ended { outcome, message, records } = ended;
        let (outcome, message) = verdict(outcome, message, ending);
        let run_id = records.last().map(|record| record.run_id);
        if let Err(error) = self.agent.outbox.add(&records) {
            let message = format!("its records could not be kept: {error}");
            self.end(job.id, JobOutcome::Failed, Some(message), None);
            return Err(error.into());
        }
        let lease_is_lost = ending == Some(Ending::LeaseLost);
        let brought = self.bring(job.id, lease_is_lost)?;
        if lease_is_lost || matches!(brought, Brought::LeaseLost) {
            self.say_ended(job.id, outcome, message);
            return Ok(());
        }
        let (outcome, message) = with_upload(outcome, message, &brought, &records);
        self.end(job.id, outcome, message, run_id);
        Ok(())
    }

    fn start(&mut self, job: &Job) -> Result<Box<dyn Running>, AgentError> {
        let mut paths = Vec::new();
        for name in job.spec.models() {
            let path = self.offer.models.get(name).ok_or_else(|| AgentError::Unsound {
                field: "models",
                reason: format!("names '{}', which is not on this machine", shown(name)),
            })?;
            paths.push(path.clone());
        }
        let command = command_line(&job.spec, &paths)?;
        (self.tell)(AgentEvent::Took { job: Box::new(job.clone()), command: command.clone() });
        self.runner.start(job, &command)
    }

    /// Tells the server how the job ended, until it knows.
    fn end(
        &mut self,
        job: Uuid,
        outcome: JobOutcome,
        message: Option<String>,
        run_id: Option<Uuid>,
    ) {
        let message = message.map(|message| shown(&message));
        let agent = self.agent.options.id;
        let end = JobEnd { agent, outcome, message: message.clone(), run_id };
        for _ in 0..TELLINGS {
            match self.agent.client.end(job, &end) {
                Ok(_) => {
                    self.answered();
                    break;
                }
                Err(error) if error.is_passing() && !self.is_stopped() => {
                    self.wait_for_server(&error);
                }
                Err(error) => {
                    if matches!(error, ClientError::LeaseLost { .. }) {
                        self.answered();
                    }
                    (self.tell)(AgentEvent::NotDone { error });
                    break;
                }
            }
        }
        self.say_ended(job, outcome, message);
    }

    fn say_ended(&mut self, job: Uuid, outcome: JobOutcome, message: Option<String>) {
        (self.tell)(AgentEvent::Ended { job, outcome, message });
    }
}

/// What the runner's word on the end means, given why it was asked to end.
fn verdict(
    outcome: JobOutcome,
    message: Option<String>,
    ending: Option<Ending>,
) -> (JobOutcome, Option<String>) {
    match (outcome, ending) {
        // It had ended before it heard of it.
        (JobOutcome::Done, _) => (JobOutcome::Done, message),
        (_, Some(Ending::Ordered)) => (JobOutcome::Cancelled, message),
        (_, Some(Ending::Stopped)) => {
            (JobOutcome::Failed, Some("its agent was stopped".to_owned()))
        }
        (_, Some(Ending::LeaseLost)) => (JobOutcome::Failed, Some("its lease was lost".to_owned())),
        (JobOutcome::Cancelled, None) => {
            (JobOutcome::Failed, Some("it was interrupted on its machine".to_owned()))
        }
        (JobOutcome::Failed, None) => (JobOutcome::Failed, message),
    }
}

/// What becomes of a verdict when records did not arrive.
fn with_upload(
    outcome: JobOutcome,
    message: Option<String>,
    brought: &Brought,
    records: &[Record],
) -> (JobOutcome, Option<String>) {
    match brought {
        Brought::Taken(refused) => {
            let mut own =
                refused.iter().filter(|refused| records.iter().any(|r| Some(r.id) == refused.id));
            let Some(first) = own.next() else { return (outcome, message) };
            let n = 1 + own.count();
            let reason = format!("{n} of its records refused: {}", first.reason);
            let none_is_left = n == records.len() && outcome == JobOutcome::Done;
            (if none_is_left { JobOutcome::Failed } else { outcome }, Some(reason))
        }
        Brought::Left(error) => {
            (outcome, Some(format!("its records wait on the agent's machine: {error}")))
        }
        Brought::LeaseLost => (outcome, message),
    }
}
