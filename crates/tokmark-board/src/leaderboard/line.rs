//! A line of the table: rows that differ in their shape alone, and their texts.

use serde::Serialize;
use tokmark_model::{
    BoardRow, Bytes, Conditions, GradeLetter, RecordId, RecordKind, Timestamp, TokensPerSecond,
    Uuid,
};
use tokmark_stats::Rank;

use super::NoRank;
use crate::words;

/// What makes rows one line: all but the shape. Two builds or settings that no column shows are
/// two lines: one must not stand for the other.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Key<'a> {
    family: &'a str,
    model: (&'a str, Option<&'a str>, Option<&'a str>),
    hardware: (&'a str, &'a str, Option<u64>),
    engine: (&'a str, &'a str, &'a str, &'a str),
    stack: Option<Uuid>,
    load: (bool, Option<u32>, &'a str),
    kind: u8,
    source: (Option<&'a str>, Option<&'a str>),
}

impl<'a> Key<'a> {
    pub(super) fn of(row: &'a BoardRow) -> Self {
        Key {
            family: &row.family,
            model: (&row.model_name, row.model_sha256.as_deref(), row.quantization.as_deref()),
            hardware: (&row.hardware, &row.machine_fingerprint, row.power_cap_w.map(f64::to_bits)),
            engine: (&row.engine, &row.engine_version, &row.backends, &row.settings),
            stack: row.conditions.stack,
            load: (row.is_serving, row.concurrency, load(row)),
            kind: match row.kind {
                RecordKind::Measured => 0,
                RecordKind::Imported => 1,
                RecordKind::ImportedSummary => 2,
                RecordKind::Published => 3,
            },
            source: (row.source.as_deref(), row.disputed.as_deref()),
        }
    }
}

/// What a row's label says beside its shape: `x 4`, `2/s poisson`, nothing for one sequence.
fn load(row: &BoardRow) -> &str {
    row.label.strip_prefix(row.shape.as_str()).unwrap_or_default().trim()
}

/// The row tells how fast text is generated: a load point, a `tg` test, or what a source calls
/// neither a prompt's processing nor both phases in one clock.
pub(super) fn is_generation(row: &BoardRow) -> bool {
    let is_prompt = row
        .shape
        .strip_prefix("pp")
        .is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
    row.is_serving || !is_prompt
}

/// The rate of one shape in a line.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ShapeRate {
    /// The shape: `tg128`, `chat`.
    pub shape: String,
    /// What was measured, as tables name it: `chat x 4`.
    pub label: String,
    /// The record.
    pub record: RecordId,
    /// Its rate; absent where a source gives a range alone.
    pub rate_tps: Option<TokensPerSecond>,
    /// Lower end of its interval, or of the source's range.
    pub rate_low_tps: Option<TokensPerSecond>,
    /// Upper end.
    pub rate_high_tps: Option<TokensPerSecond>,
    /// The ends are a source's range.
    pub is_range: bool,
    /// The rate with its ends: `412.3 (405.1–419.0)`, `181.1–195.1`.
    pub rate_text: String,
    /// Median time to first token.
    pub ttft_ms: Option<f64>,
    /// Its grade.
    pub grade: Option<GradeLetter>,
}

