//! Records as many machines would send them, made from a seed.

mod dice;
mod load_point;
mod machines;
mod models;

use std::time::Duration;

use anyhow::Result;
use tokmark_model::{
    Bytes, LoadTime, MemoryUse, ModelFacts, Nanos, Noise, Record, RecordKind, Repetition,
    Repetitions, Status, StatusReason, Test, Timestamp, TokenKind, TokenSource, Tool, Uuid,
};
use tokmark_stats::recomputed;

use dice::Dice;
use machines::Machine;

/// Records of a batch at most.
pub(super) const BATCH: usize = 1_000;

/// What a run measures, unless it is one of load points.
const TESTS: [Test; 3] = [
    Test { n_prompt: 512, n_gen: 0, n_depth: 0, n_parallel: 1 },
    Test { n_prompt: 0, n_gen: 128, n_depth: 0, n_parallel: 1 },
    Test { n_prompt: 0, n_gen: 128, n_depth: 2_048, n_parallel: 1 },
];
/// Requests at once in the load points of a run; as many points as [`TESTS`].
const CONCURRENCIES: [u32; 3] = [1, 4, 16];
/// Runs, of three records each, that a batch has at most.
const RUNS_OF_BATCH: u64 = BATCH.div_ceil(TESTS.len()) as u64;

/// 2024-11-01T00:00:00Z, in ms since 1970.
const BEGIN_MS: u64 = 1_730_419_200_000;
/// Two years.
const SPAN_MS: u64 = 730 * 86_400_000;
/// Builds of the engine in that time.
const BUILDS: u64 = 8;
/// Between two records of a run.
const RECORD_MS: u64 = 20_000;

/// Keep what is drawn for runs apart from what is drawn for the rows of a leaderboard.
const RUNS: u64 = 0x7275_6e73;
const ROWS: u64 = 0x726f_7773;

/// Whose records are made. The same world has the same records.
#[derive(Debug, Clone, Copy)]
pub(super) struct World {
    pub(super) seed: u64,
    pub(super) n_machines: u64,
}

impl World {
    /// The first `n` records of a batch, [`BATCH`] at most. Batches may be made in any order.
    ///
    /// Each run is three tests or three load points of one model on one machine; one in a
    /// hundred finds too little memory. The first runs go once over all machines, the others
    /// oftener to some than to others.
    ///
    /// # Errors
    /// When the statistics refuse what was made.
    pub(super) fn batch(&self, number: u64, n: usize) -> Result<Vec<Record>> {
        let mut records = Vec::with_capacity(n + TESTS.len());
        for run in number * RUNS_OF_BATCH.. {
            if records.len() >= n {
                break;
            }
            records.extend(self.run(run)?);
        }
        records.truncate(n);
        Ok(records)
    }

    /// A record of each of `n` machines: as many rows of a leaderboard that tell how fast text
    /// is generated.
    ///
    /// # Errors
    /// As [`World::batch`].
    pub(super) fn rows(&self, n: u64) -> Result<Vec<Record>> {
        let record = |number| {
            let dice = Dice::of(self.seed, ROWS, number);
            Run::begin(Machine::of(self.seed, number), dice).test(TESTS[1])
        };
        (0..n).map(record).collect()
    }

    /// Fingerprint of a machine; those of low numbers measure oftener.
    pub(super) fn fingerprint(&self, machine: u64) -> String {
        Machine::of(self.seed, machine).facts.fingerprint
    }

    fn run(&self, number: u64) -> Result<Vec<Record>> {
        let mut dice = Dice::of(self.seed, RUNS, number);
        let machine = match number < self.n_machines {
            true => number,
            false => dice.skewed(self.n_machines),
        };
        let sort = dice.below(100);
        let mut run = Run::begin(Machine::of(self.seed, machine), dice);
        match sort {
            0 => Ok(TESTS.into_iter().map(|test| run.out_of_memory(test)).collect()),
            1..=16 => CONCURRENCIES.into_iter().map(|n| run.load_point(n)).collect(),
            _ => TESTS.into_iter().map(|test| run.test(test)).collect(),
        }
    }
}

/// One command line: a model on a machine, at a time.
struct Run {
    dice: Dice,
    machine: Machine,
    model: ModelFacts,
    build: u64,
    id: Uuid,
    at_ms: u64,
    n_repetitions: u32,
    /// Cores that other processes use.
    other_cores: f64,
}

