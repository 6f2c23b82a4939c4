//! The agent: takes jobs, has them run, tells how far they are, brings what was measured.

mod job;
mod measure;
mod upload;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use tokmark_model::{AgentHello, Job, JobOutcome, Uuid};

use crate::backoff::Backoff;
use crate::{AgentError, Client, ClientError, Outbox, Pace, RefusedRecord, Runner};

/// About how long after one question for work the next one comes, where there was none.
const IDLE: Duration = Duration::from_secs(2);

/// Who an agent is.
#[derive(Debug, Clone, PartialEq)]
pub struct AgentOptions {
    /// Its name, the same for as long as it lives.
    pub id: Uuid,
    /// Of its waits, so that not all agents come at once.
    pub seed: u64,
}

/// What an agent has to offer.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Offer {
    /// What it says of itself.
    pub hello: AgentHello,
    /// Where the models lie that the hello announces, by name.
    pub models: BTreeMap<String, PathBuf>,
}

/// What happens to an agent, for whoever prints it.
#[derive(Debug, Clone, PartialEq)]
pub enum AgentEvent {
    /// It has a job.
    Took {
        /// The job.
        job: Box<Job>,
        /// Its command line, without the program.
        command: Vec<String>,
    },
    /// The running job is asked to end.
    Ending {
        /// The job.
        job: Uuid,
        /// Why.
        why: Ending,
    },
    /// The server does not answer as it should; told once until it does again.
    ServerAway {
        /// Why.
        error: ClientError,
        /// When it is asked next.
        wait: Duration,
    },
    /// The server answers again.
    ServerBack,
    /// The server did not do something that is not asked again.
    NotDone {
        /// Why.
        error: ClientError,
    },
    /// Records that the server will not have. They are kept.
    Refused {
        /// Each with its reason.
        records: Vec<RefusedRecord>,
    },
    /// Records stay in the outbox and are sent later.
    Left {
        /// How many batches.
        n_batches: usize,
    },
    /// A job is over.
    Ended {
        /// The job.
        job: Uuid,
        /// How.
        outcome: JobOutcome,
        /// Why it failed.
        message: Option<String>,
    },
}

/// Why a running job is asked to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// Its user wants it.
    Ordered,
    /// Another agent has it, or it is over.
    LeaseLost,
    /// This agent was told to stop.
    Stopped,
}

/// One machine's hands, for one server.
///
/// Several agents may share an outbox; each runs one job at a time. [`Agent::run`] must be called
/// on a thread that lives as long as the job: see [`crate::ProcessRunner`].
#[derive(Debug, Clone, Copy)]
pub struct Agent<'a> {
    /// The server.
    pub client: &'a Client,
    /// Where records wait for it.
    pub outbox: &'a Outbox,
    /// Who this is.
    pub options: &'a AgentOptions,
}

impl Agent<'_> {
    /// Works until `pace` says stop: asks for a job, has `runner` do it, reports each 2 seconds,
    /// uploads what was measured, tells the end. While the server is away it waits, longer each
    /// time; a running job goes on meanwhile, and its records stay in the outbox until they are
    /// taken. On a stop the running job is asked to end, what it measured is uploaded, and the
    /// job has failed for that reason, or is cancelled where its user wanted that.
    ///
    /// `offers` is asked before each question for work and gives what lies here now, or `None`
    /// where that is as it was when last asked.
    ///
    /// # Errors
    /// [`AgentError::Client`] when the server refuses to give this agent work;
    /// [`AgentError::Outbox`] when records cannot be kept. A failed job is no error.
    pub fn run(
        &self,
        runner: &mut dyn Runner,
        pace: &mut dyn Pace,
        offers: &mut dyn FnMut() -> Option<Offer>,
        tell: &mut dyn FnMut(AgentEvent),
    ) -> Result<(), AgentError> {
        let mut shift = Shift {
            agent: *self,
            runner,
            pace,
            offers,
            offer: Offer::default(),
            tell,
            backoff: Backoff::new(self.options.seed),
            is_away: false,
            n_stops: 0,
            until_sending: Duration::ZERO,
        };
        shift.work()
    }
}

/// An agent at work.
struct Shift<'a> {
    agent: Agent<'a>,
    runner: &'a mut dyn Runner,
    pace: &'a mut dyn Pace,
    offers: &'a mut dyn FnMut() -> Option<Offer>,
    /// What was offered last.
    offer: Offer,
    tell: &'a mut dyn FnMut(AgentEvent),
    backoff: Backoff,
    /// The server did not answer when it was last asked.
    is_away: bool,
    /// Stops that were obeyed.
    n_stops: u32,
    /// Waiting time until what lies in the outbox is tried again.
    until_sending: Duration,
}

impl Shift<'_> {
    fn work(&mut self) -> Result<(), AgentError> {
        while !self.is_stopped() {
            self.send_leftovers()?;
            if let Some(offer) = (self.offers)() {
                self.offer = offer;
            }
            match self.agent.client.claim(self.agent.options.id, &self.offer.hello) {
                Ok(Some(job)) => {
                    self.answered();
                    self.job(&job)?;
                }
                Ok(None) => {
                    self.answered();
                    let wait = self.backoff.around(IDLE);
                    self.pause(wait);
                }
                Err(error) if error.is_passing() => self.wait_for_server(&error),
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    /// Whether it was told to stop since it began.
    fn is_stopped(&self) -> bool {
        self.pace.n_stops() > 0
    }

    fn pause(&mut self, at_most: Duration) {
        self.pace.pause(at_most, self.n_stops);
        self.until_sending = self.until_sending.saturating_sub(at_most);
    }

    /// Waits because of `error`, longer each time.
    fn wait_for_server(&mut self, error: &ClientError) {
        let wait = self.failed(error);
        self.pause(wait);
    }

    /// Notes that the server did not answer, and gives how long to let it alone.
    fn failed(&mut self, error: &ClientError) -> Duration {
        let wait = self.backoff.next(error.retry_after());
        if !self.is_away {
            self.is_away = true;
            (self.tell)(AgentEvent::ServerAway { error: error.clone(), wait });
        }
        wait
    }

    /// Notes that the server answered.
    fn answered(&mut self) {
        self.backoff.reset();
        if self.is_away {
            self.is_away = false;
            (self.tell)(AgentEvent::ServerBack);
        }
    }
}
