//! Requests in all the ways that they may come.

use serde_json::json;

use crate::client::{Client, ask, ask_chat, chat, close_side, post, stub};

const CHAT: &str = "/v1/chat/completions";

#[test]
fn a_request_may_come_byte_by_byte() {
    let stub = stub("");
    let mut client = Client::connect(stub.address());
    for byte in post(CHAT, "", &chat(3).to_string()) {
        client.send(&[byte]);
    }
    assert_eq!(client.response().deltas("content").len(), 3);
}

#[test]
fn several_requests_may_come_at_once_and_are_answered_in_order() {
    let stub = stub("itl-ms=1");
    let request = |n: u32| post(CHAT, &format!("x-request-id: {n}\r\n"), &chat(n).to_string());
    let mut client = Client::connect(stub.address());
    let health = b"GET /health HTTP/1.1\r\n\r\n".to_vec();
    client.send(&[request(2), request(5), health, request(3)].concat());
    assert_eq!(client.response().deltas("content").len(), 2);
    assert_eq!(client.response().deltas("content").len(), 5);
    assert_eq!(client.response().json()["status"], "ok");
    assert_eq!(client.response().deltas("content").len(), 3);
    assert_eq!(client.request(&request(1)).deltas("content").len(), 1);
    let rows = stub.truth().rows;
    assert!(rows.len() >= 3);
    assert_eq!(rows.iter().map(|row| row.id.unwrap()).take(3).collect::<Vec<_>>(), [2, 5, 3]);
    assert!(rows.windows(2).all(|pair| pair[1].started_ns >= pair[0].end_ns));
}

#[test]
fn a_body_may_come_in_chunks() {
    let stub = stub("");
    let body = chat(3).to_string();
    let (first, second) = body.split_at(20);
    let request = format!(
        "POST {CHAT} HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n{:x}\r\n{first}\r\n\
         {:x}\r\n{second}\r\n0\r\n\r\n",
        first.len(),
        second.len()
    );
    let mut client = Client::connect(stub.address());
    assert_eq!(client.request(request.as_bytes()).deltas("content").len(), 3);
}

#[test]
fn a_client_that_waits_is_told_to_go_on() {
    let stub = stub("");
    let request = post(CHAT, "expect: 100-continue\r\n", &chat(3).to_string());
    let head = request.windows(4).position(|bytes| bytes == b"\r\n\r\n").unwrap() + 4;
    let mut client = Client::connect(stub.address());
    client.send(&request[..head]);
    let go_on = b"HTTP/1.1 100 Continue\r\n\r\n";
    let mut answer = vec![0; go_on.len()];
    std::io::Read::read_exact(&mut client.socket, &mut answer).unwrap();
    assert_eq!(answer, go_on);
    assert_eq!(client.request(&request[head..]).deltas("content").len(), 3);
}

#[test]
fn an_old_client_gets_neither_chunks_nor_a_lasting_connection() {
    let stub = stub("");
    let request = String::from_utf8(post(CHAT, "", &chat(3).to_string())).unwrap();
    let mut client = Client::connect(stub.address());
    let response = client.request(request.replace("HTTP/1.1", "HTTP/1.0").as_bytes());
    assert!(!response.head.contains("transfer-encoding"));
    assert_eq!(response.deltas("content").len(), 3);
    assert!(client.read_to_close().is_empty());
}

#[test]
fn a_connection_stays_open_until_the_client_says_close() {
    let stub = stub("");
    let mut client = Client::connect(stub.address());
    for n in 1..5 {
        let response = client.request(&post(CHAT, "", &chat(n).to_string()));
        assert_eq!(response.deltas("content").len(), n as usize);
    }
    let response = client.request(&post(CHAT, "connection: close\r\n", &chat(2).to_string()));
    assert!(response.head.contains("connection: close"));
    assert!(client.read_to_close().is_empty());
    assert_eq!(stub.summary().n_connections, 1);
}

#[test]
fn a_short_answer_comes_though_the_client_closed_its_side() {
    let stub = stub("");
    let mut client = Client::connect(stub.address());
    client.send(b"GET /health HTTP/1.1\r\n\r\n");
    close_side(&client);
    assert_eq!(client.response().status, 200);
}

#[test]
fn a_body_that_asks_for_nothing_is_a_bad_request() {
    let stub = stub("");
    for body in [json!({}), json!({"messages": "no"}), json!([1]), json!({"messages": []})] {
        let response = ask(&stub, CHAT, "", &body);
        assert_eq!(response.status, 400, "{body}");
        assert_eq!(response.json()["error"]["type"], "invalid_request_error");
    }
    let unknown = ask_chat(&stub, "mode=flying", 3);
    assert_eq!(unknown.status, 400);
    assert!(unknown.text().contains("flying"), "{}", unknown.text());
    assert_eq!(stub.summary().n_refused, 5);
}

#[test]
fn another_method_is_not_allowed() {
    let stub = stub("");
    let mut client = Client::connect(stub.address());
    let request = format!("GET {CHAT} HTTP/1.1\r\n\r\n");
    assert_eq!(client.request(request.as_bytes()).status, 405);
    assert_eq!(client.request(b"POST /health HTTP/1.1\r\n\r\n").status, 404);
}

#[test]
fn a_request_id_is_repeated_in_the_answer() {
    let stub = stub("");
    let response = ask_chat(&stub, "", 1);
    assert!(response.head.contains("x-request-id: 0\r\n"));
}

#[test]
fn bytes_that_are_no_request_get_an_error_and_the_end() {
    let stub = stub("");
    let mut client = Client::connect(stub.address());
    let response = client.request(b"\x16\x03\x01 this is TLS\r\n\r\nand more");
    assert_eq!(response.status, 400);
    assert!(client.read_to_close().is_empty());
    assert_eq!(stub.summary().n_requests, 0);
}
