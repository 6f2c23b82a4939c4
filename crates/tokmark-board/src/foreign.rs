//! Foreign YAML, read by a map from its fields to those of the compact form.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use tokmark_model::Record;

use crate::finding::shown;
use crate::form::{Fault, Form, unseen};
use crate::node::{Content, Node, Place};
use crate::run::{self, compact_form};
use crate::{BoardError, Finding};

mod route;

use route::Route;

/// Most rows that one file gives.
const MAX_ROWS: usize = 100_000;

/// Fields of a map that are no fields of the compact form: a row that is one shape.
const ROW_FIELDS: [&str; 5] = ["shape", "rate", "low", "high", "ttft_ms"];

/// Before the name of a shape: a rate of that shape.
const RATES: &str = "rates_tps.";

/// Fields of the compact form that are numbers; the others are text.
const NUMBERS: [&str; 11] = [
    "params_billion",
    "file_size_bytes",
    "n_gpus",
    "power_cap_w",
    "threads",
    "gpu_layers",
    "concurrency",
    "rate",
    "low",
    "high",
    "ttft_ms",
];

/// A text with the name that findings carry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NamedText<'a> {
    /// Name of its file.
    pub file: &'a str,
    /// The text.
    pub text: &'a str,
}

/// A map: which foreign field becomes which of ours.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct MapFile {
    /// Version of this form.
    #[schemars(range(min = 1, max = 1))]
    tokmark_map: u32,
    /// Our field -> where the foreign file has it: `model: runs[].model.name`.
    fields: BTreeMap<String, String>,
    /// Our field -> what it is in every row.
    #[serde(default)]
    constants: BTreeMap<String, Value>,
}

static MAP: LazyLock<Form> = LazyLock::new(Form::of::<MapFile>);

/// The records of a foreign YAML file.
///
/// The map names, for our fields, the path of the foreign one: keys joined by `.`, `[]` for every
/// item of a list, `[2]` for one, quotes around a key with a dot in it. Our fields are those of
/// the compact form; a rate is `rates_tps.SHAPE`, or, where each foreign row is one shape,
/// `shape` with `rate`, or `low` and `high`, and `ttft_ms`. `constants` stand in every
/// row that has not the field itself.
///
/// ```yaml
/// tokmark_map: 1
/// fields:
///   model: runs[].model.name
///   hardware: runs[].machine
///   shape: runs[].results[].workload
///   rate: runs[].results[].output_tok_per_s
/// constants:
///   engine: vLLM
///   backend: CUDA
///   source: somebody's page
///   date: 2026-04-30
/// ```
///
/// A foreign field that is absent or empty is left out. A whole number becomes text where ours is
/// text; one with decimals is refused there, since it may have lost a digit: `1.10` is read as
/// 1.1.
///
/// # Errors
/// Every fault of both files, with file, line and column; then no record is given.
pub fn read_foreign(foreign: NamedText<'_>, map: NamedText<'_>) -> Result<Vec<Record>, BoardError> {
    let parsed = Node::parse(map.file, map.text).map(|node| (Import::new(map.file, &node), node));
    let rows = Node::parse(foreign.file, foreign.text);
    let (import, rows) = match (parsed, rows) {
        (Ok((Ok(import), _)), Ok(rows)) => (import, rows),
        (map, rows) => {
            let mut findings: Vec<Finding> = rows.err().into_iter().collect();
            match map {
                Ok((import, _)) => findings.extend(import.err().into_iter().flatten()),
                Err(finding) => findings.push(finding),
            }
            return Err(findings.into());
        }
    };
    let findings = unseen(foreign.file, &rows);
    if !findings.is_empty() {
        return Err(findings.into());
    }
    import.read(foreign.file, &rows)
}

/// A checked map.
struct Import {
    map_file: String,
    /// Our field, its route, and its place in the map.
    fields: Vec<(String, Route, Place)>,
    constants: Vec<(String, Value, Place)>,
    /// The longest route up to its last `[]`: its items are the rows.
    spine: Route,
}

