//! Tool definitions in a shape's file: strict, and with the keys of their schemas sorted.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;
use tokmark_model::ToolDefinition;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Tool {
    name: String,
    description: String,
    parameters: Value,
}

pub(super) fn serialize<S: Serializer>(
    tools: &[ToolDefinition],
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(tools.iter().map(|tool| Tool {
        name: tool.name.clone(),
        description: tool.description.clone(),
        parameters: sorted(&tool.parameters),
    }))
}

pub(super) fn deserialize<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Vec<ToolDefinition>, D::Error> {
    let tools = Vec::<Tool>::deserialize(deserializer)?.into_iter();
    let definition = |Tool { name, description, parameters }| ToolDefinition {
        name,
        description,
        parameters: sorted(&parameters),
    };
    Ok(tools.map(definition).collect())
}

/// `value` with the keys of all objects in order, whether or not the JSON library keeps them
/// so by itself: a hash and a prompt must not depend on how the library was built.
pub(super) fn sorted(value: &Value) -> Value {
    match value {
        Value::Array(items) => items.iter().map(sorted).collect(),
        Value::Object(object) => {
            let mut entries: Vec<_> = object.iter().collect();
            entries.sort_by_key(|(key, _)| *key);
            entries.into_iter().map(|(key, value)| (key.clone(), sorted(value))).collect()
        }
        plain => plain.clone(),
    }
}
