//! A database of its own on a PostgreSQL server, by its program `psql`.

use std::process::Command;

use anyhow::{Context, Result, ensure};

/// A new database; it goes with this value.
pub(super) struct Database {
    server: String,
    name: String,
    /// Its address.
    pub(super) url: String,
}

impl Database {
    /// Makes one, of another collation than bytes, as most have.
    ///
    /// # Errors
    /// When the server can't be reached or refuses.
    pub(super) fn create(server: &str) -> Result<Self> {
        let name = format!("tokmark_bench_{}", std::process::id());
        let url = with_database(server, &name)?;
        psql(server, &format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)"))?;
        let kind = "TEMPLATE template0 LOCALE_PROVIDER icu ICU_LOCALE 'en-US'";
        psql(server, &format!("CREATE DATABASE {name} {kind}"))?;
        Ok(Database { server: server.to_owned(), name, url })
    }

    /// Brings statistics and visibility map up to date, as the server itself does by and by.
    ///
    /// # Errors
    /// As [`Database::create`].
    pub(super) fn vacuum(&self) -> Result<()> {
        psql(&self.url, "VACUUM (ANALYZE)")
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        let sql = format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name);
        if let Err(error) = psql(&self.server, &sql) {
            eprintln!("the database {} is left over: {error:#}", self.name);
        }
    }
}

fn psql(url: &str, sql: &str) -> Result<()> {
    let output = Command::new("psql")
        .args(["--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", "--command", sql, "--dbname"])
        .arg(url)
        .output()
        .context("psql can't be run; install PostgreSQL's client")?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "psql failed: {}", said.trim());
    Ok(())
}

/// The address of another database of the same server.
fn with_database(server: &str, name: &str) -> Result<String> {
    let (place, parameters) = server.split_once('?').unwrap_or((server, ""));
    let (scheme, rest) = place.split_once("://").with_context(|| {
        format!("{place} is no address like postgres://USER@HOST:PORT/DATABASE")
    })?;
    let host = rest.split('/').next().unwrap_or_default();
    let parameters = match parameters {
        "" => String::new(),
        text => format!("?{text}"),
    };
    Ok(format!("{scheme}://{host}/{name}{parameters}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_database_of_an_address_changes() {
        for (server, expected) in [
            (
                "postgres://a:b@c:5432/postgres?application_name=/tmp/x",
                "postgres://a:b@c:5432/d?application_name=/tmp/x",
            ),
            ("postgresql://a@c", "postgresql://a@c/d"),
        ] {
            assert_eq!(with_database(server, "d").unwrap(), expected);
        }
        assert!(with_database("c:5432", "d").is_err());
    }
}
