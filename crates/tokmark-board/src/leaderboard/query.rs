use serde::{Deserialize, Serialize};
use tokmark_model::{GradeLetter, RecordKind};
use tokmark_stats::Level;

use super::{Column, Direction, RowFilter};
use crate::finding::shown;

/// Longest query string that is read, in bytes.
const MAX_QUERY: usize = 8_000;
/// Longest value, in characters.
const MAX_VALUE: usize = 300;

/// What a leaderboard shows and in which order. All of it is in the URL.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Query {
    /// The column that sorts.
    pub sort: Column,
    /// Which end comes first.
    pub direction: Direction,
    /// How far the lines of one ranking must be comparable, as `tokmark diff` says it. Rankings
    /// of different levels are never mixed: by `workload_only` lines are ranked that did the same
    /// work, by `same_stack` those that did it with the same model file, engine and settings, by
    /// `same_hardware_and_stack` also on the same machine. `none` ranks nothing.
    pub level: Level,
    /// Which rows are taken.
    pub filter: RowFilter,
}

impl Default for Query {
    /// All rows, fastest first, ranked by the same work.
    fn default() -> Self {
        Query {
            sort: Column::Rate,
            direction: Column::Rate.natural(),
            level: Level::WorkloadOnly,
            filter: RowFilter::default(),
        }
    }
}

/// Why a query string is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum QueryError {
    /// Too many bytes.
    #[error("the query is longer than {MAX_QUERY} bytes")]
    TooLong,
    /// A parameter that is not known.
    #[error("there is no parameter {}; allowed: {}", shown(.name), Query::NAMES.join(", "))]
    Unknown {
        /// Its name.
        name: String,
    },
    /// A parameter that stands there again with another value.
    #[error("the parameter `{name}` is given twice; leave one out")]
    Twice {
        /// Its name.
        name: &'static str,
    },
    /// A value that is none of its parameter.
    #[error("`{name}` can't be {}; allowed: {allowed}", shown(.value))]
    Value {
        /// The parameter.
        name: &'static str,
        /// Its value.
        value: String,
        /// What it may be.
        allowed: String,
    },
}

/// Kinds by their words.
const KINDS: [(&str, RecordKind); 4] = [
    ("measured", RecordKind::Measured),
    ("imported", RecordKind::Imported),
    ("imported_summary", RecordKind::ImportedSummary),
    ("published", RecordKind::Published),
];

/// Grades by their letters.
const GRADES: [(&str, GradeLetter); 6] = [
    ("A", GradeLetter::A),
    ("B", GradeLetter::B),
    ("C", GradeLetter::C),
    ("D", GradeLetter::D),
    ("E", GradeLetter::E),
    ("F", GradeLetter::F),
];

/// Levels by their words.
const LEVELS: [(&str, Level); 4] = [
    ("none", Level::None),
    ("workload_only", Level::WorkloadOnly),
    ("same_stack", Level::SameStack),
    ("same_hardware_and_stack", Level::SameHardwareAndStack),
];

const DIRECTIONS: [(&str, Direction); 2] =
    [("asc", Direction::Ascending), ("desc", Direction::Descending)];

const FLAGS: [(&str, bool); 2] = [("true", true), ("false", false)];

impl Query {
    /// Every parameter, in the order in which [`Query::to_query`] writes them.
    pub const NAMES: [&'static str; 19] = [
        "sort",
        "direction",
        "level",
        "family",
        "model",
        "model_sha256",
        "hardware",
        "machine",
        "backend",
        "engine",
        "quantization",
        "shape",
        "concurrency",
        "min_params",
        "max_params",
        "grade_at_least",
        "kind",
        "is_serving",
        "limit",
    ];

    /// Reads the part of a URL after `?`, form-encoded. An empty value is no value, as an HTML
    /// form sends it. Without a direction a column is sorted in its natural one.
    ///
    /// A page with parameters of its own takes them out first; [`Query::NAMES`] are these.
    ///
    /// # Errors
    /// A parameter that is not known, given twice with different values, or whose value is none.
    pub fn parse(query: &str) -> Result<Query, QueryError> {
        if query.len() > MAX_QUERY {
            return Err(QueryError::TooLong);
        }
        let mut values: [Option<String>; Query::NAMES.len()] = Default::default();
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            let Some(at) = Query::NAMES.iter().position(|known| *known == name) else {
                return Err(QueryError::Unknown { name: name.into_owned() });
            };
            if value.is_empty() {
                continue;
            }
            if value.chars().count() > MAX_VALUE {
                let allowed = format!("up to {MAX_VALUE} characters");
                let value = value.into_owned();
                return Err(QueryError::Value { name: Query::NAMES[at], value, allowed });
            }
            match &values[at] {
                Some(other) if *other != value => {
                    return Err(QueryError::Twice { name: Query::NAMES[at] });
                }
                _ => values[at] = Some(value.into_owned()),
            }
        }
        Values(values).query()
    }

    /// The query string that [`Query::parse`] reads as this query: only what is not the default,
    /// always in the same order, form-encoded. Empty for the default.
    pub fn to_query(&self) -> String {
        let mut out = form_urlencoded::Serializer::new(String::new());
        let default = Query::default();
        let is_natural = self.direction == self.sort.natural();
        let filter = &self.filter;
        let number = |value: Option<u64>| value.map(|value| value.to_string());
        let values: [Option<String>; Query::NAMES.len()] = [
            (self.sort != default.sort).then(|| self.sort.word().to_owned()),
            (!is_natural).then(|| self.direction.word().to_owned()),
            (self.level != default.level).then(|| word(&LEVELS, self.level)),
            filter.family.clone(),
            filter.model.clone(),
            filter.model_sha256.clone(),
            filter.hardware.clone(),
            filter.machine.clone(),
            filter.backend.clone(),
            filter.engine.clone(),
            filter.quantization.clone(),
            filter.shape.clone(),
            number(filter.concurrency.map(u64::from)),
            number(filter.min_params),
            number(filter.max_params),
            filter.grade_at_least.map(|grade| word(&GRADES, grade)),
            filter.kind.map(|kind| word(&KINDS, kind)),
            filter.is_serving.map(|flag| word(&FLAGS, flag)),
            number(filter.limit),
        ];
        for (name, value) in Query::NAMES.iter().zip(values) {
            if let Some(value) = value {
                out.append_pair(name, &value);
            }
        }
        out.finish()
    }

    /// The same sorted by `column`: in its natural direction, or turned where it already sorts.
    /// What the link in a column's heading leads to.
    pub fn sorted_by(&self, column: Column) -> Query {
        let direction = match self.sort == column {
            true => self.direction.turned(),
            false => column.natural(),
        };
        Query { sort: column, direction, ..self.clone() }
    }

    /// The value of `aria-sort` for a column's heading.
    pub fn aria_sort(&self, column: Column) -> &'static str {
        match (self.sort == column, self.direction) {
            (false, _) => "none",
            (true, Direction::Ascending) => "ascending",
            (true, Direction::Descending) => "descending",
        }
    }
}

