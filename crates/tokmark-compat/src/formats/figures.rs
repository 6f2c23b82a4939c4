use tokmark_model::Record;

/// llama-bench's figures of one test.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Figures {
    pub(super) avg_ns: u64,
    pub(super) stddev_ns: u64,
    pub(super) avg_ts: f64,
    pub(super) stddev_ts: f64,
}

/// Times of the repetitions.
pub(super) fn samples_ns(record: &Record) -> Vec<u64> {
    record.samples.iter().map(|sample| sample.duration_ns.get()).collect()
}

/// Rates of the repetitions, in tokens per second; infinite where no time passed.
pub(super) fn samples_ts(record: &Record) -> Vec<f64> {
    let n_tokens = record.test.n_tokens().get() as f64;
    record.samples.iter().map(|sample| 1e9 * n_tokens / sample.duration_ns.get() as f64).collect()
}

impl Figures {
    /// From the record's summary, where the statistics are made; a record without one gets
    /// llama-bench's own definitions applied to its samples. `None` without either.
    pub(super) fn of(record: &Record) -> Option<Figures> {
        if let Some(summary) = &record.summary {
            return Some(Figures {
                avg_ns: summary.avg_ns.get(),
                stddev_ns: summary.stddev_ns.get(),
                avg_ts: summary.avg_ts.get(),
                stddev_ts: summary.stddev_ts.get(),
            });
        }
        if record.samples.is_empty() {
            return None;
        }
        let times = samples_ns(record);
        let sum: u128 = times.iter().map(|time| u128::from(*time)).sum();
        let times_f64: Vec<f64> = times.iter().map(|time| *time as f64).collect();
        let rates = samples_ts(record);
        Some(Figures {
            // llama-bench divides whole numbers. A mean of u64 is one.
            avg_ns: u64::try_from(sum / times.len() as u128).unwrap_or(u64::MAX),
            stddev_ns: sample_deviation(&times_f64) as u64,
            avg_ts: mean(&rates),
            stddev_ts: sample_deviation(&rates),
        })
    }
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// Square root of the sum of squared distances from the mean over n - 1; 0 for one value.
/// llama-bench subtracts sums of squares in the type of the values instead: whole numbers
/// that lose digits to a rounded mean, and overflow where samples take some seconds.
fn sample_deviation(values: &[f64]) -> f64 {
    if values.len() < 2 {
        return 0.0;
    }
    let mean = mean(values);
    let squares: f64 = values.iter().map(|value| (value - mean) * (value - mean)).sum();
    (squares / (values.len() - 1) as f64).sqrt()
}
