//! Whatever bytes come, the server lives on.

use std::io::Write;
use std::sync::LazyLock;

use proptest::prelude::*;
use tokmark_stub::{MODES, Options, Running, Stub, StubError};

use crate::client::{Client, ask_chat, chat, close_side, get, post, stub};

static STUB: LazyLock<Running> = LazyLock::new(|| stub(""));

/// Sends and reads until the server closes. A reset of the connection is an answer too.
fn poke(parts: &[&[u8]]) {
    let mut client = Client::connect(STUB.address());
    for part in parts {
        if client.socket.write_all(part).is_err() {
            return;
        }
    }
    close_side(&client);
    let _ = std::io::Read::read_to_end(&mut client.socket, &mut Vec::new());
}

fn is_alive() -> bool {
    get(&STUB, "/health").status == 200
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn no_bytes_end_the_server(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        poke(&[&bytes]);
        prop_assert!(is_alive());
    }

    #[test]
    fn no_changed_request_ends_the_server(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        cut in any::<prop::sample::Index>(),
    ) {
        let mut request = post("/v1/chat/completions", "x-stub: events=2\r\n", &chat(2).to_string());
        for (place, byte) in changes {
            let place = place.index(request.len());
            request[place] = byte;
        }
        let (first, second) = request.split_at(cut.index(request.len()));
        poke(&[first, second]);
        prop_assert!(is_alive());
    }

    #[test]
    fn no_mode_ends_the_server(
        chosen in prop::collection::vec((0..MODES.len(), 0u32..600), 0..5),
        is_streamed in any::<bool>(),
    ) {
        let words: Vec<String> = chosen
            .iter()
            .map(|(position, number)| (&MODES[*position], number))
            .filter(|(mode, _)| !mode.name.ends_with("-ms") && mode.name != "long-line")
            .map(|(mode, number)| match mode.default {
                Some("") => mode.name.to_owned(),
                _ => format!("{}={number}", mode.name),
            })
            .collect();
        let mut body = chat(7);
        body["stream"] = is_streamed.into();
        let headers = format!("connection: close\r\nx-stub: {}\r\n", words.join(","));
        poke(&[&post("/v1/chat/completions", &headers, &body.to_string())]);
        prop_assert!(is_alive());
    }
}

#[test]
fn a_body_that_never_ends_is_refused() {
    let stub = stub("");
    let mut client = Client::connect(stub.address());
    let head = b"POST /v1/completions HTTP/1.1\r\ncontent-length: 99999999\r\n\r\n";
    assert_eq!(client.request(head).status, 413);
}

#[test]
fn a_client_that_does_not_read_blocks_nobody() {
    let stub = stub("");
    let mut lazy = Client::connect(stub.address());
    let headers = "x-stub: long-line=20000000\r\n";
    lazy.send(&post("/v1/chat/completions", headers, &chat(9).to_string()));
    for _ in 0..20 {
        assert_eq!(ask_chat(&stub, "", 5).deltas("content").len(), 5);
    }
    let texts = lazy.response().deltas("content");
    assert_eq!(texts.iter().map(String::len).max(), Some(20_000_000));
}

#[test]
fn a_port_that_is_taken_is_an_error_that_names_it() {
    let stub = stub("");
    let error = Stub::start(Options { listen: stub.address(), ..Options::default() }).unwrap_err();
    assert!(matches!(error, StubError::Listen { .. }));
    assert!(error.to_string().contains(&stub.address().to_string()), "{error}");
}

#[test]
fn a_stopped_server_frees_its_port_and_closes_its_connections() {
    let stub = stub("slow");
    let address = stub.address();
    let mut client = Client::connect(address);
    client.send(&post("/v1/chat/completions", "", &chat(4).to_string()));
    client.socket.set_nonblocking(false).unwrap();
    drop(stub);
    let _ = std::io::Read::read_to_end(&mut client.socket, &mut Vec::new());
    let again = Options { listen: address, ..Options::default() };
    assert_eq!(get(&Stub::start(again).unwrap(), "/health").status, 200);
}

#[test]
fn a_command_runs_until_it_is_told_to_stop() {
    let (stop, stopped) = std::sync::mpsc::channel();
    let run = tokmark_stub::run_until(
        Options::default(),
        |running| {
            assert_eq!(ask_chat(running, "ttft-ms=0 itl-ms=0", 3).status, 200);
            stop.send(()).unwrap();
        },
        &stopped,
    );
    assert_eq!(run.unwrap().n_complete, 1);
}