/// A row in the compact form, with the places that its fields came from.
struct Row {
    value: Map<String, Value>,
    /// Our field -> whether it stands in the map, and where.
    places: BTreeMap<String, (bool, Place)>,
    place: Place,
}

impl Import {
    fn new(file: &str, node: &Node) -> Result<Self, Vec<Finding>> {
        let mut findings = unseen(file, node);
        let map: MapFile = match MAP.read(&node.value()) {
            Ok(map) => map,
            Err(faults) => {
                findings.extend(faults.into_iter().map(|fault| fault.at(file, node)));
                return Err(findings);
            }
        };
        let mut fields = Vec::new();
        for (ours, path) in &map.fields {
            let place = node.place_of(["fields", ours]);
            match Route::parse(path) {
                Ok(route) => fields.push((ours.clone(), route, place)),
                Err(problem) => {
                    let problem = format!("{} is no path: {problem}", shown(path));
                    findings.push(place.finding(file, problem, "a.b, runs[].x, list[0].\"a.b\""));
                }
            }
        }
        for ours in map.fields.keys().chain(map.constants.keys()) {
            if !is_ours(ours) {
                let part = if map.fields.contains_key(ours) { "fields" } else { "constants" };
                let entry = node.child(part).and_then(|part| part.entry(ours));
                let place = entry.map_or(Place::START, |entry| entry.key_place);
                let problem = format!("{} is no field of a run", shown(ours));
                findings.push(place.finding(file, problem, our_fields()));
            }
        }
        let of_lists = fields.iter().map(|(_, route, _)| route.up_to_last_list());
        let spine = of_lists.max_by_key(Route::len).unwrap_or_default();
        for (ours, route, place) in &fields {
            if !spine.begins_with(&route.up_to_last_list()) {
                let problem = format!("{} goes through another list than the others", shown(ours));
                findings.push(place.finding(file, problem, "lists that lie inside each other"));
            }
        }
        let constants = map.constants.into_iter().map(|(ours, value)| {
            let place = node.place_of(["constants", &ours]);
            (ours, value, place)
        });
        let constants = constants.collect();
        match findings.is_empty() {
            true => Ok(Import { map_file: file.to_owned(), fields, constants, spine }),
            false => Err(findings),
        }
    }

    fn read(&self, file: &str, foreign: &Node) -> Result<Vec<Record>, BoardError> {
        let positions = self.spine.positions(foreign, MAX_ROWS + 1);
        if positions.is_empty() || positions.len() > MAX_ROWS {
            let (problem, allowed) = match positions.is_empty() {
                true => ("there is no row where the map looks", "a list with an item or more"),
                false => ("too many rows", "up to 100,000"),
            };
            return Err(foreign.place.finding(file, problem, allowed).into());
        }
        let mut records = Vec::new();
        let mut findings = Vec::new();
        for position in &positions {
            let row = self.row(foreign, position);
            match row.faults().and_then(|()| run::compact(&Value::Object(row.value.clone()))) {
                Ok(made) => records.extend(made),
                Err(faults) => {
                    let found = faults.into_iter().map(|fault| self.placed(file, &row, fault));
                    findings.extend(found);
                }
            }
        }
        match findings.is_empty() {
            true => Ok(records),
            false => Err(findings.into()),
        }
    }

    fn row(&self, foreign: &Node, position: &[usize]) -> Row {
        let at = self.spine.follow(foreign, position);
        let newest = run::RUN_VERSIONS[run::RUN_VERSIONS.len() - 1];
        let mut row = Row {
            value: Map::from_iter([("tokmark_run".to_owned(), json!(newest))]),
            places: BTreeMap::new(),
            place: at.map_or(foreign.place, |node| node.place),
        };
        let mut figure = Map::new();
        let found = self.fields.iter().filter_map(|(ours, route, _)| {
            let node = route.follow(foreign, position)?;
            let value = node.value();
            (!value.is_null()).then_some((ours, value, (false, node.place)))
        });
        let constants =
            self.constants.iter().map(|(ours, value, place)| (ours, value.clone(), (true, *place)));
        for (ours, value, place) in constants.chain(found) {
            let value = suited(ours, value);
            row.places.insert(ours.clone(), place);
            if let Some(shape) = ours.strip_prefix(RATES) {
                rates(&mut row.value).insert(shape.to_owned(), value);
            } else if ROW_FIELDS.contains(&ours.as_str()) {
                figure.insert(ours.clone(), value);
            } else {
                row.value.insert(ours.clone(), value);
            }
        }
        if !figure.is_empty() {
            let shape = match figure.remove("shape") {
                Some(Value::String(shape)) => shape,
                Some(other) => other.to_string(),
                None => "all workloads".to_owned(),
            };
            rates(&mut row.value).insert(shape, Value::Object(figure));
        }
        row
    }