/// Values in the order of [`Query::NAMES`].
struct Values([Option<String>; Query::NAMES.len()]);

impl Values {
    fn query(mut self) -> Result<Query, QueryError> {
        let columns = Column::ALL.map(|column| (column.word(), column));
        let sort = self.one_of("sort", &columns)?.unwrap_or_default();
        Ok(Query {
            sort,
            direction: self.one_of("direction", &DIRECTIONS)?.unwrap_or(sort.natural()),
            level: self.one_of("level", &LEVELS)?.unwrap_or(Query::default().level),
            filter: RowFilter {
                family: self.take("family").1,
                model: self.take("model").1,
                model_sha256: self.take("model_sha256").1,
                hardware: self.take("hardware").1,
                machine: self.take("machine").1,
                backend: self.take("backend").1,
                engine: self.take("engine").1,
                quantization: self.take("quantization").1,
                shape: self.take("shape").1,
                concurrency: self.number("concurrency", u64::from(u32::MAX))?.map(|n| n as u32),
                min_params: self.params("min_params")?,
                max_params: self.params("max_params")?,
                grade_at_least: self.one_of("grade_at_least", &GRADES)?,
                kind: self.one_of("kind", &KINDS)?,
                is_serving: self.one_of("is_serving", &FLAGS)?,
                limit: self.number("limit", u64::MAX)?,
            },
        })
    }

    fn take(&mut self, name: &'static str) -> (&'static str, Option<String>) {
        let at = Query::NAMES.iter().position(|known| *known == name);
        (name, at.and_then(|at| self.0[at].take()))
    }

    fn one_of<T: Copy>(
        &mut self,
        name: &'static str,
        words: &[(&'static str, T)],
    ) -> Result<Option<T>, QueryError> {
        let (name, Some(value)) = self.take(name) else { return Ok(None) };
        match words.iter().find(|(word, _)| *word == value) {
            Some((_, meant)) => Ok(Some(*meant)),
            None => {
                let words: Vec<_> = words.iter().map(|(word, _)| *word).collect();
                Err(QueryError::Value { name, value, allowed: words.join(", ") })
            }
        }
    }

    fn number(&mut self, name: &'static str, most: u64) -> Result<Option<u64>, QueryError> {
        let (name, Some(value)) = self.take(name) else { return Ok(None) };
        let is_plain = value.bytes().all(|byte| byte.is_ascii_digit());
        match value.parse::<u64>() {
            Ok(number) if is_plain && number <= most => Ok(Some(number)),
            _ => {
                let allowed = format!("a whole number up to {most}");
                Err(QueryError::Value { name, value, allowed })
            }
        }
    }

    /// A number of parameters: `7B`, `135M`, `7000000000`.
    fn params(&mut self, name: &'static str) -> Result<Option<u64>, QueryError> {
        let (name, Some(value)) = self.take(name) else { return Ok(None) };
        let text = value.trim().to_ascii_uppercase();
        let (digits, unit) = match text.strip_suffix('B') {
            Some(digits) => (digits, 1e9),
            None => text.strip_suffix('M').map_or((text.as_str(), 1.0), |digits| (digits, 1e6)),
        };
        if let Ok(number) = digits.parse::<u64>()
            && unit == 1.0
        {
            return Ok(Some(number));
        }
        let is_plain = digits.trim().bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
        match digits.trim().parse::<f64>() {
            Ok(number) if is_plain && number * unit <= 1e18 => {
                Ok(Some((number * unit).round() as u64))
            }
            _ => {
                let allowed = "a number such as 7B, 135M or 7000000000".to_owned();
                Err(QueryError::Value { name, value, allowed })
            }
        }
    }
}

fn word<T: PartialEq>(words: &[(&str, T)], value: T) -> String {
    let found = words.iter().find(|(_, meant)| *meant == value);
    found.map(|(word, _)| (*word).to_owned()).unwrap_or_default()
}
