//! What is said to a server, and what its answers mean.

use std::time::Duration;

use serde_json::json;
use tokmark_agent::{Client, ClientError};
use tokmark_model::{AgentHello, JobEnd, JobOutcome, JobProgress, JobReport, Uuid};

use super::records::{record, records};
use super::server::{Reply, Server, Taken};

const TOKEN: &str = "tm_s3cret-token";

fn client(server: &Server) -> Client {
    Client::new(&server.address(), Some(TOKEN)).unwrap()
}

/// What the client makes of one answer to an upload.
fn outcome(status: u16, headers: &str, body: &str) -> ClientError {
    let reply = Reply::Raw(status, headers.to_owned(), body.as_bytes().to_vec());
    let server = Server::new(move |_| reply.clone());
    client(&server).upload(&records(1)).unwrap_err()
}

fn report() -> JobReport {
    JobReport { agent: Uuid::from_u128(7), progress: JobProgress::default() }
}

#[test]
fn records_are_sent_packed_with_the_token_and_counted() {
    let mut taken = Taken::default();
    let server = Server::new(move |asked| taken.answer(asked));
    let uploaded = client(&server).upload(&records(3)).unwrap();
    assert_eq!((uploaded.n_new, uploaded.n_known, uploaded.ids.len()), (3, 0, 3));
    assert_eq!(client(&server).upload(&records(4)).unwrap().n_known, 3);
    let asked = &server.asked()[0];
    assert_eq!(asked.line, "POST /api/benchmarks HTTP/1.1");
    assert_eq!(asked.header("authorization"), Some("Bearer tm_s3cret-token"));
    assert_eq!(asked.header("content-encoding"), Some("gzip"));
    assert_eq!(asked.json()[2], serde_json::to_value(record(2)).unwrap());
    assert_eq!(client(&server).upload(&[]).unwrap().n_new, 0);
    assert_eq!(server.asked().len(), 2, "nothing is sent where there is nothing");
}

#[test]
fn a_path_in_the_address_is_kept_and_without_a_token_none_is_sent() {
    let server = Server::new(|_| Reply::Raw(204, String::new(), Vec::new()));
    let client = Client::new(&format!("{}/tok/", server.address()), None).unwrap();
    let agent = Uuid::from_u128(7);
    assert_eq!(client.claim(agent, &AgentHello::default()).unwrap(), None);
    let asked = &server.asked()[0];
    assert_eq!(asked.path(), format!("/tok/api/agents/{agent}/claim"));
    assert_eq!(asked.header("authorization"), None);
}

#[test]
fn a_record_at_fault_is_told_from_a_token_at_fault() {
    let id = record(0).id;
    let complaint = format!(
        r#"{{"error":{{"code":"summary_differs","message":"1 of 2","record":"{id}","field":"a.b"}}}}"#
    );
    for status in [400, 403, 409, 422] {
        let expected = ClientError::Refused {
            status,
            code: "summary_differs".to_owned(),
            message: "a.b: 1 of 2".to_owned(),
            record: Some(id),
        };
        assert_eq!(outcome(status, "", &complaint), expected);
    }
    let scope = r#"{"error":{"code":"scope","message":"needs submit"}}"#;
    for status in [401, 403] {
        let expected = ClientError::NotAuthorized { status, message: "needs submit".to_owned() };
        assert_eq!(outcome(status, "", scope), expected);
    }
    let html = outcome(401, "", "<html>log in");
    assert!(matches!(html, ClientError::NotAuthorized { .. }), "{html}");
    let proxy = outcome(413, "", "<html>too large");
    assert!(matches!(proxy, ClientError::Refused { status: 413, .. }), "{proxy}");
}

#[test]
fn a_server_that_cannot_now_says_when() {
    let cases = [
        (503, "retry-after: 7\r\n", Some(7)),
        (429, "retry-after: 0\r\n", Some(0)),
        (
            503,
            "date: Fri, 02 Jan 2026 03:04:05 GMT\r\nretry-after: Fri, 02 Jan 2026 03:05:05 GMT\r\n",
            Some(60),
        ),
        (
            503,
            "date: Fri, 02 Jan 2026 03:04:05 GMT\r\nretry-after: Fri, 02 Jan 2026 03:00:00 GMT\r\n",
            Some(0),
        ),
        (503, "retry-after: Fri, 02 Jan 2026 03:05:05 GMT\r\n", None),
        (502, "retry-after: soon\r\n", None),
        (500, "", None),
    ];
    for (status, headers, seconds) in cases {
        let error = outcome(status, headers, "down");
        assert!(matches!(error, ClientError::Unavailable { .. }), "{error}");
        assert_eq!(error.retry_after(), seconds.map(Duration::from_secs), "{headers}");
        assert!(error.is_passing());
    }
}

