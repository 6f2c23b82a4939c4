//! Jobs and agents as they are kept, and back.

use serde::Serialize;
use serde::de::DeserializeOwned;
use tokmark_model::{AgentHello, Job, JobProgress, JobSpec, JobState, Timestamp};
use uuid::Uuid;

use crate::entity::{agents, jobs};
use crate::row::{shortened, storable, time, unword, word};

/// Characters that are kept of a line that an agent says.
const MAX_LINE_CHARS: usize = 500;

/// An agent that asked for work.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AgentRow {
    /// Its name.
    pub id: Uuid,
    /// What it last said of itself.
    pub hello: AgentHello,
    /// When it did, to the microsecond.
    pub last_at: Timestamp,
}

/// A new job.
pub(crate) fn queued(
    id: Uuid,
    spec: &JobSpec,
    machine: Option<&str>,
    idempotency: Option<Uuid>,
    now_us: i64,
) -> Result<jobs::Model, serde_json::Error> {
    Ok(jobs::Model {
        id,
        spec: serde_json::to_string(spec)?,
        state: word(&JobState::Queued),
        machine: machine.map(storable),
        agent: None,
        n_attempts: 0,
        cancel: false,
        progress: progress(&JobProgress::default()),
        message: None,
        run_id: None,
        created_at_us: now_us,
        updated_at_us: now_us,
        leased_until_us: None,
        idempotency,
    })
}

/// The job of these columns.
pub(crate) fn job(columns: jobs::Model) -> Result<Job, String> {
    let id = columns.id;
    read(columns).map_err(|reason| format!("job {id}: {reason}"))
}

fn read(columns: jobs::Model) -> Result<Job, String> {
    Ok(Job {
        id: columns.id,
        spec: parse(&columns.spec)?,
        state: unword(&columns.state)?,
        machine: columns.machine,
        agent: columns.agent,
        n_attempts: u32::try_from(columns.n_attempts).unwrap_or(u32::MAX),
        cancel: columns.cancel,
        progress: parse(&columns.progress)?,
        message: columns.message,
        run_id: columns.run_id,
        created_at: time(columns.created_at_us)?,
        updated_at: time(columns.updated_at_us)?,
        leased_until: columns.leased_until_us.map(time).transpose()?,
    })
}

/// The agent of these columns.
pub(crate) fn agent(columns: agents::Model) -> Result<AgentRow, String> {
    let hello = parse(&columns.hello).map_err(|error| format!("agent {}: {error}", columns.id))?;
    Ok(AgentRow { id: columns.id, hello, last_at: time(columns.last_at_us)? })
}

/// Progress as it is kept. An agent may say anything; what is kept reads back and is sound.
pub(crate) fn progress(said: &JobProgress) -> String {
    let sound = JobProgress {
        share: if said.share.is_finite() { said.share.clamp(0.0, 1.0) } else { 0.0 },
        doing: line(&said.doing),
        remaining_s: said.remaining_s.filter(|left| left.is_finite() && *left >= 0.0),
    };
    serde_json::to_string(&sound).expect("finite numbers and a text are written to memory")
}

/// A line as it is kept.
pub(crate) fn line(said: &str) -> String {
    shortened(said, MAX_LINE_CHARS)
}

fn parse<T: DeserializeOwned>(json: &str) -> Result<T, String> {
    serde_json::from_str(json).map_err(|error| error.to_string())
}