    /// The finding of a fault where its field came from.
    fn placed(&self, file: &str, row: &Row, fault: Fault) -> Finding {
        let path: Vec<&str> = fault.path.iter().map(String::as_str).collect();
        let names: Vec<String> = match path.as_slice() {
            ["rates_tps", shape, field, ..] => {
                vec![(*field).to_owned(), format!("{RATES}{shape}")]
            }
            ["rates_tps", shape] => {
                vec![format!("{RATES}{shape}"), "rate".into(), "low".into(), "shape".into()]
            }
            [field, ..] => vec![(*field).to_owned()],
            [] => Vec::new(),
        };
        let place = names.iter().find_map(|name| row.places.get(name));
        let (is_in_map, place) = place.copied().unwrap_or((false, row.place));
        let file = if is_in_map { self.map_file.as_str() } else { file };
        place.finding(file, fault.problem, fault.allowed)
    }
}

impl Row {
    /// What the compact form could not say of a row.
    fn faults(&self) -> Result<(), Vec<Fault>> {
        let is_decimal = |(field, value): &(&String, &Value)| {
            let is_text = !NUMBERS.contains(&field.as_str()) && field.as_str() != "tokmark_run";
            is_text && value.is_f64()
        };
        let faults: Vec<_> = self
            .value
            .iter()
            .filter(is_decimal)
            .map(|(field, value)| {
                let problem =
                    format!("`{field}` is the number {value}, which may have lost digits");
                Fault::new(&[field], problem, "text in quotes, or a constant of the map")
            })
            .collect();
        if faults.is_empty() { Ok(()) } else { Err(faults) }
    }
}

fn rates(row: &mut Map<String, Value>) -> &mut Map<String, Value> {
    let rates = row.entry("rates_tps").or_insert_with(|| Value::Object(Map::new()));
    rates.as_object_mut().expect("only mappings are put there: `rates_tps` is no field of a map")
}

/// A value as our field wants it, where nothing can be lost.
fn suited(ours: &str, value: Value) -> Value {
    let is_number = NUMBERS.contains(&ours) || ours.starts_with(RATES);
    match (is_number, &value) {
        (false, Value::Number(number)) if !number.is_f64() => Value::String(number.to_string()),
        (true, Value::String(text)) => match text.parse::<serde_json::Number>() {
            Ok(number) => Value::Number(number),
            Err(_) => value,
        },
        _ => value,
    }
}

fn is_ours(name: &str) -> bool {
    match name.strip_prefix(RATES) {
        Some(shape) => !shape.is_empty(),
        None => ROW_FIELDS.contains(&name) || own_fields().any(|field| field == name),
    }
}

fn own_fields() -> impl Iterator<Item = &'static str> {
    let of_the_form = ["tokmark_run", "rates_tps"];
    compact_form().fields().into_iter().filter(move |field| !of_the_form.contains(field))
}

fn our_fields() -> String {
    let names = own_fields().chain(ROW_FIELDS).chain(["rates_tps.SHAPE"]);
    format!("allowed: {}", names.collect::<Vec<_>>().join(", "))
}

/// A list has items; everything else has none.
fn items(node: &Node) -> usize {
    match &node.content {
        Content::List(list) => list.len(),
        Content::Mapping(_) | Content::Scalar(_) => 0,
    }
}
