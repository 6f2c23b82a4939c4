//! Servers that repeat what they were sent: nothing secret of it is kept.

use tokmark_http::{Endpoint, EndpointOptions, TargetOptions};
use tokmark_model::Load;

use crate::serve::{answer, serve};
use crate::support::{requests, workload};

/// A server that refuses every question with `repeats(head)`.
fn repeating(repeats: fn(&str) -> String) -> String {
    serve(move |_, head| match head {
        _ if head.starts_with("POST") => {
            let body = serde_json::json!({"error": {"message": repeats(head)}}).to_string();
            answer("401 Unauthorized", "", &body)
        }
        _ if head.contains("/v1/models") => answer("200 OK", "", r#"{"data":[{"id":"m"}]}"#),
        _ => answer("404 Not Found", "", ""),
    })
}

/// What is kept of the words of a server that repeats all values of the head, its first line,
/// and each word of them after a colon.
fn kept(url: impl Fn(&str) -> String, target: TargetOptions) -> String {
    let whole = |head: &str| head.replace("\r\n", " ");
    let bare = |head: &str| {
        let line = head.lines().find(|line| line.starts_with("authorization"));
        let key = line.and_then(|line| line.rsplit(' ').next()).unwrap_or_default().to_owned();
        let path = head.split(' ').nth(1).unwrap_or_default();
        format!("Incorrect API key provided: {key}. You asked {path}?")
    };
    let mut said = String::new();
    for repeats in [whole as fn(&str) -> String, bare] {
        let address = url(&repeating(repeats));
        let options = EndpointOptions { target: target.clone(), ..EndpointOptions::default() };
        let endpoint = Endpoint::open(&[address], &options).unwrap();
        let all = requests(&endpoint, &workload(Load::Concurrency { n: 1 }), 1, 1);
        said += all[0].sample.message.as_deref().expect("the server said something");
        said += "\n";
    }
    assert!(said.contains("HTTP/1.1") && said.contains("Incorrect API key"), "{said}");
    said
}

fn with_header(name: &str, value: &str) -> TargetOptions {
    let headers = vec![(name.to_owned(), value.to_owned())];
    TargetOptions { headers, ..TargetOptions::default() }
}

#[test]
fn a_key_in_a_header_is_not_repeated_with_or_without_its_scheme() {
    let said = kept(str::to_owned, with_header("authorization", "Bearer sk-abc123"));
    assert!(!said.contains("sk-abc"), "{said}");
    let key = TargetOptions { api_key: Some("sk-abc123".to_owned()), ..TargetOptions::default() };
    assert!(!kept(str::to_owned, key).contains("sk-abc"));
}

#[test]
fn what_stands_for_a_password_is_not_repeated() {
    let in_url = |url: &str| url.replace("http://", "http://user:pa55word@");
    let header = with_header("authorization", "Basic dXNlcjpwYTU1d29yZA==");
    for said in [kept(in_url, TargetOptions::default()), kept(str::to_owned, header)] {
        assert!(!said.contains("pa55") && !said.contains("dXNlcj"), "{said}");
    }
}

#[test]
fn a_key_in_the_query_is_not_repeated() {
    let said = kept(|url| format!("{url}/v1?key=sk-1&v=2"), TargetOptions::default());
    assert!(!said.contains("sk-1"), "{said}");
    let said = kept(|url| format!("{url}?key=sk%2Fsecret"), TargetOptions::default());
    assert!(!said.contains("secret"), "{said}");
}
