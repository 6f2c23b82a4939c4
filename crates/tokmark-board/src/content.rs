//! A folder of content, read whole and checked whole.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::LazyLock;

use serde::de::DeserializeOwned;
use tokmark_model::{BoardRow, Record, RecordId};

use crate::catalogue::{FamiliesFile, HardwareFile, PlannedFile, Source};
use crate::finding::shown;
use crate::folder::{Folder, Text, stem, unknown};
use crate::form::{Fault, Form, unseen};
use crate::node::{Node, Place};
use crate::{BoardError, Families, Finding, Hardware, Planned, run};

mod soundness;

/// A file of `runs/` with its records.
#[derive(Debug, Clone, PartialEq)]
pub struct RunFile {
    /// From the folder: `runs/gemma-4-e2b.yaml`.
    pub file: String,
    /// Its records: one, or one for each rate of a compact run.
    pub records: Vec<Record>,
    /// Name of the machine's file in `hardware/`, where the run names it.
    pub rig: Option<String>,
}

/// All that a folder of content holds.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Content {
    /// The runs, by name of file.
    pub runs: Vec<RunFile>,
    /// Model families.
    pub families: Families,
    /// Machines, by name of file.
    pub hardware: Vec<Hardware>,
    /// What is planned, in the order of the file.
    pub planned: Vec<Planned>,
    /// Who plans it.
    pub planned_by: Option<Source>,
}

const FAMILIES_FILE: &str = "families.yaml";
const PLANNED_FILE: &str = "planned.yaml";

static FAMILIES: LazyLock<Form> = LazyLock::new(Form::of::<FamiliesFile>);
static HARDWARE: LazyLock<Form> = LazyLock::new(Form::of::<HardwareFile>);
static PLANNED: LazyLock<Form> = LazyLock::new(Form::of::<PlannedFile>);

impl Content {
    /// Reads `folder`: `runs/*.yaml`, `families.yaml`, `hardware/*.yaml`, `planned.yaml`, each
    /// of which may be absent.
    ///
    /// # Errors
    /// Every finding of [`Content::check`], where there is one.
    pub fn read(folder: &Path) -> Result<Self, BoardError> {
        match Content::check(folder) {
            (content, findings) if findings.is_empty() => Ok(content),
            (_, findings) => Err(findings.into()),
        }
    }

    /// Reads what is good of `folder`, and says all that is not, by file and place. Files are
    /// named from the folder.
    ///
    /// Nothing outside of the folder is read, no file above [`crate::MAX_FILE_BYTES`], and no
    /// file is left out because of another's faults.
    pub fn check(folder: &Path) -> (Self, Vec<Finding>) {
        let mut reading = Reading::default();
        match Folder::open(folder) {
            Ok(folder) => reading.read(&folder),
            Err(finding) => reading.findings.push(finding),
        }
        reading.end()
    }

    /// The same of files that lie in memory, such as those in a program: name and text of each,
    /// named from the folder as `runs/a.yaml`. Files that are no YAML are passed over.
    pub fn check_texts<'a>(
        files: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> (Self, Vec<Finding>) {
        let mut files: Vec<_> =
            files.into_iter().filter(|(name, _)| name.ends_with(".yaml")).collect();
        files.sort_by_key(|(name, _)| (name.starts_with("runs/"), *name));
        let mut reading = Reading::default();
        for (name, text) in files {
            reading.file(Ok(Text { file: name.to_owned(), text: text.to_owned() }));
        }
        reading.end()
    }

    /// All records, by file.
    pub fn records(&self) -> impl Iterator<Item = &Record> {
        self.runs.iter().flat_map(|run| &run.records)
    }

    /// The rows of a leaderboard that the records give.
    pub fn rows(&self) -> Vec<BoardRow> {
        self.records().filter_map(tokmark_stats::board_row).collect()
    }

    /// The machine that a row's hardware names.
    pub fn hardware_of(&self, name: &str) -> Option<&Hardware> {
        self.hardware.iter().find(|hardware| hardware.names.iter().any(|own| own == name))
    }
}

#[derive(Default)]
struct Reading {
    content: Content,
    findings: Vec<Finding>,
    /// Where each record was first.
    seen: BTreeMap<RecordId, String>,
}

impl Reading {
    fn end(self) -> (Content, Vec<Finding>) {
        let Reading { content, mut findings, .. } = self;
        findings.sort();
        findings.dedup();
        (content, findings)
    }

    fn read(&mut self, folder: &Folder) {
        folder.text(FAMILIES_FILE).into_iter().for_each(|text| self.file(text));
        folder.texts("hardware").into_iter().for_each(|name| self.file(folder.named(name)));
        folder.text(PLANNED_FILE).into_iter().for_each(|text| self.file(text));
        folder.texts("runs").into_iter().for_each(|name| self.file(folder.named(name)));
    }

