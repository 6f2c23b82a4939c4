//! What speculative decoding brings.

use std::collections::BTreeMap;

use tokmark_model::{Nanos, Record};
use tokmark_stats::{CompareOptions, Comparison, compare, request_figures};

/// One server with speculative decoding against one without, on the same prompts.
#[derive(Debug, Clone, PartialEq)]
pub struct SpeedUp {
    /// The point, as tables name it.
    pub label: String,
    /// Recipe of the server that drafts.
    pub with: String,
    /// Recipe of the one that does not.
    pub without: String,
    /// Speed with over speed without: by the times per token of the same prompts.
    pub comparison: Comparison,
}

/// Every point that was measured on servers with and without speculation. Recipes of one run
/// get the same prompts, so their requests make pairs.
pub fn speed_ups(records: &[Record]) -> Vec<SpeedUp> {
    let drafts = |record: &&Record| {
        record.speculation.as_ref().is_some_and(|speculation| speculation.n_drafted > 0)
    };
    let mut found = Vec::new();
    for with in records.iter().filter(drafts) {
        for without in records.iter().filter(|record| !drafts(record)) {
            found.extend(pair(with, without));
        }
    }
    found
}

fn pair(with: &Record, without: &Record) -> Option<SpeedUp> {
    let (of_with, of_without) = (with.serving.as_ref()?, without.serving.as_ref()?);
    let same_work = of_with.workload.shape_sha256 == of_without.workload.shape_sha256
        && of_with.workload.arrival == of_without.workload.arrival
        && of_with.workload.seed == of_without.workload.seed;
    if !same_work {
        return None;
    }
    let base = token_times(without);
    let times: Vec<(Nanos, Nanos)> = token_times(with)
        .into_iter()
        .filter_map(|(prompt, time)| Some((*base.get(&prompt)?, time)))
        .collect();
    Some(SpeedUp {
        label: with.label(),
        with: of_with.recipe.clone()?,
        without: of_without.recipe.clone()?,
        comparison: compare(&times, &CompareOptions::default())?,
    })
}

/// Time per token by conversation and turn, which stand for the prompt.
fn token_times(record: &Record) -> BTreeMap<(u32, u32), Nanos> {
    let Some(serving) = &record.serving else { return BTreeMap::new() };
    let time = |request: &tokmark_model::RequestSample| {
        let tpot = request_figures(request, serving.workload.stream)?.tpot_ns?;
        Some(((request.session, request.turn), Nanos(tpot.round() as u64)))
    };
    serving.requests.iter().filter_map(time).collect()
}
