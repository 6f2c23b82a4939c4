//! Where fields that differ are collected.

use std::collections::BTreeMap;

use tokmark_model::Record;

use super::shown::Shown;
use super::{Difference, Group, Level, Weight, record};

/// Values by field.
pub(super) type Fields = BTreeMap<String, String>;

/// Fields that differ, and fields that both records leave unknown though a level needs them.
#[derive(Debug, Default)]
pub(super) struct Findings {
    differing: Vec<Difference>,
    unknown: Vec<Difference>,
    /// Fields and values of the first record by the level that needs them, where they are asked
    /// for.
    needed: Option<BTreeMap<Level, Fields>>,
}

impl Findings {
    pub(super) fn between(a: &Record, b: &Record) -> Self {
        let mut findings = Findings::default();
        record::compare(&mut findings, a, b);
        findings.differing.sort_by_key(|found| (found.weight, found.group));
        findings
    }

    /// The fields of a record that each level itself needs equal, by name, with values that are
    /// equal where the level takes them as equal. Unknown ones are left out; a level for which
    /// one of them must be known is left out as a whole where `whole` is asked for.
    pub(super) fn needed(record: &Record, whole: bool) -> BTreeMap<Level, Fields> {
        let mut findings = Findings { needed: Some(BTreeMap::new()), ..Findings::default() };
        record::compare(&mut findings, record, record);
        let mut needed = findings.needed.take().unwrap_or_default();
        needed.retain(|level, _| !whole || findings.against(*level).is_empty());
        needed
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
        if let (Some(needed), Some(level)) = (&mut self.findings.needed, self.needed_for) {
            let fields = needed.entry(level).or_default();
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
