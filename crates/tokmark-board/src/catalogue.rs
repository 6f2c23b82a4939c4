//! What stands beside the runs: families, machines, and what is planned.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Where a statement comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Source {
    /// Its name.
    #[schemars(length(min = 1, max = 200))]
    pub name: String,
    /// Its address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 500), regex(pattern = "^https?://[^\\s@]+$"))]
    pub url: Option<String>,
}

/// A model family.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Family {
    /// Its name, as it follows from the names of its models: `Gemma-4`.
    #[schemars(length(min = 1, max = 120))]
    pub family: String,
    /// Other names that sources give it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub also: Vec<String>,
    /// Month of its release.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = "^[0-9]{4}-(0[1-9]|1[0-2])$"))]
    pub released: Option<String>,
    /// Who says so, where it is not the source of the whole file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<Source>,
    /// Runs that the source counts, one for each workload; it may show fewer lines.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub n_source_runs: Option<u32>,
    /// Remark.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 500))]
    pub note: Option<String>,
}

/// `families.yaml`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct FamiliesFile {
    /// Version of this form.
    #[schemars(range(min = 1, max = 1))]
    pub(crate) tokmark_families: u32,
    /// Who says when they were released.
    pub(crate) source: Source,
    /// The families.
    pub(crate) families: Vec<Family>,
}

/// Model families with release month and source.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Families {
    list: Vec<Family>,
}

impl Families {
    /// Families by hand, for those who have no file.
    pub fn new(list: Vec<Family>) -> Self {
        Families { list }
    }

    pub(crate) fn from_file(file: FamiliesFile) -> Self {
        let FamiliesFile { source, families, .. } = file;
        let named = |mut family: Family| {
            family.source.get_or_insert_with(|| source.clone());
            family
        };
        Families { list: families.into_iter().map(named).collect() }
    }

    /// The family of this name, or that is also called so; upper and lower case are the same.
    pub fn find(&self, name: &str) -> Option<&Family> {
        let is = |own: &String| own.to_lowercase() == name.to_lowercase();
        self.list.iter().find(|family| is(&family.family) || family.also.iter().any(is))
    }

    /// All of them, in the order of the file.
    pub fn all(&self) -> &[Family] {
        &self.list
    }
}

/// A part of a machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Part {
    /// What it is: `GPU`, `CPU`, `memory`.
    #[schemars(length(min = 1, max = 60))]
    pub part: String,
    /// Which one.
    #[schemars(length(min = 1, max = 300))]
    pub what: String,
}

/// A limit set on a GPU's board power.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PowerCap {
    /// The cap of each GPU, in watts.
    pub cap_w: f64,
    /// What it would be without, in watts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stock_w: Option<f64>,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 300))]
    pub why: Option<String>,
}

/// How the GPUs reach the engine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ThroughWhat {
    /// `LXC on Proxmox`.
    #[schemars(length(min = 1, max = 200))]
    pub how: String,
    /// Which device went to which engine.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub devices: Vec<String>,
}

/// A machine, as its page shows it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct HardwareFile {
    /// Version of this form.
    #[schemars(range(min = 1, max = 1))]
    pub(crate) tokmark_hardware: u32,
    /// Its name as a heading.
    #[schemars(length(min = 1, max = 120))]
    name: String,
    /// What runs call it: the `hardware` of compact runs, the devices of measured ones.
    names: Vec<String>,
    /// One or two sentences.
    #[schemars(length(min = 1, max = 1000))]
    summary: String,
    /// GPUs that a run uses unless it says otherwise.
    #[serde(default)]
    #[schemars(range(min = 0, max = 1024))]
    n_gpus_used: Option<u32>,
    /// Its parts.
    #[serde(default)]
    parts: Vec<Part>,
    /// Cap on the board power.
    #[serde(default)]
    power_cap: Option<PowerCap>,
    /// How the GPUs reach the engine.
    #[serde(default)]
    passthrough: Option<ThroughWhat>,
    /// Remarks.
    #[serde(default)]
    notes: Vec<String>,
    /// What is known against its figures.
    #[serde(default)]
    #[schemars(length(min = 1, max = 300))]
    disputed: Option<String>,
    /// Where this comes from.
    source: Source,
}

/// A machine, as its page shows it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Hardware {
    /// Name of its file without `.yaml`, for addresses.
    pub slug: String,
    /// Its name as a heading.
    pub name: String,
    /// What runs call it, in the words of [`tokmark_model::BoardRow::hardware`].
    pub names: Vec<String>,
    /// One or two sentences.
    pub summary: String,
    /// GPUs that a run uses unless it says otherwise.
    pub n_gpus_used: Option<u32>,
    /// Its parts.
    pub parts: Vec<Part>,
    /// Cap on the board power.
    pub power_cap: Option<PowerCap>,
    /// How the GPUs reach the engine.
    pub passthrough: Option<ThroughWhat>,
    /// Remarks.
    pub notes: Vec<String>,
    /// What is known against its figures.
    pub disputed: Option<String>,
    /// Where this comes from.
    pub source: Source,
}

impl Hardware {
    pub(crate) fn from_file(slug: &str, file: HardwareFile) -> Self {
        Hardware {
            slug: slug.to_owned(),
            name: file.name,
            names: file.names,
            summary: file.summary,
            n_gpus_used: file.n_gpus_used,
            parts: file.parts,
            power_cap: file.power_cap,
            passthrough: file.passthrough,
            notes: file.notes,
            disputed: file.disputed,
            source: file.source,
        }
    }
}

/// How far something planned is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PlannedState {
    /// It waits for its turn.
    Queued,
    /// Something stands in its way.
    Blocked,
}

/// Something that is to be measured.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Planned {
    /// What.
    #[schemars(length(min = 1, max = 200))]
    pub title: String,
    /// How far it is.
    pub state: PlannedState,
    /// Why it is wanted, or what stands in its way.
    #[schemars(length(min = 1, max = 1000))]
    pub why: String,
    /// The machines, by the names of their files in `hardware/`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rigs: Vec<String>,
}

/// `planned.yaml`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PlannedFile {
    /// Version of this form.
    #[schemars(range(min = 1, max = 1))]
    pub(crate) tokmark_planned: u32,
    /// Who plans it.
    pub(crate) source: Source,
    /// What, in order.
    pub(crate) planned: Vec<Planned>,
}
