use serde_json::{Value, json};

use super::{AIPERF, AIPERF_RECORDS, GUIDELLM, VLLM, changed, read, serving};

const SECRET: &str = "sk-5ecre7";

/// Puts the secret wherever a tool could have written one.
fn poison(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            for (key, field) in fields.iter_mut() {
                let is_free_text = matches!(
                    key.as_str(),
                    "cli_command"
                        | "request_args"
                        | "output"
                        | "message"
                        | "traceback"
                        | "label"
                        | "error"
                );
                if is_free_text || key == "api_key" {
                    *field = json!(format!("Authorization: Bearer {SECRET}"));
                } else if key == "headers" || key == "labels" {
                    *field = json!({"Authorization": format!("Bearer {SECRET}")});
                } else {
                    poison(field);
                }
            }
            fields.insert("api_key".to_owned(), json!(SECRET));
            fields.insert("headers".to_owned(), json!({"Authorization": SECRET}));
            fields.insert("authorization".to_owned(), json!(SECRET));
        }
        Value::Array(list) => list.iter_mut().for_each(poison),
        Value::String(text) if text.starts_with("http://") => {
            *text = format!("http://me:{SECRET}@127.0.0.1:9000/?api_key={SECRET}#{SECRET}");
        }
        _ => {}
    }
}

#[test]
fn no_key_header_or_password_enters_a_record() {
    let first = AIPERF_RECORDS.lines().next().unwrap();
    for text in [first, AIPERF, GUIDELLM, VLLM] {
        let poisoned = changed(text, poison);
        assert!(poisoned.contains(SECRET));
        let records = read(&poisoned).unwrap();
        let written = serde_json::to_string(&records).unwrap();
        assert!(!written.contains(SECRET), "{written}");
        for url in &serving(&records[0]).server.urls {
            assert_eq!(url, "http://127.0.0.1:9000");
        }
    }
}

#[test]
fn no_prompt_or_answer_enters_a_record() {
    let written = serde_json::to_string(&read(GUIDELLM).unwrap()).unwrap();
    assert!(GUIDELLM.contains(" the the the") && GUIDELLM.contains("medical"));
    assert!(!written.contains(" the the the") && !written.contains("medical"));
}

#[test]
fn no_secret_enters_an_error() {
    for (text, path) in [
        (GUIDELLM, "/benchmarks/0/config/backend/timeout"),
        (GUIDELLM, "/benchmarks/0/config/strategy/streams"),
        (AIPERF, "/input_config/endpoint/streaming"),
        (AIPERF, "/request_latency/p50"),
        (VLLM, "/max_concurrency"),
        (VLLM, "/completed"),
    ] {
        let poisoned = changed(text, |root| *root.pointer_mut(path).unwrap() = json!(SECRET));
        let error = read(&poisoned).unwrap_err();
        assert!(!format!("{error} {error:?}").contains(SECRET), "{error}");
    }
}
