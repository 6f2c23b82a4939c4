use tokmark_model::{Device, DeviceKind, EngineFacts, EngineParams, Record, Status};

use super::figures::{Figures, samples_ns, samples_ts};

/// llama-bench's type of a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Text,
    Bool,
    Int,
    Float,
}

/// A value; its variant is of its field's kind, or nothing is known.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Value {
    Text(String),
    Bool(bool),
    Int(i128),
    Float(f64),
    Unknown,
}

/// One line of output: `values[i]` belongs to `fields[i]`.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) fields: Vec<(&'static str, Kind)>,
    pub(super) values: Vec<Value>,
    pub(super) figures: Option<Figures>,
    pub(super) samples_ns: Vec<u64>,
    pub(super) samples_ts: Vec<f64>,
}

/// llama-bench's fields in its order.
const FIELDS: [(&str, Kind); 42] = [
    ("build_commit", Kind::Text),
    ("build_number", Kind::Int),
    ("cpu_info", Kind::Text),
    ("gpu_info", Kind::Text),
    ("backends", Kind::Text),
    ("model_filename", Kind::Text),
    ("model_type", Kind::Text),
    ("model_size", Kind::Int),
    ("model_n_params", Kind::Int),
    ("n_batch", Kind::Int),
    ("n_ubatch", Kind::Int),
    ("n_threads", Kind::Int),
    ("cpu_mask", Kind::Text),
    ("cpu_strict", Kind::Bool),
    ("poll", Kind::Int),
    ("type_k", Kind::Text),
    ("type_v", Kind::Text),
    ("n_gpu_layers", Kind::Int),
    ("n_cpu_moe", Kind::Int),
    ("split_mode", Kind::Text),
    ("main_gpu", Kind::Int),
    ("no_kv_offload", Kind::Bool),
    ("flash_attn", Kind::Int),
    ("devices", Kind::Text),
    ("tensor_split", Kind::Text),
    ("tensor_buft_overrides", Kind::Text),
    ("load_mode", Kind::Text),
    ("lazy_mode", Kind::Text),
    ("embeddings", Kind::Bool),
    // A switch that llama-bench writes as a number everywhere.
    ("no_op_offload", Kind::Int),
    ("no_host", Kind::Bool),
    ("repack", Kind::Bool),
    ("fit_target", Kind::Int),
    ("fit_min_ctx", Kind::Int),
    ("n_prompt", Kind::Int),
    ("n_gen", Kind::Int),
    ("n_depth", Kind::Int),
    ("test_time", Kind::Text),
    ("avg_ns", Kind::Int),
    ("stddev_ns", Kind::Int),
    ("avg_ts", Kind::Float),
    ("stddev_ts", Kind::Float),
];

/// The fields of a row, with our own `n_parallel` after `n_depth` where it is wanted.
pub(super) fn field_names(with_parallel: bool) -> Vec<(&'static str, Kind)> {
    let mut fields = FIELDS.to_vec();
    if with_parallel {
        fields.insert(parallel_position(), ("n_parallel", Kind::Int));
    }
    fields
}

fn parallel_position() -> usize {
    FIELDS.iter().position(|(name, _)| *name == "test_time").unwrap_or(FIELDS.len())
}

/// The kind of a field by its name; text for the columns that only md has.
pub(super) fn kind_of(field: &str) -> Kind {
    FIELDS.iter().find(|(name, _)| *name == field).map_or(Kind::Text, |(_, kind)| *kind)
}

/// The engine's commit, as llama-bench writes one that isn't known.
pub(super) fn build_commit(engine: &EngineFacts) -> String {
    engine.commit.clone().unwrap_or_else(|| "unknown".to_owned())
}

/// The build number in a version such as `b11434` or `11434`; 0 where there is none, as
/// llama-bench writes it.
pub(super) fn build_number(engine: &EngineFacts) -> u64 {
    engine.version.strip_prefix('b').unwrap_or(&engine.version).parse().unwrap_or(0)
}

impl Row {
    /// The row of a record, or `None` for one that llama-bench would have no row for.
    pub(super) fn of(record: &Record, model_filename: &str, with_parallel: bool) -> Option<Row> {
        let shown = match record.status {
            Status::Ok => true,
            Status::Interrupted => !record.samples.is_empty(),
            _ => false,
        };
        if !shown {
            return None;
        }
        let figures = Figures::of(record);
        let mut values = facts(record, model_filename).to_vec();
        values.extend(settings(&record.params));
        values.extend(
            [record.test.n_prompt, record.test.n_gen, record.test.n_depth].map(Value::from),
        );
        if with_parallel {
            values.push(Value::from(record.test.n_parallel));
        }
        values.push(Value::Text(record.created_at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()));
        values.extend(figure_values(figures.as_ref()));
        Some(Row {
            fields: field_names(with_parallel),
            values,
            figures,
            samples_ns: samples_ns(record),
            samples_ts: samples_ts(record),
        })
    }