/// A line of a leaderboard, with everything that a page shows of it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Line {
    /// Family of the model.
    pub family: String,
    /// Name of the model.
    pub model_name: String,
    /// The name without family and quantization.
    pub variant: String,
    /// Hash of the model's file.
    pub model_sha256: Option<String>,
    /// Quantization; absent where nobody said it.
    pub quantization: Option<String>,
    /// The same, or `unknown`.
    pub quantization_text: String,
    /// Parameters.
    pub n_params: Option<u64>,
    /// Size of the model's file.
    pub file_size_bytes: Option<Bytes>,
    /// What computed.
    pub hardware: String,
    /// GPUs that computed.
    pub n_gpus: u32,
    /// Tag of several GPUs: `2 GPUs`.
    pub gpus_text: Option<String>,
    /// Fingerprint of the machine; empty where it is unknown.
    pub machine_fingerprint: String,
    /// Cap on the board power, in watts.
    pub power_cap_w: Option<f64>,
    /// The same in words: `capped at 200 W`.
    pub power_cap_text: Option<String>,
    /// Name of the engine.
    pub engine: String,
    /// Its version; empty where it is unknown.
    pub engine_version: String,
    /// Device interfaces as the engine reported them.
    pub backends: String,
    /// All three: `llama.cpp b9174 (CUDA)`.
    pub engine_text: String,
    /// The engine's settings; empty where figures have no samples, and nobody knows them.
    pub settings: String,
    /// Requests at once or sequences in parallel; absent for open loops.
    pub concurrency: Option<u32>,
    /// The same, or how requests arrive: `2/s poisson`.
    pub concurrency_text: String,
    /// What the label says beside the shape.
    #[serde(skip)]
    pub(super) load: String,
    /// What the newest record asks of others.
    #[serde(skip)]
    pub(super) conditions: Conditions,
    /// A load point on a server, not a test of an engine.
    pub is_serving: bool,
    /// The shapes, by name; at least one.
    pub shapes: Vec<ShapeRate>,
    /// The shape, or how many: `chat`, `3 shapes`.
    pub shape_text: String,
    /// The rate of a single shape.
    pub rate_tps: Option<TokensPerSecond>,
    /// Lower end of its interval, or the lowest rate of the shapes.
    pub rate_low_tps: Option<TokensPerSecond>,
    /// Upper end, or the highest rate.
    pub rate_high_tps: Option<TokensPerSecond>,
    /// The ends are a range over shapes, not an interval.
    pub is_range: bool,
    /// The rate with its ends: `412.3 (405.1–419.0)`, `181.1–195.1`.
    pub rate_text: String,
    /// The rate for a screen reader: `412.3 tokens per second, interval 405.1 to 419.0`.
    pub rate_words: String,
    /// Lowest median time to first token of the shapes.
    pub ttft_low_ms: Option<f64>,
    /// Highest.
    pub ttft_high_ms: Option<f64>,
    /// Both: `51.2`, `51.2–420`.
    pub ttft_text: Option<String>,
    /// The worst grade of the shapes.
    pub grade: Option<GradeLetter>,
    /// How the figures came to be.
    pub kind: RecordKind,
    /// The same in words.
    pub kind_text: &'static str,
    /// Name of the source of published figures.
    pub source: Option<String>,
    /// What is known against them.
    pub disputed: Option<String>,
    /// When the newest record was begun.
    pub created_at: Timestamp,
    /// Its day: `2026-04-30`; of a published figure that names a month, the month.
    pub date_text: String,
    /// Place among the lines of its group that it may be compared with.
    pub rank: Option<Rank>,
    /// `1`, `tied 2–4`, or a dash.
    pub rank_text: String,
    /// Why there is no rank.
    pub no_rank: Option<NoRank>,
    /// The records, as `shapes` has them.
    pub records: Vec<RecordId>,
}

impl Line {
    /// The line of rows with one key. Of several with one shape the newest counts. `None` where
    /// there is no row.
    pub(super) fn of(mut rows: Vec<&BoardRow>) -> Option<Line> {
        rows.sort_by(|a, b| {
            a.shape.cmp(&b.shape).then(b.created_at.cmp(&a.created_at)).then(b.id.cmp(&a.id))
        });
        rows.dedup_by(|later, first| later.shape == first.shape);
        let newest = *rows.iter().max_by_key(|row| (row.created_at, row.id))?;
        let rates = Rates::of(&rows);
        let shapes: Vec<ShapeRate> = rows.iter().map(|row| shape_rate(row)).collect();
        let ttfts = || rows.iter().filter_map(|row| row.ttft_p50_ms);
        let ttft_low_ms = ttfts().reduce(f64::min);
        let ttft_high_ms = ttfts().reduce(f64::max);
        let has_samples = matches!(newest.kind, RecordKind::Measured | RecordKind::Imported);
        let load = load(newest);
        Some(Line {
            family: newest.family.clone(),
            model_name: newest.model_name.clone(),
            variant: newest.variant.clone(),
            model_sha256: newest.model_sha256.clone(),
            quantization_text: newest.quantization.clone().unwrap_or("unknown".to_owned()),
            quantization: newest.quantization.clone(),
            n_params: newest.n_params,
            file_size_bytes: newest.file_size_bytes,
            hardware: newest.hardware.clone(),
            n_gpus: newest.n_gpus,
            gpus_text: (newest.n_gpus > 1).then(|| format!("{} GPUs", newest.n_gpus)),
            machine_fingerprint: newest.machine_fingerprint.clone(),
            power_cap_w: newest.power_cap_w,
            power_cap_text: newest.power_cap_w.map(|watts| format!("capped at {watts} W")),
            engine: newest.engine.clone(),
            engine_version: newest.engine_version.clone(),
            backends: newest.backends.clone(),
            engine_text: engine_text(newest),
            settings: if has_samples { newest.settings.clone() } else { String::new() },
            concurrency: newest.concurrency,
            concurrency_text: match newest.concurrency {
                Some(n) => n.to_string(),
                None if load.is_empty() => "open loop".to_owned(),
                None => load.to_owned(),
            },
            load: load.to_owned(),
            conditions: newest.conditions,
            is_serving: newest.is_serving,
            shape_text: match shapes.as_slice() {
                [one] => one.shape.clone(),
                several => format!("{} shapes", several.len()),
            },
            rate_text: rates.text(newest.kind),
            rate_words: rates.words(newest.kind),
            rate_tps: rates.rate.map(TokensPerSecond),
            rate_low_tps: rates.ends.map(|(low, _)| TokensPerSecond(low)),
            rate_high_tps: rates.ends.map(|(_, high)| TokensPerSecond(high)),
            is_range: rates.is_range,
            ttft_text: ttft_text(ttft_low_ms, ttft_high_ms),
            ttft_low_ms,
            ttft_high_ms,
            grade: rows.iter().filter_map(|row| row.grade).max(),
            kind: newest.kind,
            kind_text: words::kind(newest.kind),
            source: newest.source.clone(),
            disputed: newest.disputed.clone(),
            created_at: newest.created_at,
            date_text: date_text(newest),
            rank: None,
            rank_text: "–".to_owned(),
            no_rank: None,
            records: shapes.iter().map(|shape| shape.record).collect(),
            shapes,
        })
    }