#[test]
fn whoever_is_no_tokmark_server_is_not_believed() {
    for (status, body) in [
        (200, "<html>welcome to this network"),
        (200, r#"{"n_new":0,"n_known":0,"ids":[]}"#),
        (200, r#"{"n_new":18446744073709551615,"n_known":2,"ids":[]}"#),
        (404, "<html>not found"),
        (400, "<html>bad request"),
    ] {
        let error = outcome(status, "", body);
        assert!(matches!(error, ClientError::Strange { .. }) && error.is_passing(), "{error}");
    }
    let long = "x".repeat(5 * 1024 * 1024);
    assert!(matches!(outcome(200, "", &long), ClientError::Strange { .. }));
    let missing = outcome(404, "", r#"{"error":{"code":"not_found","message":"no such path"}}"#);
    assert!(matches!(missing, ClientError::Refused { status: 404, .. }), "{missing}");
}

#[test]
fn nobody_there_is_unreachable() {
    let server = Server::new(|_| Reply::HangUp);
    let error = client(&server).upload(&records(1)).unwrap_err();
    assert!(matches!(error, ClientError::Unreachable { .. }), "{error}");
    // The port of tcpmux, where nobody listens.
    let nobody = Client::new("http://127.0.0.1:1", Some(TOKEN)).unwrap();
    let error = nobody.upload(&records(1)).unwrap_err();
    assert_eq!(error.to_string(), "cannot reach 127.0.0.1:1: the connection was refused");
}

#[test]
fn no_redirect_is_followed_to_another_host_or_this_one() {
    let other = Server::new(|_| Reply::Json(200, json!({})));
    for status in [301, 302, 303, 307, 308] {
        let location = format!("location: {}/api/benchmarks\r\n", other.address());
        let error = outcome(status, &location, "");
        let ClientError::Refused { code, message, .. } = &error else { panic!("{error}") };
        assert_eq!(code, "redirected");
        assert!(message.contains(&other.address()), "{message}");
    }
    assert!(other.asked().is_empty());
}

#[test]
fn the_token_is_in_no_error() {
    let echoes = [
        (200, String::new(), format!("\"{TOKEN}\"")),
        (302, format!("location: http://host/?{TOKEN}\r\n"), String::new()),
        (400, String::new(), TOKEN.to_owned()),
        (401, String::new(), format!("your token {TOKEN} is expired")),
        (422, String::new(), json!({"error": {"code": TOKEN, "message": TOKEN}}).to_string()),
        (
            422,
            String::new(),
            json!({"error": {"code": "a", "message": "b", "field": TOKEN}}).to_string(),
        ),
        (503, String::new(), TOKEN.to_owned()),
    ];
    for (status, headers, body) in echoes {
        let error = outcome(status, &headers, &body);
        let told = format!("{error} {error:?}");
        assert!(!told.contains(TOKEN) && told.contains("***"), "{told}");
    }
    let server = Server::new(|_| Reply::HangUp);
    let told = format!("{:?}", client(&server));
    assert!(!told.contains(TOKEN), "{told}");
    for bad in ["", "two words", "line\r\nx: y", "ümlaut"] {
        let error = Client::new("http://host", Some(bad)).unwrap_err();
        assert_eq!(error, ClientError::BadToken);
    }
}

#[test]
fn hostile_text_is_cut_and_escaped() {
    let body = json!({"error": {"code": "a\u{1b}[2J", "message": "\u{202e}x".repeat(10_000)}});
    let error = outcome(422, "", &body.to_string());
    let ClientError::Refused { code, message, .. } = &error else { panic!("{error}") };
    assert_eq!(code, r"a\u{1b}[2J");
    assert!(message.starts_with(r"\u{202e}x") && message.chars().count() <= 500, "{message}");
    let error = outcome(503, "", &"\u{7}\n".repeat(100_000));
    assert!(error.to_string().len() < 700 && !error.to_string().contains(char::is_control));
}

#[test]
fn a_lost_lease_is_told_from_other_refusals() {
    let cases = [
        (409, r#"{"error":{"code":"lease_lost","message":"another has it"}}"#, true),
        (404, r#"{"error":{"code":"not_found","message":"no such job"}}"#, true),
        (409, "<html>conflict", false),
        (422, r#"{"error":{"code":"bad","message":"bad"}}"#, false),
    ];
    for (status, body, is_lost) in cases {
        let server =
            Server::new(move |_| Reply::Raw(status, String::new(), body.as_bytes().to_vec()));
        let job = Uuid::from_u128(9);
        let error = client(&server).report(job, &report()).unwrap_err();
        assert_eq!(matches!(error, ClientError::LeaseLost { .. }), is_lost, "{error}");
        let end = JobEnd {
            agent: Uuid::from_u128(7),
            outcome: JobOutcome::Done,
            message: None,
            run_id: None,
        };
        let error = client(&server).end(job, &end).unwrap_err();
        assert_eq!(matches!(error, ClientError::LeaseLost { .. }), is_lost, "{error}");
        assert_eq!(server.asked()[0].path(), format!("/api/jobs/{job}/report"));
        assert_eq!(server.asked()[1].path(), format!("/api/jobs/{job}/end"));
    }
}

#[test]
fn a_body_that_is_too_large_is_refused_before_it_is_sent() {
    // Text that does not pack well.
    let mut n = 1u64;
    let noise: String = (0..60_000)
        .map(|_| {
            n = n.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            format!("{n:x}")
        })
        .collect();
    let mut large = record(0);
    large.tags.push(noise);
    let server = Server::limited(100_000, |_| unreachable!("its body is not read"));
    let error = client(&server).upload(&[large.clone()]).unwrap_err();
    assert!(matches!(error, ClientError::Refused { status: 413, .. }), "{error}");
    let mut taken = Taken::default();
    let server = Server::new(move |asked| taken.answer(asked));
    assert_eq!(client(&server).upload(&[large]).unwrap().n_new, 1);
    assert_eq!(server.asked()[0].header("expect"), Some("100-continue"));
}
