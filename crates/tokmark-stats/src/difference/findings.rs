//! Where fields that differ are collected.

use std::collections::BTreeMap;

use tokmark_model::Record;

use super::shown::Shown;
use super::{Difference, Group, Level, Weight, record};

/// Fields that differ, and fields that both records leave unknown though a level needs them.
#[derive(Debug, Default)]
pub(super) struct Findings {
    differing: Vec<Difference>,
    unknown: Vec<Difference>,
    /// Fields and values of the first record that a level needs, where they are asked for.
    needed: Option<(Level, BTreeMap<String, String>)>,
}

impl Findings {
    pub(super) fn between(a: &Record, b: &Record) -> Self {
        let mut findings = Findings::default();
        record::compare(&mut findings, a, b);
        findings.differing.sort_by_key(|found| (found.weight, found.group));
        findings
    }

    /// The fields of a record that `level` itself needs equal, by name, with values that are
    /// equal where the level takes them as equal. Unknown ones are left out.
    pub(super) fn needed(level: Level, record: &Record) -> BTreeMap<String, String> {
        let needed = Some((level, BTreeMap::new()));
        let mut findings = Findings { needed, ..Findings::default() };
        record::compare(&mut findings, record, record);
        findings.needed.map(|(_, fields)| fields).unwrap_or_default()
    }

    pub(super) fn differences(&self) -> Vec<Difference> {
        self.differing.clone()
    }

    /// What stands between the records and `level`, most telling first.
    pub(super) fn against(&self, level: Level) -> Vec<Difference> {
        let all = self.differing.iter().chain(&self.unknown);
        all.filter(|found| found.needed_for == Some(level)).cloned().collect()
    }

    /// The fields of a group that the level needs equal.
    pub(super) fn of(&mut self, group: Group, needed_for: impl Into<Option<Level>>) -> Scope<'_> {
        Scope { findings: self, group, needed_for: needed_for.into() }
    }
}

/// Fields of one group that belong to one level.
pub(super) struct Scope<'a> {
    findings: &'a mut Findings,
    group: Group,
    needed_for: Option<Level>,
}

impl Scope<'_> {
    pub(super) fn decides<T: Shown + ?Sized>(&mut self, field: &str, a: &T, b: &T) {
        self.compare(Weight::Decides, field, a, b);
    }

    pub(super) fn matters<T: Shown + ?Sized>(&mut self, field: &str, a: &T, b: &T) {
        self.compare(Weight::Matters, field, a, b);
    }

    pub(super) fn describes<T: Shown + ?Sized>(&mut self, field: &str, a: &T, b: &T) {
        self.compare(Weight::Describes, field, a, b);
    }

    /// A field without which the level can't be reached, also where both leave it unknown.
    pub(super) fn identifies<T: Shown + ?Sized>(&mut self, field: &str, a: &T, b: &T) {
        self.decides(field, a, b);
        if a.exact().is_none() && b.exact().is_none() {
            let unknown = self.difference(Weight::Decides, field, None, None);
            self.findings.unknown.push(unknown);
        }
    }

    /// Takes the values as different, whatever their texts.
    pub(super) fn differ(
        &mut self,
        weight: Weight,
        field: &str,
        a: Option<String>,
        b: Option<String>,
    ) {
        let found = self.difference(weight, field, a, b);
        self.findings.differing.push(found);
    }

    fn compare<T: Shown + ?Sized>(&mut self, weight: Weight, field: &str, a: &T, b: &T) {
        let (exact_a, exact_b) = (a.exact(), b.exact());
        if let Some((level, fields)) = &mut self.findings.needed
            && self.needed_for == Some(*level)
        {
            fields.extend(exact_a.clone().map(|value| (field.to_owned(), value)));
        }
        if exact_a == exact_b {
            return;
        }
        let (shown_a, shown_b) = (a.shown(), b.shown());
        if shown_a == shown_b {
            self.differ(weight, field, exact_a, exact_b);
        } else {
            self.differ(weight, field, shown_a, shown_b);
        }
    }

    fn difference(
        &self,
        weight: Weight,
        field: &str,
        a: Option<String>,
        b: Option<String>,
    ) -> Difference {
        let (group, needed_for) = (self.group, self.needed_for);
        Difference { group, field: field.to_owned(), a, b, weight, needed_for }
    }
}
