use std::cmp::Ordering;
use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Line;

/// A column that a leaderboard can be sorted by.
#[derive(
    Debug,
    Clone,
    Copy,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Column {
    /// Name of the model without family and quantization.
    Variant,
    /// Quantization.
    Quantization,
    /// What computed.
    Hardware,
    /// Engine, version, device interface.
    Engine,
    /// Requests at once.
    Concurrency,
    /// Generation rate.
    #[default]
    Rate,
    /// Median time to first token.
    Ttft,
    /// Grade.
    Grade,
    /// When it was measured or published.
    Date,
}

/// Which end comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// Smallest, earliest, best grade, or A first.
    Ascending,
    /// The other way.
    Descending,
}

impl Direction {
    /// The word of URLs, and of `aria-sort` with `ending` after it: `asc`, `desc`.
    pub fn word(self) -> &'static str {
        match self {
            Direction::Ascending => "asc",
            Direction::Descending => "desc",
        }
    }

    /// The other one.
    pub fn turned(self) -> Self {
        match self {
            Direction::Ascending => Direction::Descending,
            Direction::Descending => Direction::Ascending,
        }
    }
}

impl Column {
    /// Every column, in the order of the table.
    pub const ALL: [Column; 9] = [
        Column::Variant,
        Column::Quantization,
        Column::Hardware,
        Column::Engine,
        Column::Concurrency,
        Column::Rate,
        Column::Ttft,
        Column::Grade,
        Column::Date,
    ];

    /// The word of URLs: `rate`.
    pub fn word(self) -> &'static str {
        match self {
            Column::Variant => "variant",
            Column::Quantization => "quantization",
            Column::Hardware => "hardware",
            Column::Engine => "engine",
            Column::Concurrency => "concurrency",
            Column::Rate => "rate",
            Column::Ttft => "ttft",
            Column::Grade => "grade",
            Column::Date => "date",
        }
    }

    /// The column's heading.
    pub fn title(self) -> &'static str {
        match self {
            Column::Variant => "Variant",
            Column::Quantization => "Quantization",
            Column::Hardware => "Hardware",
            Column::Engine => "Back end",
            Column::Concurrency => "Conc.",
            Column::Rate => "Generation, tok/s",
            Column::Ttft => "TTFT, ms",
            Column::Grade => "Grade",
            Column::Date => "Date",
        }
    }

    /// What the column means, for hover and focus.
    pub fn definition(self) -> &'static str {
        match self {
            Column::Variant => "The model's name without its family and quantization.",
            Column::Quantization => {
                "How the weights are stored, as the publisher of the file calls it; unknown where \
                 nobody said it."
            }
            Column::Hardware => {
                "What computed: the GPUs that the engine reported, else the processor; of \
                 published figures what the source says. Several GPUs are counted."
            }
            Column::Engine => {
                "The engine with its version, and the device interface as the engine reported \
                 it. Of published figures as the source says it."
            }
            Column::Concurrency => {
                "Requests under way at once, or sequences in parallel. An open loop has no such \
                 number."
            }
            Column::Rate => {
                "Tokens generated per second: of a test those of all its sequences, of a load \
                 point the output of the whole system. The ends after a rate are its 95 % \
                 interval. Two rates joined by a dash are the lowest and the highest over the \
                 shapes of work, and sort by the lowest."
            }
            Column::Ttft => {
                "Median time from sending a request to its first token, of load points only. The \
                 lowest and the highest where a line has several shapes; it sorts by the lowest."
            }
            Column::Grade => {
                "How far a measured figure can be believed, A to F, by what the machine did \
                 meanwhile. The worst of the line's records. Published figures have none."
            }
            Column::Date => {
                "When the newest of the line's records was begun, or published. A month alone: the \
                 source names no day, or no date and this is the month before which it was not."
            }
        }
    }

    /// The direction in which a column is first sorted: best or first on top.
    pub fn natural(self) -> Direction {
        match self {
            Column::Rate | Column::Date => Direction::Descending,
            _ => Direction::Ascending,
        }
    }

    /// The order of a table in words: `fastest first`.
    pub fn order_words(self, direction: Direction) -> &'static str {
        let (ascending, descending) = match self {
            Column::Variant => ("by variant, A to Z", "by variant, Z to A"),
            Column::Quantization => ("by quantization, A to Z", "by quantization, Z to A"),
            Column::Hardware => ("by hardware, A to Z", "by hardware, Z to A"),
            Column::Engine => ("by back end, A to Z", "by back end, Z to A"),
            Column::Concurrency => ("fewest requests at once first", "most requests at once first"),
            Column::Rate => ("slowest first", "fastest first"),
            Column::Ttft => {
                ("shortest time to first token first", "longest time to first token first")
            }
            Column::Grade => ("best grade first", "worst grade first"),
            Column::Date => ("oldest first", "newest first"),
        };
        match direction {
            Direction::Ascending => ascending,
            Direction::Descending => descending,
        }
    }

    /// Order of two lines by this column; what is unknown comes last in both directions.
    pub(super) fn order(self, direction: Direction, a: &Line, b: &Line) -> Ordering {
        match self {
            Column::Variant => known(direction, Some(words(&a.variant)), Some(words(&b.variant))),
            Column::Quantization => {
                let of = |line: &Line| line.quantization.as_deref().map(words);
                known(direction, of(a), of(b))
            }
            Column::Hardware => {
                known(direction, Some(words(&a.hardware)), Some(words(&b.hardware)))
            }
            Column::Engine => {
                known(direction, Some(words(&a.engine_text)), Some(words(&b.engine_text)))
            }
            Column::Concurrency => known(direction, a.concurrency, b.concurrency),
            Column::Rate => known(direction, number(a.sort_rate()), number(b.sort_rate())),
            Column::Ttft => known(direction, number(a.ttft_low_ms), number(b.ttft_low_ms)),
            Column::Grade => known(direction, a.grade, b.grade),
            Column::Date => known(direction, Some(a.created_at), Some(b.created_at)),
        }
    }
}

impl fmt::Display for Column {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

fn known<T: Ord>(direction: Direction, a: Option<T>, b: Option<T>) -> Ordering {
    match (a, b, direction) {
        (Some(a), Some(b), Direction::Ascending) => a.cmp(&b),
        (Some(a), Some(b), Direction::Descending) => b.cmp(&a),
        (Some(_), None, _) => Ordering::Less,
        (None, Some(_), _) => Ordering::Greater,
        (None, None, _) => Ordering::Equal,
    }
}

/// A number with the order of numbers.
#[derive(PartialEq)]
struct Ordered(f64);

impl Eq for Ordered {}

impl PartialOrd for Ordered {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Ordered {
    fn cmp(&self, other: &Self) -> Ordering {
        self.0.total_cmp(&other.0)
    }
}

fn number(value: Option<f64>) -> Option<Ordered> {
    value.map(Ordered)
}

/// A text in the order of people: runs of digits by their number, letters without case. `2.6B`
/// comes before `27B`, and `8B` before `26B`.
fn words(text: &str) -> Vec<Word> {
    let mut words = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let is_digit = first.is_ascii_digit();
        let end = rest.find(|c: char| c.is_ascii_digit() != is_digit).unwrap_or(rest.len());
        let (word, after) = rest.split_at(end);
        words.push(match is_digit {
            true => {
                let digits = word.trim_start_matches('0');
                Word::Number(digits.len(), digits.to_owned())
            }
            false => Word::Text(word.to_lowercase()),
        });
        rest = after;
    }
    words
}

/// A piece of a name. Numbers of any length, by their number of digits, then by these.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Word {
    Number(usize, String),
    Text(String),
}
