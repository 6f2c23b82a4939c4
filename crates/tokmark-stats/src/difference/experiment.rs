//! Experiments, and visits that belong to one.

use tokmark_model::{Design, Experiment, Looks, Record, Test, Variant, Visit};

use super::findings::Findings;
use super::shown::{List, Or, Shown, list};
use super::{Group, Level};

pub(super) fn compare(findings: &mut Findings, a: &Record, b: &Record) {
    visited(findings, a.visit.as_ref(), b.visit.as_ref());
    let (Some(a), Some(b)) = (&a.experiment, &b.experiment) else { return };
    let Experiment {
        question,
        variants,
        design,
        // What was measured, and what is made of it.
        visits: _,
        n_disturbed: _,
        contests: _,
        resources: _,
        overall: _,
        statistics_version: _,
        arguments,
    } = a.as_ref();
    let mut needed = findings.of(Group::Measured, Level::WorkloadOnly);
    needed.decides("question", question.as_str(), b.question.as_str());
    let all = |variants: &[Variant]| List(variants.iter().cloned().map(Measured).collect());
    needed.decides("variants", &all(variants), &all(&b.variants));
    designed(findings, design, &b.design);
    let mut measured = findings.of(Group::Measured, None);
    let failed = |one: &Variant| Or(&one.failure, "none").shown().unwrap_or_default();
    measured.matters("failures", &list(variants, failed), &list(&b.variants, failed));
    let word = |argument: &String| argument.clone();
    measured.describes("arguments", &list(arguments, word), &list(&b.arguments, word));
}

/// A visit that was delayed on purpose did other work.
fn visited(findings: &mut Findings, a: Option<&Visit>, b: Option<&Visit>) {
    let parts = |visit: Option<&Visit>| {
        let Visit { variant, position: _, planted, delayed } = visit?;
        Some((*variant, *planted, *delayed))
    };
    let (a, b) = (parts(a), parts(b));
    let delayed = |visit: Option<(u32, bool, bool)>| visit.is_some_and(|(.., delayed)| delayed);
    let mut needed = findings.of(Group::Measured, Level::WorkloadOnly);
    needed.decides("delayed on purpose", &delayed(a), &delayed(b));
    let mut measured = findings.of(Group::Measured, None);
    let planted = |visit: Option<(u32, bool, bool)>| visit.is_some_and(|(_, planted, _)| planted);
    measured.describes("in a planted block", &planted(a), &planted(b));
    let variant = |visit: Option<(u32, bool, bool)>| visit.map(|(variant, ..)| variant);
    let none = "no experiment";
    measured.describes("variant", &Or(&variant(a), none), &Or(&variant(b), none));
}

/// What a variant is; why it failed is told apart.
struct Measured(Variant);

impl Shown for Measured {
    fn shown(&self) -> Option<String> {
        self.text(self.0.params.settings())
    }

    /// The settings leave out what the engine itself does not take.
    fn exact(&self) -> Option<String> {
        self.text(format!("{:?}", self.0.params))
    }
}

impl Measured {
    fn text(&self, settings: String) -> Option<String> {
        let Variant { name, given, model, params: _, process, endpoint, flags: _, failure: _ } =
            &self.0;
        let mut parts = vec![name.clone(), given.clone()];
        parts.extend(model.sha256.clone().or_else(|| model.name.shown()));
        parts.push(settings);
        parts.extend(endpoint.clone());
        parts.push(process.settings());
        parts.retain(|part| !part.is_empty());
        Some(parts.join(" "))
    }
}

fn designed(findings: &mut Findings, a: &Design, b: &Design) {
    let Design { tests, n_repetitions, n_rounds, seed, looks, same_within, planted_delay } = a;
    let mut needed = findings.of(Group::Measured, Level::WorkloadOnly);
    let test = |test: &Test| test.exact().unwrap_or_default();
    needed.decides("tests", &list(tests, test), &list(&b.tests, test));
    let mut measured = findings.of(Group::Measured, None);
    measured.matters("repetitions of a visit", n_repetitions, &b.n_repetitions);
    measured.matters("rounds", n_rounds, &b.n_rounds);
    measured.matters("seed of the order", seed, &b.seed);
    let looked = |looks: &Looks| match looks {
        Looks::Once => "once".to_owned(),
        Looks::Sequential { max_pairs } => format!("up to {max_pairs} pairs"),
    };
    measured.matters("looks", &looked(looks), &looked(&b.looks));
    measured.matters("same within", same_within, &b.same_within);
    let none = "none";
    measured.describes("planted delay", &Or(planted_delay, none), &Or(&b.planted_delay, none));
}
