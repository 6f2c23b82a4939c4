use std::path::Path;

use tokmark_model::{
    EngineFacts, LoadTime, MachineFacts, MemoryUse, ModelFacts, Nanos, PlannedTest, ProcessParams,
    Record, RecordKind, Repetition, Repetitions, Status, StatusReason, StopReason, Timestamp,
    TokenSource, Tool, Uuid, Visit,
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
    /// Share by which the worker makes its steps longer.
    pub(crate) delay: f64,
    /// The visit of an experiment that it belongs to.
    pub(crate) visit: Option<Visit>,
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
            machine: self.machine,
            load: self.load,
            memory: self.memory,
            warmup_ns: self.warmup_ns,
            probe_baseline_ns: self.probe_baseline_ns,
            samples: self.samples,
            summary,
            grade,
            flags: self.flags,
            visit: self.visit,
            ..blank(self.run_id, RecordKind::Measured, self.created_at)
        }
    }
}

/// A record by this program without any facts or figures.
pub(crate) fn blank(run_id: Uuid, kind: RecordKind, created_at: Timestamp) -> Record {
    let version = env!("CARGO_PKG_VERSION").to_owned();
    Record::new(run_id, kind, created_at, Tool { name: "tokmark".to_owned(), version })
}

/// `reason` without the folders of this machine, which hold user names: those of the model
/// and of the home. Engines print whole paths.
pub(crate) fn without_folders(reason: StatusReason, folder: Option<&Path>) -> StatusReason {
    let home = std::env::var_os("HOME").map(std::path::PathBuf::from);
    let hide = |text: String| {
        let mut text = text;
        for (folder, instead) in [(folder, ""), (home.as_deref(), "~/")] {
            let folder = folder.map(|folder| folder.to_string_lossy().into_owned());
            if let Some(folder) = folder.filter(|folder| folder.len() > 1) {
                text = text.replace(&format!("{}/", folder.trim_end_matches('/')), instead);
            }
        }
        text
    };
    StatusReason {
        message: hide(reason.message),
        log_tail: reason.log_tail.into_iter().map(hide).collect(),
        ..reason
    }
}

/// Parts of the names of environment variables whose values are no one's business.
const SECRET_NAMES: [&str; 5] = ["KEY", "TOKEN", "SECRET", "PASSWORD", "CREDENTIAL"];

/// What stands for such a value.
pub const NOT_KEPT: &str = "(not kept)";

/// Whether the value of an environment variable of this name is kept in no record.
pub fn is_secret(name: &str) -> bool {
    let name = name.to_uppercase();
    SECRET_NAMES.iter().any(|part| name.contains(part))
}

/// Whether a value is an address with a user, and perhaps a password, in it.
fn has_user(value: &str) -> bool {
    value.split_once("://").is_some_and(|(_, rest)| rest.contains('@'))
}

/// `process` as a record may keep it.
pub fn without_secrets(process: &ProcessParams) -> ProcessParams {
    let mut process = process.clone();
    let tells = |name: &str, value: &str| is_secret(name) || has_user(value);
    for (_, value) in process.env.iter_mut().filter(|(name, value)| tells(name, value)) {
        *value = NOT_KEPT.to_owned();
    }
    process
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_with_a_password_is_not_kept() {
        let env = |value: &str| [("HTTP_PROXY".to_owned(), value.to_owned())].into();
        let kept = |value: &str| {
            let process = ProcessParams { env: env(value), ..ProcessParams::default() };
            without_secrets(&process).env["HTTP_PROXY"].clone()
        };
        assert_eq!(kept("http://me:word@proxy:3128"), NOT_KEPT);
        assert_eq!(kept("http://proxy:3128"), "http://proxy:3128");
    }

    #[test]
    fn folders_are_taken_out_of_messages_and_logs() {
        let reason = StatusReason {
            message: "cannot load /data/alice/m.gguf".to_owned(),
            log_tail: vec!["open '/data/alice/m.gguf' failed".to_owned()],
            ..StatusReason::default()
        };
        let hidden = without_folders(reason, Some(Path::new("/data/alice")));
        assert_eq!(hidden.message, "cannot load m.gguf");
        assert_eq!(hidden.log_tail, ["open 'm.gguf' failed"]);
    }
}
