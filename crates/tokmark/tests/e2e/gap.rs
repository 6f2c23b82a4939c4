//! `tokmark gap` whole: against a real llama.cpp server, and where there is none.

use crate::support::{Home, real_model, servers};

#[test]
fn a_server_that_does_not_answer_is_said_before_the_gap_is_measured() {
    let home = Home::new();
    let model = real_model().to_string_lossy().into_owned();
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let ran = home.run(&["gap", &model, "--url", &format!("http://{free}")]);
    assert_eq!(ran.code, Some(2), "{ran:?}");
    assert!(ran.stderr.contains("is the server running?"), "{ran:?}");
    assert_eq!(home.n_kept(), 0);
}

#[test]
fn the_gap_to_a_real_server_has_its_parts() {
    let home = Home::new();
    let model = real_model().to_string_lossy().into_owned();
    let args = [
        "gap",
        &model,
        "--budget",
        "4s",
        "--prompt-tokens",
        "32",
        "--max-tokens",
        "8",
        "-o",
        "json",
    ];
    let mut command = home.command(&args);
    let output = command.env("PYTHONPATH", servers().join("xllamacpp")).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let document: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let gap = &document["gap"];
    assert_eq!(gap["beside"].as_array().unwrap().len(), 3, "{gap}");
    for part in ["first_token", "each_token", "beside"] {
        for line in gap[part].as_array().unwrap() {
            assert!(line["span"]["ms"].is_number(), "{line}");
        }
    }
    // The parts add up to what the client saw.
    let sum: f64 = gap["each_token"]
        .as_array()
        .unwrap()
        .iter()
        .map(|l| l["span"]["ms"].as_f64().unwrap())
        .sum();
    let whole = gap["embedded_token"]["ms"].as_f64().unwrap() + sum;
    assert!((whole - gap["server_tpot"]["ms"].as_f64().unwrap()).abs() < 1e-6, "{gap}");
}