    /// The value of a field, where the row has it.
    pub(super) fn value(&self, field: &str) -> Option<&Value> {
        let position = self.fields.iter().position(|(name, _)| *name == field)?;
        self.values.get(position)
    }
}

impl From<u32> for Value {
    fn from(number: u32) -> Self {
        Value::Int(number.into())
    }
}

impl From<Option<u64>> for Value {
    fn from(number: Option<u64>) -> Self {
        number.map_or(Value::Unknown, |number| Value::Int(number.into()))
    }
}

fn text(text: impl Into<String>) -> Value {
    Value::Text(text.into())
}

/// Engine, machine and model: the first nine fields.
fn facts(record: &Record, model_filename: &str) -> [Value; 9] {
    let engine = &record.engine;
    let model = &record.model;
    let is_cpu = |kind| matches!(kind, DeviceKind::Cpu | DeviceKind::Accelerator);
    let is_gpu = |kind| matches!(kind, DeviceKind::Gpu | DeviceKind::IntegratedGpu);
    [
        text(build_commit(engine)),
        Value::Int(build_number(engine).into()),
        text(describe(&engine.devices, is_cpu)),
        text(describe(&engine.devices, is_gpu)),
        text(&engine.backends),
        text(model_filename),
        model.description.as_ref().map_or(Value::Unknown, text),
        Value::from(model.tensor_bytes.map(|bytes| bytes.get())),
        Value::from(model.n_params),
    ]
}

fn describe(devices: &[Device], is_wanted: impl Fn(DeviceKind) -> bool) -> String {
    let wanted = devices.iter().filter(|device| is_wanted(device.kind));
    wanted.map(|device| device.description.as_str()).collect::<Vec<_>>().join(", ")
}

/// The engine's settings: from `n_batch` to `fit_min_ctx`.
fn settings(params: &EngineParams) -> [Value; 25] {
    [
        Value::from(params.n_batch),
        Value::from(params.n_ubatch),
        Value::from(params.n_threads),
        text(&params.cpu_mask),
        Value::Bool(params.cpu_strict),
        Value::from(params.poll),
        text(params.type_k.as_str()),
        text(params.type_v.as_str()),
        Value::Int(params.n_gpu_layers.into()),
        Value::from(params.n_cpu_moe),
        text(params.split_mode.as_str()),
        Value::from(params.main_gpu),
        Value::Bool(params.no_kv_offload),
        Value::Int(params.flash_attn.as_i32().into()),
        text(devices(params)),
        text(tensor_split(&params.tensor_split)),
        text(tensor_overrides(params)),
        text(params.load_mode.as_str()),
        text(params.lazy_mode.as_str()),
        Value::Bool(params.embeddings),
        Value::Int(params.no_op_offload.into()),
        Value::Bool(params.no_host),
        Value::Bool(params.repack),
        Value::Int(params.fit_target.into()),
        Value::from(params.fit_min_ctx),
    ]
}

fn figure_values(figures: Option<&Figures>) -> [Value; 4] {
    match figures {
        Some(figures) => [
            Value::Int(figures.avg_ns.into()),
            Value::Int(figures.stddev_ns.into()),
            Value::Float(figures.avg_ts),
            Value::Float(figures.stddev_ts),
        ],
        None => [Value::Unknown, Value::Unknown, Value::Unknown, Value::Unknown],
    }
}

fn devices(params: &EngineParams) -> String {
    if params.devices.is_empty() { "auto".to_owned() } else { params.devices.join("/") }
}

/// Shares up to the last one above 0, two decimals each; one `0.00` for none.
fn tensor_split(shares: &[f32]) -> String {
    let used = shares.iter().rposition(|share| *share > 0.0).map_or(0, |last| last + 1);
    if used == 0 {
        return "0.00".to_owned();
    }
    let shares: Vec<_> = shares[..used].iter().map(|share| format!("{share:.2}")).collect();
    shares.join("/")
}

fn tensor_overrides(params: &EngineParams) -> String {
    if params.tensor_buft_overrides.is_empty() {
        return "none".to_owned();
    }
    let overrides = params.tensor_buft_overrides.iter();
    let pairs: Vec<_> =
        overrides.map(|placed| format!("{}={}", placed.pattern, placed.buffer_type)).collect();
    pairs.join(";")
}
