use tokmark_model::{Nanos, RequestSample, ServerFacts, ServingSummary, Uuid};
use tokmark_run::{Due, Extent, Schedule};
use tokmark_stats::serving_levels;

use super::*;
use crate::load::skipped_point;

const MS: u64 = 1_000_000;

fn level(kind: LatencyKind, limit_ms: u64) -> ServiceLevel {
    ServiceLevel { kind, limit_ns: Nanos(limit_ms * MS) }
}

/// The record of a point with two levels, and what its requests said to them.
fn point(workload: &Workload, kept: &[(&str, KeptShare)]) -> Record {
    let levels = vec![level(LatencyKind::Ttft, 50), level(LatencyKind::Tpot, 50)];
    let workload = Workload { service_levels: levels, ..workload.clone() };
    let mut record = skipped_point(Uuid::nil(), &workload, &ServerFacts::default(), "");
    let levels = kept.iter().map(|(kind, kept)| ((*kind).to_owned(), *kept)).collect();
    let summary = ServingSummary { n_ok: 9, levels, ..ServingSummary::default() };
    record.serving.as_mut().unwrap().summary = Some(summary);
    record
}

fn kept(share: f64, share_low: f64, share_high: f64) -> KeptShare {
    KeptShare { n_kept: 0, n_judged: 0, share, share_low, share_high }
}

const SURELY: KeptShare =
    KeptShare { n_kept: 500, n_judged: 500, share: 1.0, share_low: 0.991, share_high: 1.0 };

#[test]
fn a_point_that_was_cut_is_asked_again() {
    let mut search = ramp(Some(4.0), Arrivals::Constant);
    let asked = Workload::new("chat", Load::Concurrency { n: 1 });
    let before = search.next(&asked).unwrap();
    for kept in [SURELY, kept(0.5, 0.3, 0.7)] {
        let mut cut = point(&before, &[("ttft", kept), ("tpot", kept)]);
        cut.status = Status::Interrupted;
        assert!(search.report(&cut).is_empty());
        assert_eq!(search.next(&asked).unwrap().arrival, before.arrival);
    }
    assert_eq!(search.found().n_points, 0);
}

#[test]
fn levels_that_a_request_breaks_alone_end_the_search() {
    let asked = Workload::new("chat", Load::Concurrency { n: 1 });
    let after = |kept: KeptShare, max_in_flight: u64| {
        let mut search = ramp(Some(4.0), Arrivals::Constant);
        let workload = search.next(&asked).unwrap();
        let mut record = point(&workload, &[("ttft", kept), ("tpot", SURELY)]);
        let summary = record.serving.as_mut().unwrap().summary.as_mut().unwrap();
        summary.max_in_flight = max_in_flight;
        search.report(&record);
        (search.next(&asked).is_none(), search.found().is_over)
    };
    assert_eq!(after(kept(0.0, 0.0, 0.6), 1), (true, true));
    assert_eq!(after(kept(0.0, 0.0, 0.6), 2), (false, false));
    assert_eq!(after(kept(0.9, 0.5, 0.995), 1), (false, false));
    assert_eq!(after(SURELY, 1), (false, false));
}

#[test]
fn a_level_that_nothing_can_be_held_to_ends_the_search() {
    let mut search = ramp(Some(4.0), Arrivals::Constant);
    let asked = Workload::new("chat", Load::Concurrency { n: 1 });
    let workload = search.next(&asked).unwrap();
    let both = point(&workload, &[("ttft", SURELY), ("tpot", SURELY)]);
    assert!(search.report(&both).is_empty());
    assert_eq!(search.found().highest_met_per_s, Some(4.0));
    let workload = search.next(&asked).unwrap();
    assert_eq!(search.report(&point(&workload, &[("ttft", SURELY)])), [LatencyKind::Tpot]);
    assert!(search.next(&asked).is_none());
    let found = search.found();
    assert_eq!((found.highest_met_per_s, found.is_over), (Some(4.0), false));
}

#[test]
fn a_rate_is_judged_by_its_intervals_and_else_by_its_shares() {
    let levels = [level(LatencyKind::Ttft, 50), level(LatencyKind::Tpot, 50)];
    let verdict = |ttft: KeptShare, tpot: KeptShare| {
        let kept = [("ttft".to_owned(), ttft), ("tpot".to_owned(), tpot)].into();
        let found = Verdict::of(&levels, &kept).unwrap();
        (found.is_met, found.is_sure)
    };
    let weakest = |ttft: KeptShare, tpot: KeptShare| {
        let kept = [("ttft".to_owned(), ttft), ("tpot".to_owned(), tpot)].into();
        Verdict::of(&levels, &kept).unwrap().weakest
    };
    assert_eq!(verdict(SURELY, SURELY), (true, true));
    assert_eq!(verdict(SURELY, kept(0.9, 0.8, 0.95)), (false, true));
    assert_eq!(verdict(SURELY, kept(1.0, 0.9, 1.0)), (true, false));
    assert_eq!(verdict(kept(0.98, 0.9, 0.995), SURELY), (false, false));
    // The one that is known decides.
    let (unknown, failed) = (kept(0.8, 0.6, 0.995), kept(0.9, 0.8, 0.95));
    assert_eq!((verdict(unknown, failed), weakest(unknown, failed)), ((false, true), failed));
}

