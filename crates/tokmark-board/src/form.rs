//! What a file may hold, by the JSON Schema of its type, and its faults in our words.

use jsonschema::Validator;
use jsonschema::error::{ValidationError, ValidationErrorKind};
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::Finding;
use crate::finding::{is_unseen, shown};
use crate::node::{Node, Place};

mod allowed;

use allowed::allowed;

/// A fault of a value, before its place is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fault {
    /// Keys and positions that lead to the value.
    pub(crate) path: Vec<String>,
    /// The fault is this key of that mapping, not the mapping.
    pub(crate) key: Option<String>,
    /// What is wrong.
    pub(crate) problem: String,
    /// What is allowed.
    pub(crate) allowed: String,
}

impl Fault {
    /// A fault of the value that `path` leads to.
    pub(crate) fn new(
        path: &[&str],
        problem: impl Into<String>,
        allowed: impl Into<String>,
    ) -> Self {
        Fault {
            path: path.iter().map(|&segment| segment.to_owned()).collect(),
            key: None,
            problem: problem.into(),
            allowed: allowed.into(),
        }
    }

    /// The finding of this fault in the file that `node` was read from.
    pub(crate) fn at(self, file: &str, node: &Node) -> Finding {
        let place = self.place_in(node);
        place.finding(file, self.problem, self.allowed)
    }

    fn place_in(&self, node: &Node) -> Place {
        let path = || self.path.iter().map(String::as_str);
        let Some(key) = &self.key else {
            return node.place_of(path());
        };
        let mapping = path().try_fold(node, |node, segment| node.child(segment));
        match mapping.and_then(|mapping| mapping.entry(key)) {
            Some(entry) => entry.key_place,
            None => node.place_of(path()),
        }
    }
}

/// The schema of a type, ready to check values.
pub(crate) struct Form {
    schema: Value,
    validator: Validator,
}

impl Form {
    /// The form of `T`.
    pub(crate) fn of<T: JsonSchema>() -> Self {
        Form::from_schema(schemars::schema_for!(T).to_value())
    }

    fn from_schema(schema: Value) -> Self {
        let validator = jsonschema::options()
            .should_validate_formats(true)
            .build(&schema)
            .expect("schemars makes valid schemas");
        Form { schema, validator }
    }

    /// The fields of a mapping of this form.
    pub(crate) fn fields(&self) -> Vec<&str> {
        let properties = self.schema["properties"].as_object();
        properties.into_iter().flat_map(|map| map.keys().map(String::as_str)).collect()
    }

    /// The value as `T`.
    ///
    /// # Errors
    /// Every fault that the schema finds, else the one that the type finds.
    pub(crate) fn read<T: DeserializeOwned>(&self, value: &Value) -> Result<T, Vec<Fault>> {
        let mut faults = Vec::new();
        for error in self.validator.iter_errors(value) {
            self.explain(&error, &mut faults);
        }
        if !faults.is_empty() {
            return Err(faults);
        }
        serde_path_to_error::deserialize(value).map_err(|error| {
            let path = error.path().to_string();
            let path = path.split(['.', '[', ']']).filter(|segment| !segment.is_empty());
            let fault = Fault {
                path: path.map(str::to_owned).collect(),
                key: None,
                problem: format!("what stands here is not understood: {}", error.inner()),
                allowed: "see schema.json".to_owned(),
            };
            vec![fault]
        })
    }

    /// The faults behind an error: of several forms that a value may have those of the one that
    /// it comes nearest to.
    fn explain(&self, error: &ValidationError<'_>, faults: &mut Vec<Fault>) {
        use ValidationErrorKind as Kind;
        let path = segments(error.instance_path().as_str());
        if let Kind::AnyOf { context } | Kind::OneOfNotValid { context } = error.kind() {
            let reach = |branch: &Vec<ValidationError<'static>>| {
                branch.iter().map(|error| depth(error)).max().unwrap_or(0)
            };
            let nearest = context.iter().max_by_key(|branch| reach(branch));
            if let Some(branch) = nearest.filter(|branch| reach(branch) > path.len()) {
                branch.iter().for_each(|error| self.explain(error, faults));
                return;
            }
        }
        let (parent, key) = match error.kind() {
            Kind::AdditionalProperties { unexpected }
            | Kind::UnevaluatedProperties { unexpected } => (self.around(error), Some(unexpected)),
            _ => (self.around(error), None),
        };
        let fault = |key: Option<String>, problem: String, allowed: String| Fault {
            path: path.clone(),
            key,
            problem,
            allowed,
        };
        let name = path.iter().rev().find(|segment| segment.parse::<usize>().is_err());
        let name = name.map_or("the file".to_owned(), |name| shown(name));
        let allowed = allowed(&self.schema, parent);
        match (error.kind(), key) {
            (_, Some(unexpected)) => {
                for field in unexpected {
                    let problem = format!("{} is no field here", shown(field));
                    faults.push(fault(Some(field.clone()), problem, allowed.clone()));
                }
            }
            (Kind::Required { property }, _) => {
                let property = property.as_str().unwrap_or_default();
                let own = parent.get("properties").and_then(|all| all.get(property));
                let what =
                    own.map_or_else(String::new, |own| allowed::describe_field(&self.schema, own));
                faults.push(fault(None, format!("{} is missing", shown(property)), what));
            }
            _ => {
                let problem = format!("{name} is {}", said(error.instance()));
                faults.push(fault(None, problem, allowed));
            }
        }
    }

    /// The schema whose keyword refused the value.
    fn around(&self, error: &ValidationError<'_>) -> &Value {
        let path = error.schema_path().as_str();
        let parent = path.rsplit_once('/').map_or("", |(parent, _)| parent);
        self.schema.pointer(parent).unwrap_or(&Value::Null)
    }
}

fn depth(error: &ValidationError<'_>) -> usize {
    let own = segments(error.instance_path().as_str()).len();
    match error.kind() {
        // An unknown or missing field lies one deeper than the mapping that is at fault.
        ValidationErrorKind::AdditionalProperties { .. } | ValidationErrorKind::Required { .. } => {
            own + 1
        }
        _ => own,
    }
}

/// The keys and positions of a JSON pointer.
fn segments(pointer: &str) -> Vec<String> {
    let unescaped = |segment: &str| segment.replace("~1", "/").replace("~0", "~");
    pointer.split('/').skip(1).map(unescaped).collect()
}

/// A value in a message.
fn said(value: &Value) -> String {
    match value {
        Value::Null => "empty".to_owned(),
        Value::Bool(value) => format!("{value}"),
        Value::Number(number) => format!("the number {number}"),
        Value::String(text) if text.is_empty() => "an empty text".to_owned(),
        Value::String(text) => format!("the text {}", shown(text)),
        Value::Array(list) => format!("a list of {}", list.len()),
        Value::Object(_) => "a mapping".to_owned(),
    }
}

/// Texts with characters that nobody would see: what people write by hand has none.
pub(crate) fn unseen(file: &str, node: &Node) -> Vec<Finding> {
    let is_bad = |text: &str| text.chars().any(|c| is_unseen(c) && c != '\n');
    node.texts()
        .into_iter()
        .filter(|(_, text)| is_bad(text))
        .map(|(place, text)| {
            let problem = format!("{} has characters that are not seen", shown(text));
            place.finding(file, problem, "letters, digits, signs, spaces and line ends")
        })
        .collect()
}
