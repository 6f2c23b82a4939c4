//! The leaderboard by time to first token.

use tokmark_model::*;
use tokmark_store::*;

use crate::place::{Place, on_both_databases};
use crate::sample::record;

on_both_databases!(
    rows_come_by_their_time_to_first_token,
    a_version_5_database_gets_the_times_of_its_records,
);

/// A load point on a machine of its own: number, and median of its times to first token.
fn point(n: u64, ttft_ms: Option<f64>) -> Record {
    let quantile =
        |value| Quantile { q: 0.5, value, interval: None, upper_bound: None, no_interval: None };
    let ttft_ms = ttft_ms.map(|median| Distribution {
        n: 9,
        quantiles: vec![quantile(median)],
        ..Distribution::default()
    });
    let workload = Workload::new("chat", Load::Concurrency { n: 1 });
    // The quicker answer is not the higher rate.
    let rate = SystemRate { per_s: n as f64, interval: None, no_interval: None };
    let summary = ServingSummary {
        ttft_ms,
        n_ok: 9,
        output_rate_tps: Some(rate),
        ..ServingSummary::default()
    };
    let serving = Serving {
        workload,
        server: ServerFacts::default(),
        requests: Vec::new(),
        events: None,
        cold: None,
        summary: Some(summary),
        found_rate: None,
        speed_ups: Vec::new(),
        client: ClientCheck::default(),
        timeline: Vec::new(),
        recipe: None,
    };
    let mut point = Record { serving: Some(Box::new(serving)), ..record(n) };
    point.machine.fingerprint = format!("m-{n}");
    point
}

/// Of four points the second is the quickest, the fourth the next; the third tells no time.
fn points() -> Vec<Record> {
    let times = [Some(40.0), Some(2.5), None, Some(7.0)];
    (1..).zip(times).map(|(n, ttft_ms)| point(n, ttft_ms)).collect()
}

async fn assert_by_ttft(store: &Store, records: &[Record]) {
    for (limit, order) in [(None, &[1, 3, 0][..]), (Some(2), &[1, 3]), (Some(1), &[1])] {
        let filter = BoardFilter { by_ttft: true, limit, ..BoardFilter::default() };
        let rows = store.board().rows(&filter).await.unwrap();
        let ids: Vec<RecordId> = rows.iter().map(|row| row.id).collect();
        let expected: Vec<RecordId> = order.iter().map(|n: &usize| records[*n].id).collect();
        assert_eq!(ids, expected, "{limit:?}");
        assert_eq!(store.board().count(&filter).await.unwrap(), 3);
    }
    let all = store.board().rows(&BoardFilter::default()).await.unwrap();
    assert_eq!(all.len(), 4);
}

async fn rows_come_by_their_time_to_first_token(place: &Place) {
    let store = place.open().await;
    let records = points();
    store.save_all(&records).await.unwrap();
    assert_by_ttft(&store, &records).await;
}

async fn a_version_5_database_gets_the_times_of_its_records(place: &Place) {
    let store = place.open().await;
    let records = points();
    store.save_all(&records).await.unwrap();
    store.close().await;
    // What version 6 added.
    place.execute("DROP INDEX tokmark_board_by_ttft").await;
    place.execute("ALTER TABLE tokmark_board DROP COLUMN ttft_p50_ms").await;
    place.execute("DELETE FROM tokmark_schema WHERE version > 5").await;
    let store = place.open().await;
    assert_by_ttft(&store, &records).await;
    let choices = store.board().choices().await.unwrap();
    assert_eq!(choices.shapes, [("chat".to_owned(), 4)]);
}
