//! A database of its own on the throw-away cluster that `TOKMARK_TEST_POSTGRES` names.

use std::process::Command;

/// The variable that names the cluster.
const CLUSTER: &str = "TOKMARK_TEST_POSTGRES";

/// A new database; it goes with this value.
pub struct Database {
    cluster: url::Url,
    name: String,
}

impl Database {
    /// Of another collation than bytes, as most are.
    pub fn create() -> Self {
        let cluster = std::env::var(CLUSTER).unwrap_or_else(|_| {
            panic!("{CLUSTER} names a PostgreSQL cluster; scripts/postgres.sh start makes one")
        });
        let cluster = url::Url::parse(&cluster).unwrap();
        let name = format!("tokmark_test_{}", tokmark_model::Uuid::now_v7().simple());
        let kind = "TEMPLATE template0 LOCALE_PROVIDER icu ICU_LOCALE 'en-US'";
        psql(&cluster, &format!("CREATE DATABASE {name} {kind}"));
        Database { cluster, name }
    }

    pub fn url(&self) -> url::Url {
        let mut url = self.cluster.clone();
        url.set_path(&self.name);
        url
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        psql(&self.cluster, &format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name));
    }
}

fn psql(url: &url::Url, sql: &str) {
    let output = Command::new("psql")
        .args(["--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", "--command", sql, "--dbname"])
        .arg(url.as_str())
        .output()
        .expect("psql, PostgreSQL's client, is installed");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}
