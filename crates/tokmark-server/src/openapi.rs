//! The description of the interface: paths from the handlers, schemas from the types.

use schemars::{JsonSchema, SchemaGenerator};
use serde_json::{Map, Value, json};
use tokmark_model as model;
use utoipa::openapi::{Ref, RefOr, Schema};

/// A type of another crate, by its JSON Schema under its own name.
macro_rules! described {
    ($($name:ident: $of:ty),* $(,)?) => {
        $(
            #[doc = concat!("Stands for [`", stringify!($of), "`] in the description.")]
            pub(crate) struct $name;

            impl utoipa::PartialSchema for $name {
                fn schema() -> RefOr<Schema> {
                    RefOr::Ref(Ref::from_schema_name(stringify!($name)))
                }
            }

            impl utoipa::ToSchema for $name {}
        )*

        fn schemas(generator: &mut SchemaGenerator) {
            $( add::<$of>(generator); )*
        }
    };
}

described!(
    Record: model::Record,
    BoardRow: model::BoardRow,
    Job: model::Job,
    JobSpec: model::JobSpec,
    AgentHello: model::AgentHello,
    JobReport: model::JobReport,
    JobOrder: model::JobOrder,
    JobEnd: model::JobEnd,
    MachineFacts: model::MachineFacts,
    ModelFacts: model::ModelFacts,
);

fn add<T: JsonSchema>(generator: &mut SchemaGenerator) {
    let _ = generator.subschema_for::<T>();
}

/// What every operation may answer: status, why, and whether only what takes a body does.
const EVERYWHERE: [(&str, &str, bool); 8] = [
    ("400", "a parameter or the body is wrong", false),
    ("401", "no token, or an unknown, expired or revoked one", false),
    ("403", "the token lacks the scope, or another site's page asks", false),
    ("421", "the server is not asked under this name", false),
    ("429", "too many requests; see Retry-After", false),
    ("503", "the database is away; see Retry-After", false),
    ("408", "the body did not arrive in time", true),
    ("413", "the body is too large", true),
];

/// Every operation of every path.
fn operations(whole: &mut Value) -> impl Iterator<Item = &mut Value> {
    let paths = whole["paths"].as_object_mut().into_iter().flat_map(Map::values_mut);
    paths.filter_map(Value::as_object_mut).flat_map(Map::values_mut)
}

/// OpenAPI 3.1, in which schemas are JSON Schema.
pub(crate) fn description() -> Value {
    let (_, api) = crate::api::routes().split_for_parts();
    let mut whole = serde_json::to_value(&api).unwrap_or_default();
    whole["openapi"] = json!("3.1.0");
    whole["info"] = json!({
        "title": "Tokmark",
        "version": env!("CARGO_PKG_VERSION"),
        "description": "Measurements of language models: kept, checked, compared.",
    });
    whole["components"]["securitySchemes"] =
        json!({ "token": { "type": "http", "scheme": "bearer" } });
    for operation in operations(&mut whole) {
        let has_body = operation.get("requestBody").is_some();
        if let Some(responses) = operation["responses"].as_object_mut() {
            for (status, description, of_bodies) in EVERYWHERE {
                if has_body || !of_bodies {
                    let told = json!({ "description": description });
                    responses.entry(status).or_insert(told);
                }
            }
        }
    }
    let settings = schemars::generate::SchemaSettings::draft2020_12()
        .with(|settings| settings.definitions_path = "/components/schemas".into());
    let mut generator = settings.into_generator();
    schemas(&mut generator);
    let made: Map<String, Value> = generator.take_definitions(true);
    if let Some(components) = whole["components"]["schemas"].as_object_mut() {
        // A stand-in refers to itself.
        components.retain(|name, _| !made.contains_key(name));
        components.extend(made);
    } else {
        whole["components"]["schemas"] = Value::Object(made);
    }
    whole
}
