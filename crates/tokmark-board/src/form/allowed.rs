//! A JSON Schema in words.

use serde_json::Value;

/// References followed one inside the other.
const MAX_DEPTH: usize = 5;

/// What `schema`, a part of `root`, allows.
pub(super) fn allowed(root: &Value, schema: &Value) -> String {
    match describe(root, schema, MAX_DEPTH) {
        words if words.is_empty() => "see schema.json".to_owned(),
        words => format!("allowed: {words}"),
    }
}

/// What belongs into a missing field.
pub(super) fn describe_field(root: &Value, schema: &Value) -> String {
    let about = schema["description"].as_str().unwrap_or_default();
    let about = about.replace('\n', " ");
    let about = about.split(". ").next().unwrap_or_default().trim_end_matches('.');
    match (about, describe(root, schema, MAX_DEPTH)) {
        ("", words) => format!("write {words}"),
        (about, words) if words.is_empty() => format!("write it: {about}"),
        (about, words) => format!("write {words}: {about}"),
    }
}

fn describe(root: &Value, schema: &Value, depth: usize) -> String {
    if depth == 0 {
        return String::new();
    }
    if let Some(target) = schema["$ref"].as_str().and_then(|path| path.strip_prefix('#')) {
        let target = root.pointer(target).unwrap_or(&Value::Null);
        return describe(root, target, depth - 1);
    }
    if let Some(word) = schema.get("const") {
        return plain(word);
    }
    if let Some(words) = schema["enum"].as_array() {
        return words.iter().map(plain).collect::<Vec<_>>().join(", ");
    }
    for keyword in ["oneOf", "anyOf"] {
        if let Some(branches) = schema[keyword].as_array() {
            let words: Vec<_> = branches
                .iter()
                .filter(|branch| branch["type"] != "null")
                .map(|branch| describe(root, branch, depth - 1))
                .filter(|words| !words.is_empty())
                .collect();
            return words.join(", or ").replace(
                ", or ",
                match is_words(branches) {
                    true => ", ",
                    false => ", or ",
                },
            );
        }
    }
    let types: Vec<&str> = match &schema["type"] {
        Value::String(one) => vec![one],
        Value::Array(several) => several.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    };
    let words: Vec<_> = types
        .into_iter()
        .filter(|kind| *kind != "null")
        .map(|kind| of_type(root, schema, kind, depth))
        .collect();
    words.join(" or ")
}

/// All branches are single words.
fn is_words(branches: &[Value]) -> bool {
    branches.iter().all(|branch| branch.get("const").is_some() || branch.get("enum").is_some())
}

fn of_type(root: &Value, schema: &Value, kind: &str, depth: usize) -> String {
    let least = schema.get("minimum").map(|least| format!("at least {}", plain(least)));
    let most = schema.get("maximum").map(|most| format!("at most {}", plain(most)));
    let limits: Vec<_> = [least, most].into_iter().flatten().collect();
    let limits = match limits.is_empty() {
        true => String::new(),
        false => format!(" of {}", limits.join(" and ")),
    };
    match kind {
        "integer" => format!("a whole number{limits}"),
        "number" => format!("a number{limits}"),
        "boolean" => "true or false".to_owned(),
        "string" => text(schema),
        "array" => {
            let n = schema["minItems"].as_u64().filter(|n| schema["maxItems"].as_u64() == Some(*n));
            let list = n.map_or("a list".to_owned(), |n| format!("a list of {n}"));
            match describe(root, &schema["items"], depth - 1) {
                words if words.is_empty() => list,
                words => format!("{list}, each {words}"),
            }
        }
        "object" => match schema["properties"].as_object() {
            Some(fields) => {
                let names: Vec<_> = fields.keys().map(|name| format!("`{name}`")).collect();
                format!("the fields {}", names.join(", "))
            }
            None => match describe(root, &schema["additionalProperties"], depth - 1) {
                words if words.is_empty() => "a mapping".to_owned(),
                words => format!("a mapping of names to {words}"),
            },
        },
        other => other.to_owned(),
    }
}

fn text(schema: &Value) -> String {
    let mut words = match schema["format"].as_str() {
        Some("date-time") => "a time such as 2026-04-30T18:11:44Z".to_owned(),
        Some("uuid") => "a UUID".to_owned(),
        _ => "text, in quotes where it looks like a number".to_owned(),
    };
    if let Some(pattern) = schema["pattern"].as_str() {
        words = format!("text like {pattern}");
    }
    if let Some(most) = schema["maxLength"].as_u64() {
        words = format!("{words}; 1 to {most} characters");
    }
    words
}

fn plain(value: &Value) -> String {
    match value {
        Value::String(word) => format!("`{word}`"),
        other => other.to_string(),
    }
}