impl Run {
    fn begin(machine: Machine, mut dice: Dice) -> Self {
        let since_begin = dice.below(SPAN_MS);
        let at_ms = BEGIN_MS + since_begin;
        Run {
            id: id(at_ms, &mut dice),
            model: machine.model(&mut dice),
            build: since_begin / (SPAN_MS / BUILDS),
            at_ms,
            // A few have enough of them for an interval.
            n_repetitions: match dice.below(10) {
                0 => 8,
                _ => 3 + dice.below(3) as u32,
            },
            other_cores: match dice.below(20) {
                0 => 0.1 + 0.6 * dice.uniform(),
                _ => 0.02 * dice.uniform(),
            },
            machine,
            dice,
        }
    }

    fn test(&mut self, test: Test) -> Result<Record> {
        let samples = self.repetitions(test);
        let baseline = (0..5).map(|_| self.nanos(5e6, 0.02)).collect();
        let peak = self.model.file_size_bytes.get();
        let is_cpu_only = self.machine.is_cpu_only();
        // Of a model on a GPU a part stays with the processor.
        let of_host = if is_cpu_only { peak } else { peak / 8 };
        sound(&Record {
            memory: MemoryUse {
                host_peak_bytes: Some(Bytes(of_host + (90 << 20))),
                host_peak_is_per_test: true,
                device_peak_bytes: (!is_cpu_only).then_some(Bytes(peak + (400 << 20))),
                gpu_share_percent: Some(if is_cpu_only { 0.0 } else { 100.0 }),
                ..MemoryUse::default()
            },
            warmup_ns: samples.iter().take(1).map(|sample| sample.duration_ns).collect(),
            probe_baseline_ns: baseline,
            samples,
            ..self.blank(test)
        })
    }

    /// A test that the machine was too small for.
    fn out_of_memory(&mut self, test: Test) -> Record {
        Record {
            status: Status::OutOfMemory,
            status_reason: Some(StatusReason {
                message: "the model needs more memory than there is".to_owned(),
                ..StatusReason::default()
            }),
            ..self.blank(test)
        }
    }

    fn repetitions(&mut self, test: Test) -> Vec<Repetition> {
        let mut start_ns = 0;
        (0..self.n_repetitions)
            .map(|_| {
                let probe_ns = Some(self.nanos(5e6, 0.02));
                let token_ns = self.tokens(test);
                let duration_ns = match test.n_gen {
                    0 => {
                        let n = test.n_prompt;
                        let usual = self.machine.prompt_ns(&self.model, self.build, n);
                        self.nanos(usual, 0.01)
                    }
                    _ => Nanos(token_ns.iter().map(|step| step.get()).sum::<u64>() + 20_000),
                };
                let begun = start_ns;
                start_ns += duration_ns.get() + 10_000_000;
                Repetition {
                    start_ns: Nanos(begun),
                    duration_ns,
                    token_ns,
                    probe_ns,
                    noise: Some(self.noise(duration_ns)),
                    ..Repetition::default()
                }
            })
            .collect()
    }

    /// Times of the generated tokens; the deeper the context, the longer.
    fn tokens(&mut self, test: Test) -> Vec<Nanos> {
        let deeper = 1.0 + 0.1 * f64::from(test.n_depth) / 2_048.0;
        let step = deeper * self.machine.step_ns(&self.model, self.build);
        let repetition = step * (1.0 + 0.008 * self.dice.normal());
        (0..test.n_gen).map(|_| self.nanos(repetition, 0.02)).collect()
    }

    fn noise(&mut self, duration: Nanos) -> Noise {
        Noise {
            wall_ns: Nanos(duration.get() + 100_000),
            other_cores: Some(self.other_cores * self.dice.uniform()),
            steal_ns: Some(Nanos(0)),
            psi_cpu_ns: Some(Nanos(self.dice.below(2_000_000))),
            psi_memory_ns: Some(Nanos(0)),
            psi_io_ns: Some(Nanos(0)),
            run_delay_ns: Some(Nanos(self.dice.below(5_000_000))),
            involuntary_switches: Some(self.dice.below(60)),
            major_faults: Some(0),
            cgroup_throttled_ns: Some(Nanos(0)),
            swap_in_pages: Some(0),
            clock_mhz: Some(5_000.0 + self.dice.below(100) as f64),
            thermal_throttles: Some(0),
        }
    }

    /// A time around `usual`, with this relative deviation.
    fn nanos(&mut self, usual: f64, deviation: f64) -> Nanos {
        let time = usual * (1.0 + deviation * self.dice.normal());
        Nanos(time.round().max(1.0) as u64)
    }

