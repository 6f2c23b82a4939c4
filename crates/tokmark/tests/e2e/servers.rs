//! Several servers on one PostgreSQL.

use std::path::PathBuf;

use tokmark_model::{Record, RecordId};

use crate::postgres::Database;
use crate::serve::Served;
use crate::support::{Home, wait_for};

/// More than a few batches of an upload.
const N_RECORDS: usize = 1500;

fn served(home: &Home, database: &Database) -> Served {
    Served::start(home, &["--no-agent", "--db", database.url().as_str()])
}

fn count(server: &Served) -> usize {
    let (status, text) = server.get("/api/export?format=jsonl");
    assert_eq!(status, 200, "{text}");
    text.lines().count()
}

#[test]
fn when_one_of_two_servers_is_killed_in_mid_upload_the_other_gets_the_rest() {
    let home = Home::new();
    assert_eq!(home.bench("fake", &["-p", "0", "-n", "8", "-r", "3"]).code, Some(0));
    let [one]: [Record; 1] = home.records().try_into().unwrap();
    let others: Vec<Record> =
        (1..N_RECORDS).map(|_| Record { id: RecordId::now_v7(), ..one.clone() }).collect();
    home.write("more.json", &serde_json::to_vec(&others).unwrap());
    assert_eq!(home.run(&["import", "more.json"]).code, Some(0));
    let was_cut = (0..10).any(|_| is_whole_after_a_kill(&home));
    assert!(was_cut, "ten uploads were over before the server was killed");
}

/// Uploads, kills, and uploads the rest to the other server. `false` where the kill came too
/// late to cut anything.
fn is_whole_after_a_kill(home: &Home) -> bool {
    let database = Database::create();
    let (first, second) = (served(home, &database), served(home, &database));
    let mut command = home.command(&["upload", "--server", &first.url]);
    let mut sending = command.env("TOKMARK_TOKEN", &first.token).spawn().unwrap();
    // What the first has taken, the second shows.
    wait_for(|| (count(&second) > 0).then_some(()));
    first.kill();
    if sending.wait().unwrap().code() == Some(0) {
        return false;
    }
    let there = count(&second);
    assert!((1..N_RECORDS).contains(&there), "{there} records");
    let token = [("TOKMARK_TOKEN", PathBuf::from(&second.token))];
    let ran = home.run_with(&["upload", "--server", &second.url], &token);
    assert_eq!(ran.code, Some(0), "{ran:?}");
    assert_eq!(count(&second), N_RECORDS);
    true
}
