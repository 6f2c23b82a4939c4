//! Who does what a job asks for.

use tokmark_model::{Job, JobOutcome, JobProgress, Record};

use crate::AgentError;

/// Starts jobs, one at a time.
pub trait Runner {
    /// Begins a job. `command` is its command line, without the program's name and without
    /// where records are kept.
    ///
    /// # Errors
    /// When it cannot be begun; the job has failed then.
    fn start(&mut self, job: &Job, command: &[String]) -> Result<Box<dyn Running>, AgentError>;
}

/// A job that was begun. Dropping it ends it at once.
pub trait Running {
    /// How far it is.
    fn progress(&mut self) -> JobProgress;

    /// How it ended; `None` while it runs. Asked again and again, and not after it ended.
    fn poll(&mut self) -> Option<Ended>;

    /// Asks it to end and to keep what is measured; the second time to do so at once; the third
    /// time it is killed.
    fn cancel(&mut self);
}

/// How a job ended.
#[derive(Debug, Clone, PartialEq)]
pub struct Ended {
    /// Done, failed, or ended because it was asked to.
    pub outcome: JobOutcome,
    /// One line: why it failed, or what else is to be said.
    pub message: Option<String>,
    /// What was measured until then, whatever the outcome, in the order in which it is to be
    /// uploaded: an experiment after its visits.
    pub records: Vec<Record>,
}
