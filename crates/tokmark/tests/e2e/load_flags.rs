//! Flags of `tokmark load`: what they change in the requests, what is refused, what is kept
//! nowhere.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use tokmark_model::{CountSource, Repetitions};

use crate::load::{Stub, WORDS, records};
use crate::support::Home;

/// A server that refuses every request, repeats the whole of it as its reason, and keeps it.
struct Echo {
    url: String,
    heard: Arc<Mutex<Vec<String>>>,
}

impl Echo {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let heard = Arc::new(Mutex::new(Vec::new()));
        let keep = heard.clone();
        std::thread::spawn(move || {
            for mut stream in listener.incoming().map(Result::unwrap) {
                let keep = keep.clone();
                std::thread::spawn(move || while refuse(&mut stream, &keep).is_some() {});
            }
        });
        Echo { url, heard }
    }

    /// Every POST, head and body.
    fn posts(&self) -> Vec<String> {
        let heard = self.heard.lock().unwrap();
        heard.iter().filter(|request| request.starts_with("POST")).cloned().collect()
    }
}

/// Answers one request; `None` at the end of the connection.
fn refuse(stream: &mut TcpStream, heard: &Mutex<Vec<String>>) -> Option<()> {
    let (mut bytes, mut byte) = (Vec::new(), [0]);
    while !bytes.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte).ok()?;
        bytes.push(byte[0]);
    }
    let head = String::from_utf8(bytes).unwrap();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
    let mut body = vec![0; length.map_or(0, |length| length.trim().parse().unwrap())];
    stream.read_exact(&mut body).ok()?;
    let (status, answer) = if head.contains("/v1/models") {
        ("200 OK", r#"{"data":[{"id":"m"}]}"#.to_owned())
    } else {
        // What comes first is what is kept: the keys, then the rest.
        let mut lines: Vec<&str> = head.lines().collect();
        lines.sort_by_key(|line| !line.starts_with("authorization") && !line.starts_with("x-"));
        let said = serde_json::json!({"error": {"message": lines.join(" ")}});
        ("401 Unauthorized", said.to_string())
    };
    heard.lock().unwrap().push(head + &String::from_utf8_lossy(&body));
    let head = format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\n\r\n", answer.len());
    stream.write_all((head + &answer).as_bytes()).ok()
}

const SECRETS: [&str; 5] = ["pa55word", "s3cret", "sk-k3y", "dXNlcjpw", "qu3ry"];

/// Runs `load` with a secret in each place that takes one; all that it wrote.
fn written_with_secrets(url: &str, flags: &[&str]) -> String {
    let home = Home::new();
    let url = url.replace("http://", "http://user:pa55word@") + "/v1?key=qu3ry-key";
    let args = ["load", &url, "-c", "1", "-n", "3", "--calibrate", "off", "--db", "keys.db"];
    let mut command = home.command(&[&args[..], flags, &["--html", "report.html"]].concat());
    let output = command.env("MY_KEY", "sk-k3y-0123").output().unwrap();
    let files = ["keys.db", "report.html"].map(|name| std::fs::read(home.path(name)).unwrap());
    let all = [output.stdout, output.stderr].into_iter().chain(files);
    all.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).collect()
}

#[test]
fn a_key_is_nowhere_whatever_the_server_says() {
    let home = Home::new();
    let stub = Stub::start(&home, &[]);
    let keys: [&[&str]; 3] = [
        &["--header", "x-extra: s3cret-value", "--api-key-env", "MY_KEY"],
        &["--header", "Authorization: Bearer sk-k3y-0123"],
        &["--header", "x-extra: token s3cret-value"],
    ];
    for key in keys {
        for format in ["table", "json"] {
            let echo = Echo::start();
            for url in [&stub.url, &echo.url] {
                let written = written_with_secrets(url, &[key, &["-o", format]].concat());
                for secret in SECRETS {
                    assert!(!written.contains(secret), "{secret} in {written}");
                }
            }
            // The secrets did go to the server, and its words about them were kept.
            let post = echo.posts().remove(0);
            assert!(post.contains("qu3ry-key"), "{post}");
            assert!(post.contains("sk-k3y") || post.contains("s3cret"), "{post}");
        }
    }
}

#[test]
fn the_temperature_of_the_flag_is_that_of_the_requests_and_of_the_record() {
    let home = Home::new();
    home.write("warm.yaml", b"name: warm\nprompt_tokens: 20\noutput_tokens: 4\ntemperature: 0.2\n");
    for (flags, expected) in [(&[][..], 0.2), (&["--temperature", "0.9"][..], 0.9)] {
        let echo = Echo::start();
        let args = ["load", &echo.url, "--shape", "warm.yaml", "-c", "1", "-n", "2", "-o", "json"];
        let ran = home.run(&[&args[..], flags, &["--calibrate", "off"]].concat());
        let recorded = records(&ran.stdout)[0].serving.as_ref().unwrap().workload.temperature;
        assert_eq!(recorded, Some(expected), "{ran:?}");
        let posts = echo.posts();
        assert!(posts.len() >= 2, "{posts:?}");
        for post in posts {
            assert!(post.contains(&format!("\"temperature\":{expected}")), "{post}");
        }
    }
}

