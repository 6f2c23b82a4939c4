//! Our counts of tokens against those of the real server that every run of the tests has.

use tokmark_model::CountSource;

use crate::hidden_counts::assert_equal_to_usage;
use crate::support::{Home, real_model, servers};

#[test]
fn tokens_that_we_count_are_as_many_as_the_server_says() {
    let dress = |command: &mut std::process::Command| {
        command.env("PYTHONPATH", servers().join("xllamacpp"));
    };
    let home = Home::new();
    assert_equal_to_usage(&home, "xllamacpp", &real_model(), dress, &[], CountSource::Server);
}
