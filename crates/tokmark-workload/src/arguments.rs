//! Arguments for a tool call, made from the JSON schema of the tool.

use serde_json::{Map, Value};

use crate::random::Random;
use crate::template::Template;

/// Objects and lists inside each other; deeper ones are left empty.
const MAX_DEPTH: usize = 4;

/// JSON text of an object that suits `parameters`, keys sorted. What the schema demands beyond
/// types, listed values and the bounds of numbers is not looked at.
pub(crate) fn arguments(parameters: &Value, random: &mut Random) -> String {
    let value = object(parameters, random, MAX_DEPTH);
    let text = |(key, value): (&String, &Value)| format!("{}:{value}", Value::from(key.as_str()));
    let mut entries: Vec<_> = value.iter().collect();
    entries.sort_by_key(|(key, _)| *key);
    format!("{{{}}}", entries.into_iter().map(text).collect::<Vec<_>>().join(","))
}

fn object(schema: &Value, random: &mut Random, depth: usize) -> Map<String, Value> {
    let Some(properties) = schema.get("properties").and_then(Value::as_object) else {
        return Map::new();
    };
    let mut keys: Vec<&String> = properties.keys().collect();
    keys.sort();
    keys.into_iter().map(|key| (key.clone(), value(key, &properties[key], random, depth))).collect()
}

fn value(name: &str, schema: &Value, random: &mut Random, depth: usize) -> Value {
    let Some(depth) = depth.checked_sub(1) else { return Value::Null };
    if let Some(choices) = schema.get("enum").and_then(Value::as_array) {
        return random.pick(choices).cloned().unwrap_or_default();
    }
    let kind = match schema.get("type") {
        Some(Value::Array(kinds)) => kinds.first().and_then(Value::as_str),
        kind => kind.and_then(Value::as_str),
    };
    match kind {
        Some("integer" | "number") => Value::from(number(schema, random)),
        Some("boolean") => Value::from(random.below(2) == 1),
        Some("null") => Value::Null,
        Some("array") => {
            let item = schema.get("items").unwrap_or(&Value::Null);
            Value::Array(vec![value(name, item, random, depth)])
        }
        Some("object") => Value::Object(object(schema, random, depth)),
        _ => Value::from(words(name).fill(random)),
    }
}

/// A number between the bounds of the schema, small where it has none.
fn number(schema: &Value, random: &mut Random) -> i64 {
    let bound = |name: &str| schema.get(name).and_then(Value::as_i64);
    let least = bound("minimum").unwrap_or(1);
    let most = bound("maximum").unwrap_or(least.saturating_add(99)).max(least);
    let n_choices = most.abs_diff(least).saturating_add(1);
    least.saturating_add_unsigned(random.below(n_choices))
}

fn words(name: &str) -> Template {
    let is_about = |word: &str| name.to_ascii_lowercase().contains(word);
    Template::parse(if is_about("path") || is_about("file") {
        "src/%site%/%thing%.rs"
    } else if is_about("command") {
        "grep -rn '%thing%' src/%site%"
    } else {
        "%adj% %thing%"
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::random::Purpose;

    fn random(n: u64) -> Random {
        Random::new(n, Purpose::OwnCall, &[])
    }

    #[test]
    fn arguments_suit_the_schema() {
        let schema = json!({
            "type": "object",
            "properties": {
                "unit": {"enum": ["km", "mile"]},
                "limit": {"type": "integer", "minimum": 5, "maximum": 9},
                "deep": {"type": "object", "properties": {"yes": {"type": "boolean"}}},
                "tags": {"type": "array", "items": {"type": "string"}},
                "path": {"type": ["string", "null"]},
            },
        });
        for seed in 0..50 {
            let text = arguments(&schema, &mut random(seed));
            let value: Value = serde_json::from_str(&text).unwrap();
            assert!(["km", "mile"].contains(&value["unit"].as_str().unwrap()));
            assert!((5..=9).contains(&value["limit"].as_i64().unwrap()));
            assert!(value["deep"]["yes"].is_boolean());
            assert!(value["tags"][0].is_string());
            assert!(value["path"].as_str().unwrap().ends_with(".rs"));
            assert!(
                text.find("deep") < text.find("limit") && text.find("tags") < text.find("unit")
            );
        }
    }

    #[test]
    fn odd_schemas_give_an_object_all_the_same() {
        let numbers = json!({"type": "integer", "minimum": i64::MAX, "maximum": i64::MIN});
        let odd = [
            json!(null),
            json!({"properties": 5}),
            json!({"properties": {"a": 1, "b": {"enum": []}, "c": numbers}}),
            json!({"properties": {"a": {"type": "array", "items": {"type": "array"}}}}),
        ];
        for schema in odd {
            let text = arguments(&schema, &mut random(1));
            assert!(serde_json::from_str::<Map<String, Value>>(&text).is_ok(), "{text}");
        }
    }
}
