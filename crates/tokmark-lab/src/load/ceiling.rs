//! How fast a server on this machine can process a prompt at most, from what the embedded
//! engine did here.

use std::path::Path;

use tokmark_model::{MachineFacts, Record, RecordKind, ServerFacts, Status, TokensPerSecond};

/// Another engine or build may be faster than the embedded one, on the same machine and with
/// the same file by a small factor. A prompt that was not computed is faster by far more.
pub const PREFILL_CEILING_FACTOR: f64 = 5.0;

/// [`PREFILL_CEILING_FACTOR`] x the highest prompt rate that `records` hold of the embedded
/// engine with the file that the server names, on `machine`.
///
/// `None` where that says nothing: the server is elsewhere, no such test was made, or all of
/// them left the machine's GPUs unused.
pub fn prefill_ceiling(
    records: &[Record],
    server: &ServerFacts,
    machine: &MachineFacts,
) -> Option<TokensPerSecond> {
    let name = file_stem(&server.model).filter(|_| server.is_local)?;
    let tells = |record: &&Record| {
        let is_prompt = record.test.n_gen == 0 && record.test.n_prompt > 0;
        let is_here = record.machine.fingerprint == machine.fingerprint;
        let uses_all = machine.gpus.is_empty() || !record.devices_used.is_empty();
        let is_embedded = record.kind == RecordKind::Measured && record.serving.is_none();
        let is_same = file_stem(&record.model.file_name).or_else(|| file_stem(&record.model.name));
        let is_whole = record.status == Status::Ok && is_prompt && is_embedded;
        is_whole && is_here && uses_all && is_same.as_deref() == Some(&name)
    };
    let rates = records.iter().filter(tells).filter_map(|record| record.rate());
    let best = rates.map(|rate| rate.rate_tps.0).max_by(f64::total_cmp)?;
    Some(TokensPerSecond(best * PREFILL_CEILING_FACTOR))
}

/// The part of a model's name by which records are found that may tell its ceiling.
pub fn searched_name(server: &ServerFacts) -> Option<String> {
    file_stem(&server.model)
}

/// `models/Small.Q4_1.gguf` and `Small.Q4_1` are `small.q4_1`.
fn file_stem(name: &str) -> Option<String> {
    let base = Path::new(name).file_name()?.to_string_lossy().to_lowercase();
    Some(base.trim_end_matches(".gguf").to_owned()).filter(|stem| !stem.is_empty())
}

#[cfg(test)]
mod tests {
    use tokmark_model::{
        Gpu, MemoryUse, Nanos, Repetition, Repetitions, StopReason, Test, Timestamp, Uuid,
    };
    use tokmark_stats::summarize;

    use super::*;
    use crate::record::blank;

    fn server() -> ServerFacts {
        ServerFacts {
            model: "models/Small.Q4_1.gguf".to_owned(),
            is_local: true,
            ..ServerFacts::default()
        }
    }

    fn machine() -> MachineFacts {
        MachineFacts { fingerprint: "here".to_owned(), ..MachineFacts::default() }
    }

    /// 100 prompt tokens in 100 ms.
    fn embedded() -> Record {
        let mut record = blank(Uuid::nil(), RecordKind::Measured, Timestamp::UNIX_EPOCH);
        record.status = Status::Ok;
        record.test = Test::pp(100);
        record.machine = machine();
        record.model.file_name = "Small.Q4_1.gguf".to_owned();
        record.samples =
            vec![Repetition { duration_ns: Nanos(100_000_000), ..Repetition::default() }; 8];
        let ask = Repetitions::Fixed { n: 8 };
        let (stop, memory) = (StopReason::Fixed, MemoryUse::default());
        record.summary = summarize(&record.test, &record.samples, &ask, stop, &memory, &[]);
        record
    }

    #[test]
    fn the_ceiling_is_a_multiple_of_what_the_embedded_engine_did_here() {
        let ceiling = prefill_ceiling(&[embedded()], &server(), &machine()).unwrap();
        assert!((ceiling.0 - 1_000.0 * PREFILL_CEILING_FACTOR).abs() < 1e-6, "{ceiling:?}");
    }

    #[test]
    fn records_that_tell_nothing_give_no_ceiling() {
        let changes: [fn(&mut Record); 5] = [
            |record| record.model.file_name = "Large.Q4_1.gguf".to_owned(),
            |record| record.machine.fingerprint = "elsewhere".to_owned(),
            |record| record.test = Test::tg(100),
            |record| record.status = Status::Interrupted,
            |record| record.kind = RecordKind::Imported,
        ];
        for change in changes {
            let mut record = embedded();
            change(&mut record);
            assert_eq!(prefill_ceiling(&[record], &server(), &machine()), None);
        }
        let remote = ServerFacts { is_local: false, ..server() };
        assert_eq!(prefill_ceiling(&[embedded()], &remote, &machine()), None);
        let with_gpu = MachineFacts { gpus: vec![Gpu::default()], ..machine() };
        assert_eq!(prefill_ceiling(&[embedded()], &server(), &with_gpu), None);
    }
}
