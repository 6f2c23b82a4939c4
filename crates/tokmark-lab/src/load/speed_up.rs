//! What speculative decoding brings.

use std::collections::BTreeMap;

use tokmark_model::{Nanos, Record, Serving, SpeedUp, Workload};
use tokmark_stats::{CompareOptions, compare, request_figures};

/// A point against each of the same run that was measured with speculation where it was without,
/// or the other way round. Recipes of one run get the same prompts, so their requests make pairs.
pub fn speed_ups(record: &Record, others: &[Record]) -> Vec<SpeedUp> {
    let drafts = |record: &Record| {
        record.speculation.as_ref().is_some_and(|speculation| speculation.n_drafted > 0)
    };
    let against = |other| match (drafts(record), drafts(other)) {
        (true, false) => pair(record, other),
        (false, true) => pair(other, record),
        _ => None,
    };
    others.iter().filter_map(against).collect()
}

fn pair(with: &Record, without: &Record) -> Option<SpeedUp> {
    let (of_with, of_without) = (with.serving.as_ref()?, without.serving.as_ref()?);
    if !is_same_work(of_with, of_without) || !is_same_model(of_with, of_without) {
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

/// Whether the requests of both say the same, byte for byte, and arrive alike.
fn is_same_work(one: &Serving, other: &Serving) -> bool {
    let decides = |serving: &Serving| {
        let Workload { shape_sha256, arrival, seed, nonce, .. } = &serving.workload;
        let lengths = (serving.workload.n_prompt, serving.workload.n_output);
        (shape_sha256.clone(), arrival.clone(), *seed, *nonce, lengths)
    };
    decides(one) == decides(other)
}

/// Whether the same software answers with the same model. Another model is another speed with
/// and without a draft.
fn is_same_model(one: &Serving, other: &Serving) -> bool {
    let (one, other) = (&one.server, &other.server);
    !one.model.is_empty() && (&one.model, &one.dialect) == (&other.model, &other.dialect)
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

#[cfg(test)]
mod tests {
    use tokmark_model::{
        ClientCheck, CountSource, Load, RecordKind, RequestSample, ServerFacts, Speculation,
        Timestamp, TokenCount, Uuid,
    };

    use super::*;
    use crate::record::blank;

    /// A server's point of 10 prompts: each further token takes `tpot_ms` and some more with
    /// the prompt's number.
    fn point(recipe: &str, tpot_ms: u64, n_drafted: u64) -> Record {
        let request = |session: u32| {
            let span = 10 * (tpot_ms + u64::from(session % 3)) * 1_000_000;
            RequestSample {
                session,
                first_text_ns: Some(Nanos(0)),
                last_text_ns: Some(Nanos(span)),
                end_ns: Nanos(span),
                n_text_events: 11,
                output_tokens: Some(TokenCount { n: 11, source: CountSource::Usage }),
                ..RequestSample::default()
            }
        };
        let mut record = blank(Uuid::nil(), RecordKind::Measured, Timestamp::UNIX_EPOCH);
        record.speculation = Some(Speculation { n_drafted, ..Speculation::default() });
        record.serving = Some(Box::new(Serving {
            workload: Workload::new("chat", Load::Concurrency { n: 1 }),
            server: ServerFacts {
                dialect: "llama.cpp".to_owned(),
                model: "small.gguf".to_owned(),
                ..ServerFacts::default()
            },
            requests: (0..10).map(request).collect(),
            events: None,
            cold: None,
            summary: None,
            found_rate: None,
            speed_ups: Vec::new(),
            client: ClientCheck::default(),
            timeline: Vec::new(),
            recipe: Some(recipe.to_owned()),
        }));
        record
    }

    /// Whichever was measured last finds it.
    fn both_ways(one: &Record, other: &Record) -> Vec<SpeedUp> {
        let found = speed_ups(one, std::slice::from_ref(other));
        assert_eq!(found, speed_ups(other, std::slice::from_ref(one)));
        found
    }

    #[test]
    fn the_speed_up_is_that_of_the_same_prompts() {
        let found = both_ways(&point("plain", 20, 0), &point("drafting", 10, 7));
        let [SpeedUp { with, without, comparison, .. }] = &found[..] else { panic!("{found:?}") };
        assert_eq!((with.as_str(), without.as_str()), ("drafting", "plain"));
        assert_eq!(comparison.n_pairs, 10);
        // 20 / 10, 21 / 11 and 22 / 12, most of them the first.
        assert!((comparison.ratio - 21.0 / 11.0).abs() < 1e-9, "{comparison:?}");
        let interval = comparison.interval.unwrap();
        assert!(interval.low >= 22.0 / 12.0 - 1e-9 && interval.high <= 2.0 + 1e-9, "{interval:?}");
    }

    #[test]
    fn other_work_and_servers_that_all_draft_have_no_speed_up() {
        let mut other = point("plain", 20, 0);
        other.serving.as_mut().unwrap().workload.seed = 5;
        assert!(both_ways(&other, &point("drafting", 10, 7)).is_empty());
        assert!(both_ways(&point("a", 20, 3), &point("b", 10, 7)).is_empty());
    }

    #[test]
    fn speculation_gets_no_credit_for_another_model_server_or_prompt() {
        let changes: [fn(&mut Serving); 4] = [
            |plain| plain.server.model = "large.gguf".to_owned(),
            |plain| plain.server.model = String::new(),
            |plain| plain.server.dialect = "vllm".to_owned(),
            |plain| plain.workload.nonce = Some(9),
        ];
        for change in changes {
            let mut plain = point("plain", 20, 0);
            change(plain.serving.as_mut().unwrap());
            assert_eq!(both_ways(&plain, &point("drafting", 10, 7)), []);
        }
    }
}
