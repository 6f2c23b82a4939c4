use std::collections::BTreeMap;
use std::time::Duration;

use tokmark_board::Content;
use tokmark_model::Timestamp;

/// How a server behaves.
#[derive(Debug, Clone)]
pub struct ServerOptions {
    /// Names under which it may be asked, beside those of this machine (`localhost`,
    /// `127.0.0.1`, `[::1]`): any other `Host` is refused, so that a foreign page can't reach
    /// it by a name of its own (DNS rebinding).
    pub hosts: Vec<String>,
    /// May be read without a token.
    pub public: bool,
    /// What it takes at most.
    pub limits: Limits,
    /// Families with their release months, machines, what is planned, and runs that stand beside
    /// those of the store: published ones, never ranked with measured ones.
    pub content: Content,
    /// Names of keys that sign records, by the key's 64 lower-case hexadecimal digits. A
    /// signature of any other key is verified as well; its key has no name.
    pub trusted: BTreeMap<String, String>,
    /// How long an agent may say nothing before another may take its job.
    pub lease: Duration,
    /// Tells the time.
    pub clock: fn() -> Timestamp,
}

impl Default for ServerOptions {
    fn default() -> Self {
        ServerOptions {
            hosts: Vec::new(),
            public: true,
            limits: Limits::default(),
            content: Content::default(),
            trusted: BTreeMap::new(),
            lease: Duration::from_secs(60),
            clock: Timestamp::now,
        }
    }
}

/// What a server takes at most.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Bytes of a body as it comes.
    pub body_bytes: usize,
    /// Bytes of a body when it is unpacked.
    pub unpacked_bytes: usize,
    /// Records of one batch.
    pub batch_records: usize,
    /// Objects of JSON in one batch: records, their samples and requests, and what these hold.
    pub batch_objects: usize,
    /// Values in it, by the commas between them.
    pub batch_values: usize,
    /// Repetitions or requests of one record.
    pub record_samples: usize,
    /// Time for the head of a request to arrive.
    pub head_time: Duration,
    /// Time for its body.
    pub body_time: Duration,
    /// Time for which an answer may wait for its reader to take some of it.
    pub write_time: Duration,
    /// Time for which a large body may keep others waiting before it has to come fast.
    pub held_time: Duration,
    /// Requests that change something, a minute and caller.
    pub writes_per_minute: u32,
    /// Requests that read, a minute and caller.
    pub reads_per_minute: u32,
    /// Connections at once.
    pub connections: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            body_bytes: 32 << 20,
            unpacked_bytes: 64 << 20,
            batch_records: 10_000,
            batch_objects: 300_000,
            batch_values: 8_000_000,
            record_samples: 250_000,
            head_time: Duration::from_secs(10),
            body_time: Duration::from_secs(60),
            write_time: Duration::from_secs(60),
            held_time: Duration::from_secs(5),
            writes_per_minute: 6_000,
            reads_per_minute: 60_000,
            connections: 1_024,
        }
    }
}