#[test]
fn flags_that_would_change_nothing_are_refused_by_name() {
    let home = Home::new();
    let stub = Stub::start(&home, &[]);
    home.write("calls.jsonl", br#"{"prompt": "Say a word.", "output_tokens": 4}"#);
    let trace = ["--trace", "calls.jsonl"];
    for (flags, named) in [
        (vec!["--duration", "1s", "-n", "3"], "--duration"),
        (vec!["--interval", "1%", "-n", "3"], "--interval"),
        (vec!["--budget", "1s", "--duration", "3s"], "--budget"),
        ([&trace[..], &["--max-tokens", "9"]].concat(), "--max-tokens"),
        ([&trace[..], &["--prompt-tokens", "9"]].concat(), "--prompt-tokens"),
        ([&trace[..], &["--turns", "2"]].concat(), "--turns"),
        ([&trace[..], &["--arrivals", "constant"]].concat(), "--arrivals"),
        ([&trace[..], &["--budget", "9s"]].concat(), "--budget"),
        ([&trace[..], &["--speed", "2"]].concat(), "--speed"),
        ([&trace[..], &["--speed", "2", "-c", "1"]].concat(), "--speed"),
        (vec!["--speed", "2"], "--trace"),
        (vec!["--arrivals", "constant"], "--arrivals"),
        (vec!["--ramp", "--slo", "ttft=1s", "-c", "2"], "--concurrency"),
        (vec!["--ramp", "--slo", "ttft=1s", "--rate", "1,2"], "--rate"),
        (vec!["--think", "on"], "--think on"),
        (vec!["--think", "off", "--api", "completions"], "--think"),
        (vec!["--slo", "ttft=1s,e2e=9s,ttft=2s"], "two levels for ttft"),
        (vec!["--timeout", "0"], "above 0"),
        (vec!["--duration", "0ms"], "above 0"),
        (vec!["--insecure"], "--insecure"),
        (vec!["--yes"], "--yes"),
    ] {
        let ran = home.run(&[&["load", &stub.url, "--calibrate", "off"], &flags[..]].concat());
        assert_eq!(ran.code, Some(2), "{flags:?}: {ran:?}");
        assert!(ran.stderr.contains(named), "{flags:?}: {ran:?}");
    }
    assert!(home.records().is_empty());
}

/// A recipe may take minutes to start its server: for that a file must be sound.
#[test]
fn files_are_read_before_any_server_is_asked() {
    let home = Home::new();
    home.write("shape.yaml", b"name: x\nprompts: 3\n");
    home.write("trace.jsonl", br#"{"offset_s": NaN}"#);
    for (flag, file, said) in [
        ("--shape", "shape.yaml", "shape.yaml is no shape"),
        ("--shape", "./missing.yaml", "cannot read ./missing.yaml"),
        ("--trace", "trace.jsonl", "trace.jsonl is no trace"),
        ("--trace", "missing.jsonl", "cannot read missing.jsonl"),
    ] {
        // Nothing listens on port 1.
        let ran = home.run(&["load", "http://127.0.0.1:1", flag, file]);
        assert!(ran.stderr.contains(said) && !ran.stderr.contains("127.0.0.1"), "{ran:?}");
        assert_eq!(ran.code, Some(2), "{ran:?}");
    }
}

#[test]
fn a_trace_runs_whole_however_long_it_is_and_however_well_it_is_known() {
    let home = Home::new();
    let stub = Stub::start(&home, &[]);
    // 100 s, in 2.
    let line = |n: u32| {
        format!(
            "{{\"offset_ms\": {}, \"prompt\": \"Say a word.\", \"output_tokens\": 2}}\n",
            4_000 + 500 * n
        )
    };
    let lines: String = (0..200).map(line).collect();
    home.write("calls.jsonl", lines.as_bytes());
    let args = ["load", &stub.url, "--trace", "calls.jsonl", "--calibrate", "off", "-o", "json"];
    for load in [["--speed", "50"], ["-c", "4"]] {
        let ran = home.run(&[&args[..], &load].concat());
        assert_eq!(ran.code, Some(0), "{ran:?}");
        let record = &records(&ran.stdout)[0];
        assert_eq!(record.serving.as_ref().unwrap().requests.len(), 200);
        assert_eq!(record.repetitions, Some(Repetitions::Fixed { n: 200 }));
    }
}

#[test]
fn prompts_of_a_length_are_made_by_the_tokenizer_that_the_user_gave() {
    let home = Home::new();
    let tokenizer = home.write("tokenizer.json", WORDS.as_bytes()).to_string_lossy().into_owned();
    let stub = Stub::start(&home, &["--mode", "no-usage"]);
    let line = r#"{"prompt_tokens": 400, "output_tokens": 2, "session": 1}"#;
    home.write("calls.jsonl", format!("{line}\n{line}\n").as_bytes());
    let args = ["load", &stub.url, "--trace", "calls.jsonl", "--tokenizer", &tokenizer];
    let ran = home.run(&[&args[..], &["--calibrate", "off", "-o", "json"]].concat());
    let record = &records(&ran.stdout)[0];
    let serving = record.serving.as_ref().unwrap();
    assert_eq!(serving.workload.turns, 2);
    let count = serving.requests[0].prompt_tokens.unwrap();
    assert_eq!(count.source, CountSource::Local);
    assert!(count.n.abs_diff(400) <= 60, "{count:?}");
}