    /// The next record of the run, with its facts and without figures.
    fn blank(&mut self, test: Test) -> Record {
        let at_ms = self.at_ms;
        self.at_ms += RECORD_MS;
        Record {
            id: id(at_ms, &mut self.dice),
            test,
            params: self.machine.params.clone(),
            repetitions: Some(Repetitions::Fixed { n: self.n_repetitions }),
            tokens: Some(TokenSource { kind: TokenKind::Random, seed: 42, sha256: None }),
            model: self.model.clone(),
            engine: self.machine.engine(self.build),
            devices_used: self.machine.devices_used(),
            machine: self.machine.facts.clone(),
            load: Some(LoadTime { duration_ns: self.nanos(8e8, 0.1), resident_share: Some(1.0) }),
            ..Record::new(
                self.id,
                RecordKind::Measured,
                Timestamp::UNIX_EPOCH + Duration::from_millis(at_ms),
                Tool { name: "tokmark".to_owned(), version: "0.1.0".to_owned() },
            )
        }
    }
}

/// The record with the figures that its samples give.
fn sound(record: &Record) -> Result<Record> {
    Ok(recomputed(record, |_| None)?)
}

/// UUID of version 7: the time, then random bits.
fn id(at_ms: u64, dice: &mut Dice) -> Uuid {
    let (high, low) = (dice.bits() & 0xfff, dice.bits() >> 2);
    let random = (u128::from(high) << 64) | (0b10_u128 << 62) | u128::from(low);
    Uuid::from_u128((u128::from(at_ms) << 80) | (7_u128 << 76) | random)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    const WORLD: World = World { seed: 1, n_machines: 50 };

    #[test]
    fn the_same_seed_gives_the_same_records() {
        let made = WORLD.batch(3, 40).unwrap();
        assert_eq!(made, WORLD.batch(3, 40).unwrap());
        let other = World { seed: 2, ..WORLD };
        assert_ne!(made, other.batch(3, 40).unwrap());
        assert_eq!(WORLD.batch(3, 10).unwrap(), made[..10]);
    }

    #[test]
    fn figures_are_those_of_the_samples_also_when_they_were_sent() {
        let records = WORLD.batch(0, 600).unwrap();
        assert!(records.iter().any(|record| record.serving.is_some()));
        assert!(records.iter().any(|record| record.status == Status::OutOfMemory));
        for record in &records {
            let text = serde_json::to_string(record).unwrap();
            let sent: Record = serde_json::from_str(&text).unwrap();
            assert_eq!(sent, *record);
            assert_eq!(recomputed(&sent, |_| None).unwrap(), *record);
            let has_rate = record.rate().is_some_and(|rate| rate.rate_tps.get() > 0.0);
            assert_eq!(has_rate, record.status == Status::Ok, "{}", record.label());
            assert_eq!(record.grade.is_some(), record.status == Status::Ok);
        }
    }

    #[test]
    fn every_machine_sends_and_no_two_records_have_one_id() {
        let records: Vec<Record> =
            (0..2).flat_map(|number| WORLD.batch(number, BATCH).unwrap()).collect();
        let distinct = |text: fn(&Record) -> String| {
            records.iter().map(text).collect::<BTreeSet<String>>().len()
        };
        assert_eq!(distinct(|record| record.machine.fingerprint.clone()), 50);
        assert_eq!(distinct(|record| record.id.to_string()), 2 * BATCH);
        assert!(records.iter().all(|record| record.id.get_version_num() == 7));
    }

    #[test]
    fn forty_models_of_twelve_families_are_measured() {
        assert_eq!(models::n_models(), 4 * 40);
        let files = (0..models::n_models()).map(models::model);
        let families: BTreeSet<String> = files.map(|file| family(&file.name)).collect();
        assert_eq!(families.len(), 12, "{families:?}");
    }

    /// What the leaderboard calls the family of a model of this name.
    fn family(name: &str) -> String {
        let mut record = WORLD.rows(1).unwrap().remove(0);
        record.model.name = name.to_owned();
        tokmark_stats::board_row(&record).unwrap().family
    }

    #[test]
    fn each_row_is_a_configuration_of_its_own() {
        let rows = WORLD.rows(60).unwrap();
        let machines: BTreeSet<&str> =
            rows.iter().map(|record| record.machine.fingerprint.as_str()).collect();
        assert_eq!(machines.len(), 60);
        assert!(rows.iter().all(|record| !record.samples[0].token_ns.is_empty()));
    }
}