    /// One file, by its name. Runs come after the machines that they name.
    fn file(&mut self, text: Result<Text, Finding>) {
        let Some((text, node)) = self.node(text) else { return };
        match text.file.split_once('/') {
            None if text.file == FAMILIES_FILE => {
                if let Some(file) = self.typed(&FAMILIES, &text, &node) {
                    self.families(file, &text, &node);
                }
            }
            None if text.file == PLANNED_FILE => {
                if let Some(file) = self.typed(&PLANNED, &text, &node) {
                    self.planned(file, &text, &node);
                }
            }
            Some(("hardware", _)) => {
                if let Some(file) = self.typed::<HardwareFile>(&HARDWARE, &text, &node) {
                    self.content.hardware.push(Hardware::from_file(stem(&text.file), file));
                }
            }
            Some(("runs", _)) => self.run(&text, &node),
            _ => {
                let allowed = "families.yaml, planned.yaml, hardware/*.yaml and runs/*.yaml";
                let finding = Place::START.finding(&text.file, "it belongs nowhere", allowed);
                self.findings.push(finding);
            }
        }
    }

    fn node(&mut self, text: Result<Text, Finding>) -> Option<(Text, Node)> {
        let parsed = text.and_then(|text| {
            let node = Node::parse(&text.file, &text.text)?;
            Ok((text, node))
        });
        parsed.map_err(|finding| self.findings.push(finding)).ok()
    }

    fn typed<T: DeserializeOwned>(&mut self, form: &Form, text: &Text, node: &Node) -> Option<T> {
        let hidden = unseen(&text.file, node);
        let is_clean = hidden.is_empty();
        self.findings.extend(hidden);
        match form.read(&node.value()) {
            Ok(value) => is_clean.then_some(value),
            Err(faults) => {
                self.add(faults, text, node);
                None
            }
        }
    }

    fn add(&mut self, faults: Vec<Fault>, text: &Text, node: &Node) {
        self.findings.extend(faults.into_iter().map(|fault| fault.at(&text.file, node)));
    }

    fn families(&mut self, file: FamiliesFile, text: &Text, node: &Node) {
        let mut names = BTreeMap::new();
        for (n, family) in file.families.iter().enumerate() {
            for name in [&family.family].into_iter().chain(&family.also) {
                if names.insert(name.to_lowercase(), n).is_some_and(|other| other != n) {
                    let place = node.place_of(["families", &n.to_string()]);
                    let problem = format!("{} names two families", shown(name));
                    let allowed = "each name for one family";
                    self.findings.push(place.finding(&text.file, problem, allowed));
                }
            }
        }
        self.content.families = Families::from_file(file);
    }

    fn planned(&mut self, file: PlannedFile, text: &Text, node: &Node) {
        for (n, planned) in file.planned.iter().enumerate() {
            for (m, rig) in planned.rigs.iter().enumerate() {
                let place = node.place_of(["planned", &n.to_string(), "rigs", &m.to_string()]);
                self.check_rig(rig, place, &text.file);
            }
        }
        self.content.planned = file.planned;
        self.content.planned_by = Some(file.source);
    }

    fn check_rig(&mut self, rig: &str, place: Place, file: &str) {
        let slugs: Vec<&str> = self.content.hardware.iter().map(|one| one.slug.as_str()).collect();
        if !slugs.contains(&rig) {
            let known = match slugs.is_empty() {
                true => "nothing, for hardware/ holds no file".to_owned(),
                false => slugs.join(", "),
            };
            self.findings.push(unknown(place, file, "machine", rig, &known));
        }
    }

    fn run(&mut self, text: &Text, node: &Node) {
        let file = &text.file;
        let records = match run::read_node(file, node) {
            Ok(records) => records,
            Err(findings) => return self.findings.extend(findings),
        };
        let rig = node.child("rig").and_then(Node::text).map(str::to_owned);
        if let Some(rig) = &rig {
            self.check_rig(rig, node.place_of(["rig"]), file);
        }
        let mut sound = Vec::with_capacity(records.len());
        for record in records {
            let id = record.id;
            match soundness::sound(record) {
                Ok(record) => sound.push(record),
                Err(faults) => self.add(faults, text, node),
            }
            if let Some(other) = self.seen.insert(id, file.clone()) {
                let place = node.place_of(["record", "id"]);
                let problem = format!("the same run stands in {other} already");
                let allowed = "take one of the two files away";
                self.findings.push(place.finding(file, problem, allowed));
            }
        }
        self.content.runs.push(RunFile { file: file.clone(), records: sound, rig });
    }
}
