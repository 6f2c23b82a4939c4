use schemars::generate::SchemaSettings;
use serde_json::{Value, json};

use crate::catalogue::{FamiliesFile, HardwareFile, PlannedFile};
use crate::compact::CompactRun;
use crate::run::RecordRun;

/// The JSON Schema of a run, either form, for editors and other programs; under `$defs` also
/// those of `families.yaml` (`FamiliesFile`), `hardware/*.yaml` (`HardwareFile`) and
/// `planned.yaml` (`PlannedFile`). Keys are sorted, so that the same types always give the same
/// text.
pub fn run_schema() -> Value {
    let mut generator = SchemaSettings::draft2020_12().into_generator();
    let compact = generator.subschema_for::<CompactRun>();
    let record = generator.subschema_for::<RecordRun>();
    generator.subschema_for::<FamiliesFile>();
    generator.subschema_for::<HardwareFile>();
    generator.subschema_for::<PlannedFile>();
    let definitions = generator.take_definitions(true);
    let mut schema = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Tokmark run",
        "description": "A benchmark run as YAML: a whole record under `record`, or the compact form.",
        "if": { "required": ["record"] },
        "then": record,
        "else": compact,
        "$defs": definitions,
    });
    schema.sort_all_objects();
    schema
}
