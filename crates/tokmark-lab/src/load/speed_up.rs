//! What speculative decoding brings.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use tokmark_model::{Nanos, Record, RequestSample, Serving, SpeedUp, Workload};
use tokmark_stats::{CompareOptions, compare, request_figures};

use super::requests::large_log;

/// A point against each of the same run that was measured with speculation where it was without,
/// or the other way round. Recipes of one run get the same prompts, so their requests make pairs.
/// Requests that are too many for their record are read from the folder `large_logs`.
///
/// # Errors
/// When they can't be read there.
pub fn speed_ups(
    record: &Record,
    others: &[Record],
    large_logs: &Path,
) -> io::Result<Vec<SpeedUp>> {
    let drafts = |record: &Record| {
        record.speculation.as_ref().is_some_and(|speculation| speculation.n_drafted > 0)
    };
    let against = |other| match (drafts(record), drafts(other)) {
        (true, false) => pair(record, other, large_logs),
        (false, true) => pair(other, record, large_logs),
        _ => Ok(None),
    };
    others.iter().filter_map(|other| against(other).transpose()).collect()
}

fn pair(with: &Record, without: &Record, large_logs: &Path) -> io::Result<Option<SpeedUp>> {
    let (Some(of_with), Some(of_without)) = (served(with), served(without)) else {
        return Ok(None);
    };
    if !is_same_work(of_with.0, of_without.0) || !is_same_model(of_with.0, of_without.0) {
        return Ok(None);
    }
    let base = token_times(of_without.0, large_logs)?;
    let times: Vec<(Nanos, Nanos)> = token_times(of_with.0, large_logs)?
        .into_iter()
        .filter_map(|(prompt, time)| Some((*base.get(&prompt)?, time)))
        .collect();
    Ok(compare(&times, &CompareOptions::default()).map(|comparison| SpeedUp {
        label: with.label(),
        with: of_with.1.to_owned(),
        without: of_without.1.to_owned(),
        comparison,
    }))
}

/// A point of a recipe, and the recipe's name.
fn served(record: &Record) -> Option<(&Serving, &str)> {
    let serving = record.serving.as_deref()?;
    Some((serving, serving.recipe.as_deref()?))
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
fn token_times(serving: &Serving, large_logs: &Path) -> io::Result<BTreeMap<(u32, u32), Nanos>> {
    let mut times = BTreeMap::new();
    let mut add = |request: &RequestSample| {
        let tpot = request_figures(request, serving.workload.stream).and_then(|of| of.tpot_ns);
        let time = tpot.map(|tpot| Nanos(tpot.round() as u64));
        times.extend(time.map(|time| ((request.session, request.turn), time)));
    };
    serving.requests.iter().for_each(&mut add);
    if let Some(log) = large_log(serving, large_logs) {
        log?.visit(&mut |request, _| add(&request))?;
    }
    Ok(times)
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
        let folder = std::env::temp_dir();
        let found = speed_ups(one, std::slice::from_ref(other), &folder).unwrap();
        assert_eq!(found, speed_ups(other, std::slice::from_ref(one), &folder).unwrap());
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
    fn requests_that_lie_in_a_file_make_the_same_pairs() {
        let folder = tempfile::tempdir().unwrap();
        let inline = both_ways(&point("plain", 20, 0), &point("drafting", 10, 7));
        let mut moved = point("drafting", 10, 7);
        let serving = moved.serving.as_mut().unwrap();
        let mut log = tokmark_http::RequestLog::new().unwrap();
        for request in serving.requests.drain(..) {
            log.push(&request, &[], None).unwrap();
        }
        log.finish().unwrap().save(&folder.path().join("a.requests")).unwrap();
        // The folder is the store's, whatever the record says.
        let file = Some("../elsewhere/a.requests".to_owned());
        serving.events = Some(tokmark_model::EventLog { file, ..Default::default() });
        let others = [point("plain", 20, 0)];
        assert_eq!(speed_ups(&moved, &others, folder.path()).unwrap(), inline);
        assert!(speed_ups(&moved, &others, &folder.path().join("none")).is_err());
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