    pub(super) fn set_rank(&mut self, rank: Rank) {
        self.rank_text = match rank.is_tied() {
            true => format!("tied {}–{}", rank.place, rank.last_place()),
            false => rank.place.to_string(),
        };
        self.rank = Some(rank);
    }

    /// The figure that the rate's column sorts by: the rate, of a range its lower end.
    pub(super) fn sort_rate(&self) -> Option<f64> {
        let low = self.rate_low_tps.map(TokensPerSecond::get);
        self.rate_tps.map(TokensPerSecond::get).or(low)
    }
}

/// The day. What was published at the first instant of a month is known by its month alone.
fn date_text(row: &BoardRow) -> String {
    let whole = row.created_at.strftime("%Y-%m-%d %H:%M:%S%.f").to_string();
    let month = whole.strip_suffix("-01 00:00:00");
    match month.filter(|_| row.kind == RecordKind::Published) {
        Some(month) => month.to_owned(),
        None => whole.chars().take(10).collect(),
    }
}

fn engine_text(row: &BoardRow) -> String {
    let mut text = row.engine.clone();
    if !row.engine_version.is_empty() {
        text += &format!(" {}", row.engine_version);
    }
    if !row.backends.is_empty() {
        text += &format!(" ({})", row.backends);
    }
    text
}

fn ttft_text(low: Option<f64>, high: Option<f64>) -> Option<String> {
    let (low, high) = (low?, high?);
    Some(match low == high {
        true => words::measured(low),
        false => format!("{}–{}", words::measured(low), words::measured(high)),
    })
}

fn shape_rate(row: &BoardRow) -> ShapeRate {
    let rates = Rates::of(&[row]);
    ShapeRate {
        shape: row.shape.clone(),
        label: row.label.clone(),
        record: row.id,
        rate_tps: row.rate_tps,
        rate_low_tps: row.rate_low_tps,
        rate_high_tps: row.rate_high_tps,
        is_range: row.is_range,
        rate_text: rates.text(row.kind),
        ttft_ms: row.ttft_p50_ms,
        grade: row.grade,
    }
}

/// The rate of a line: one with its interval, or a range.
struct Rates {
    rate: Option<f64>,
    ends: Option<(f64, f64)>,
    is_range: bool,
}

impl Rates {
    fn of(rows: &[&BoardRow]) -> Self {
        let get = |rate: Option<TokensPerSecond>| rate.map(TokensPerSecond::get);
        if let [row] = rows {
            let (low, high) = (get(row.rate_low_tps), get(row.rate_high_tps));
            let rate = get(row.rate_tps);
            let is_range = row.is_range || rate.is_none();
            return Rates { rate, ends: low.zip(high), is_range };
        }
        // The ends of intervals do not widen a range: it says which rates there were.
        let low = rows.iter().filter_map(|row| get(row.rate_tps.or(row.rate_low_tps)));
        let high = rows.iter().filter_map(|row| get(row.rate_tps.or(row.rate_high_tps)));
        let ends = low.reduce(f64::min).zip(high.reduce(f64::max));
        Rates { rate: None, ends, is_range: true }
    }

    fn text(&self, kind: RecordKind) -> String {
        match (self.rate, self.ends) {
            (Some(rate), Some((low, high))) => {
                let [rate, low, high] = words::rates(kind, [rate, low, high]);
                format!("{rate} ({low}–{high})")
            }
            (Some(rate), None) => words::rates(kind, [rate]).concat(),
            (None, Some((low, high))) => words::rates(kind, [low, high]).join("–"),
            (None, None) => "–".to_owned(),
        }
    }

    fn words(&self, kind: RecordKind) -> String {
        let unit = "tokens per second";
        match (self.rate, self.ends) {
            (Some(rate), Some((low, high))) => {
                let [rate, low, high] = words::rates(kind, [rate, low, high]);
                let what = if self.is_range { "range" } else { "interval" };
                format!("{rate} {unit}, {what} {low} to {high}")
            }
            (Some(rate), None) => format!("{} {unit}", words::rates(kind, [rate]).concat()),
            (None, Some((low, high))) => {
                let ends = words::rates(kind, [low, high]).join(" to ");
                format!("{ends} {unit} over the shapes")
            }
            (None, None) => "no rate".to_owned(),
        }
    }
}
