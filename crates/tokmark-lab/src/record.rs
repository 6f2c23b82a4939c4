use tokmark_model::{
    EngineFacts, LoadTime, MachineFacts, MemoryUse, ModelFacts, Nanos, PlannedTest, ProcessParams,
    RECORD_VERSION, Record, RecordKind, Repetition, Repetitions, Status, StatusReason, StopReason,
    Timestamp, TokenSource, Tool, Uuid,
};
use tokmark_stats::GradeInput;

/// All that is known of a test while it runs; becomes its record however it ends.
#[derive(Debug, Clone)]
pub(crate) struct Draft {
    pub(crate) run_id: Uuid,
    pub(crate) created_at: Timestamp,
    pub(crate) planned: PlannedTest,
    pub(crate) process: ProcessParams,
    pub(crate) ask: Repetitions,
    pub(crate) tokens: TokenSource,
    pub(crate) model: ModelFacts,
    pub(crate) engine: EngineFacts,
    pub(crate) machine: MachineFacts,
    pub(crate) devices_used: Vec<String>,
    pub(crate) load: Option<LoadTime>,
    pub(crate) memory: MemoryUse,
    pub(crate) warmup_ns: Vec<Nanos>,
    pub(crate) probe_baseline_ns: Vec<Nanos>,
    pub(crate) samples: Vec<Repetition>,
    pub(crate) flags: Vec<String>,
}

impl Draft {
    /// The record: statistics and grade from the samples, whatever their number.
    pub(crate) fn finish(
        self,
        stop: StopReason,
        status: Status,
        status_reason: Option<StatusReason>,
    ) -> Record {
        let summary = tokmark_stats::summarize(
            &self.planned.test,
            &self.samples,
            &self.ask,
            stop,
            &self.memory,
            &self.probe_baseline_ns,
        );
        let grade = summary.as_ref().and_then(|summary| {
            tokmark_stats::grade(&GradeInput {
                kind: RecordKind::Measured,
                status,
                repetitions: &self.ask,
                summary,
                samples: &self.samples,
                probe_baseline_ns: &self.probe_baseline_ns,
                n_cpus_allowed: Some(self.machine.cpu.n_allowed).filter(|&n| n > 0.0),
                ceiling_tps: None,
            })
        });
        Record {
            record_version: RECORD_VERSION,
            id: Uuid::now_v7(),
            run_id: self.run_id,
            kind: RecordKind::Measured,
            created_at: self.created_at,
            tool: Tool {
                name: "tokmark".to_owned(),
                version: env!("CARGO_PKG_VERSION").to_owned(),
            },
            status,
            status_reason,
            test: self.planned.test,
            params: self.planned.params,
            process: self.process,
            repetitions: Some(self.ask),
            tokens: Some(self.tokens),
            model: self.model,
            engine: self.engine,
            devices_used: self.devices_used,
            tensor_parallel: None,
            machine: self.machine,
            load: self.load,
            memory: self.memory,
            warmup_ns: self.warmup_ns,
            probe_baseline_ns: self.probe_baseline_ns,
            samples: self.samples,
            summary,
            grade,
            flags: self.flags,
            speculation: None,
            requests: None,
            published: None,
            notes: Vec::new(),
            tags: Vec::new(),
            newer: Default::default(),
        }
    }
}
