//! The database goes and comes back while records are sent.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use crate::support::postgres::Database;
use crate::support::wire::Wire;
use crate::support::{Running, SUBMIT, sound};
use tokmark_server::ServerOptions;
use tokmark_store::StoreUrl;

/// Status of a request, and what it says of asking again.
fn asked(url: &str, body: Option<&[u8]>) -> (u16, Option<String>) {
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .http_status_as_error(false)
        .timeout_global(Some(Duration::from_secs(60)))
        .build()
        .into();
    let answer = match body {
        Some(body) => agent
            .post(url)
            .header("authorization", format!("Bearer {SUBMIT}"))
            .header("content-type", "application/json")
            .send(body),
        None => agent.get(url).call(),
    };
    let answer = answer.unwrap();
    let after = answer.headers().get("retry-after");
    (answer.status().as_u16(), after.map(|value| value.to_str().unwrap().to_owned()))
}

#[test]
fn while_the_database_is_away_the_answer_is_503_and_nothing_is_lost() {
    let database = Database::create();
    let mut url = database.url();
    let server = SocketAddr::from((Ipv4Addr::LOCALHOST, url.port().unwrap()));
    let wire = Wire::to(server);
    url.set_port(Some(wire.address.port())).unwrap();
    let running = Running::at(StoreUrl::Postgres(url), ServerOptions::default());
    let send = |seed: u64| {
        let body = serde_json::to_vec(&sound(seed, 4)).unwrap();
        asked(&format!("{}/api/benchmarks", running.url), Some(&body))
    };
    for seed in 0..5 {
        assert_eq!(send(seed), (200, None));
    }
    let sending = std::sync::atomic::AtomicU64::new(5);
    let taken: Vec<u64> = std::thread::scope(|scope| {
        let senders: Vec<_> = (0..4)
            .map(|_| {
                scope.spawn(|| {
                    let mut taken = Vec::new();
                    while let seed @ ..200 =
                        sending.fetch_add(1, std::sync::atomic::Ordering::SeqCst)
                    {
                        match send(seed) {
                            (200, _) => taken.push(seed),
                            (status, after) => assert_eq!((status, after.is_some()), (503, true)),
                        }
                    }
                    taken
                })
            })
            .collect();
        while sending.load(std::sync::atomic::Ordering::SeqCst) < 60 {
            std::thread::sleep(Duration::from_millis(1));
        }
        wire.cut();
        senders.into_iter().flat_map(|sender| sender.join().unwrap()).collect()
    });
    assert!(taken.len() < 195, "the database was never away");
    for path in ["/api/benchmarks", "/leaderboard", "/benchmarks", "/healthz"] {
        let (status, after) = asked(&format!("{}{path}", running.url), None);
        assert_eq!((status, after.is_some()), (503, true), "{path}");
    }
    wire.mend();
    // What was taken is there, and what was refused is taken now; nothing is there twice.
    for seed in 0..200 {
        assert_eq!(send(seed).0, 200, "record {seed}");
    }
    let (_, count) = running.get("/api/export?format=jsonl");
    assert_eq!(count.lines().count(), 200);
    assert!(taken.iter().all(|seed| count.contains(&sound(*seed, 4).id.to_string())));
    drop(running);
}