/// Four slots, each request 240 ms in one, its first token 50 ms after it got it.
fn queue(due: impl Iterator<Item = Nanos>) -> Vec<RequestSample> {
    let mut free = [0u64; 4];
    let answer = |due: Nanos| {
        free.sort_unstable();
        let start = due.0.max(free[0]);
        free[0] = start + 240 * MS;
        let text = |after: u64| Some(Nanos(start + after * MS));
        RequestSample {
            due_ns: due,
            sent_ns: due,
            first_text_ns: text(50),
            last_text_ns: text(240),
            end_ns: Nanos(start + 240 * MS),
            n_text_events: 20,
            ..RequestSample::default()
        }
    };
    due.map(answer).collect()
}

fn due(workload: &Workload, duration_s: u64) -> impl Iterator<Item = Nanos> {
    let duration = Some(std::time::Duration::from_secs(duration_s));
    let extent = Extent { n_requests: None, duration };
    let schedule = Schedule::new(&workload.arrival, workload.seed, extent).unwrap();
    schedule.filter_map(|due| match due {
        Due::At(time) => Some(time),
        Due::WhenFree => None,
    })
}

/// Share of the requests that wait too long for a slot, in a run of three hours.
fn broken_share(per_s: f64) -> f64 {
    let arrival = Load::Rate { per_s, arrivals: Arrivals::Poisson };
    let all = queue(due(&Workload { seed: 1, ..Workload::new("chat", arrival) }, 10_800));
    let slow =
        |request: &&RequestSample| request.first_text_ns.unwrap().0 - request.due_ns.0 > 200 * MS;
    all.iter().filter(slow).count() as f64 / all.len() as f64
}

/// What a search finds there with so much time a point.
fn searched(seed: u64, budget_s: u64) -> FoundRate {
    let mut search = ramp(Some(8.0), Arrivals::Poisson);
    let levels = vec![level(LatencyKind::Ttft, 200)];
    let asked = Workload::new("chat", Load::Concurrency { n: 1 });
    let asked = Workload { seed, service_levels: levels, ..asked };
    while let Some(workload) = search.next(&asked) {
        let all = queue(due(&workload, budget_s));
        let mut n = 10;
        let kept = loop {
            n = (n + n / 16 + 1).min(all.len());
            let kept = serving_levels(&workload, &&all[..n]);
            let verdict = Verdict::of(&asked.service_levels, &kept);
            if n == all.len() || verdict.is_ok_and(|verdict| verdict.is_sure) {
                break kept;
            }
        };
        let mut record = skipped_point(Uuid::nil(), &workload, &ServerFacts::default(), "");
        let summary =
            ServingSummary { n_ok: 9, max_in_flight: 4, levels: kept, ..Default::default() };
        record.serving.as_mut().unwrap().summary = Some(summary);
        assert!(search.report(&record).is_empty());
    }
    search.found()
}

/// At 7.5 requests/s one in a hundred waits too long, at 13.5 one in four.
#[test]
fn a_search_finds_the_rate_of_a_queue_whose_truth_is_known() {
    assert!((broken_share(7.5) - 0.01).abs() < 0.003, "{}", broken_share(7.5));
    for seed in 1..=10 {
        let found = searched(seed, 300);
        let (met, failed) = (found.highest_met_per_s.unwrap(), found.lowest_failed_per_s.unwrap());
        assert!(broken_share(met) < 0.02 && broken_share(failed) > 0.005, "{seed}: {found:?}");
        assert!((6.0..=8.5).contains(&met) && failed < met * 1.06, "{seed}: {found:?}");
    }
}

/// In a tenth of that time the shares decide, and no interval claims to.
#[test]
fn a_short_search_is_not_sure() {
    for seed in 1..=10 {
        let found = searched(seed, 30);
        let met = found.met.unwrap();
        assert_eq!(is_level_met(&met), None, "{seed}: {found:?}");
        assert!(broken_share(found.highest_met_per_s.unwrap()) < 0.06, "{seed}: {found:?}");
    }
}
