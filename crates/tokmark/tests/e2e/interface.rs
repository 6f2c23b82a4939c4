//! The server's interface, asked by schemathesis what its description allows and what it does not.

use std::process::Command;

use crate::postgres::Database;
use crate::serve::Served;
use crate::support::{Home, servers};

#[test]
fn nothing_that_the_description_allows_or_forbids_makes_the_server_fail() {
    let home = Home::new();
    let store = home.path("server.db").to_string_lossy().into_owned();
    asked_everything(&home, &store);
}

#[test]
fn nor_a_server_on_postgresql() {
    let database = Database::create();
    asked_everything(&Home::new(), database.url().as_str());
}

fn asked_everything(home: &Home, store: &str) {
    home.write("records.json", include_bytes!("../browser/records.json"));
    let imported = home.run(&["import", "records.json", "--db", store]);
    assert_eq!(imported.code, Some(0), "{imported:?}");
    let served = Served::start(home, &["--no-agent", "--db", store]);
    let ran = Command::new("python3")
        .args(["-c", "from schemathesis.cli import schemathesis; schemathesis()", "run"])
        .arg(format!("{}/api/openapi.json", served.url))
        .args(["--header", &format!("Authorization: Bearer {}", served.token)])
        .args(["--checks", "not_a_server_error", "--phases", "coverage,fuzzing"])
        .args(["--max-examples", "5", "--seed", "1", "--generation-database", "none"])
        // A stream of events does not end.
        .args(["--exclude-path-regex", "/events$"])
        .env("PYTHONPATH", servers().join("schemathesis"))
        .current_dir(home.path(""))
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&ran.stdout);
    assert!(ran.status.success(), "{said}{}", String::from_utf8_lossy(&ran.stderr));
    assert!(said.contains(" generated, "), "{said}");
    let (status, _) = served.get("/healthz");
    assert_eq!(status, 200);
}
