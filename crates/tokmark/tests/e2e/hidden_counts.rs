//! Whether tokens that we count ourselves are as many as a real server says: a proxy before it
//! hides what it says, and remembers it.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex};

use tokmark_model::{CountSource, Record};

use crate::support::Home;

/// Starts the server of a shipped recipe behind the proxy and holds our counts against its own.
/// `dress` says where the server's programs are, `more` adds flags, and `source` must be who
/// counted.
pub fn assert_equal_to_usage(
    home: &Home,
    recipe: &str,
    model: &Path,
    dress: impl FnOnce(&mut Command),
    more: &[&str],
    source: CountSource,
) {
    let told = Arc::new(Mutex::new(Vec::new()));
    let port = free_port();
    let url = proxy(port, Arc::clone(&told));
    let shipped = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../recipes");
    let text = std::fs::read_to_string(shipped.join(format!("{recipe}.yaml"))).unwrap();
    home.write("hidden.yaml", format!("{text}\nport: {port}\nurl: {url}\n").as_bytes());
    let model = model.to_string_lossy();
    let mut args = vec!["load", "--recipe", "hidden.yaml", "--recipe-model", &model];
    args.extend(["--calibrate", "off", "-c", "1", "-n", "4", "--warmup", "0", "-o", "json"]);
    args.extend(["--prompt-tokens", "64", "--max-tokens", "24", "--temperature", "0"]);
    args.extend(more);
    let mut command = home.command(&args);
    dress(&mut command);
    let output = command.output().unwrap();
    assert!(output.status.success(), "{recipe}: {output:?}");
    let records: Vec<Record> = serde_json::from_slice(&output.stdout).unwrap();
    let requests = &records[0].serving.as_ref().unwrap().requests;
    let mut counted = Vec::new();
    for request in requests {
        let tokens = request.output_tokens.unwrap();
        assert_eq!(tokens.source, source, "{recipe}: {request:?}");
        counted.push(tokens.n);
    }
    // The first request of a fresh server stands before them.
    let told = told.lock().unwrap();
    let told = &told[told.len().saturating_sub(requests.len())..];
    assert_eq!(told.len(), requests.len(), "{recipe}: the proxy saw the usage of each: {told:?}");
    for (counted, told) in counted.iter().zip(told) {
        // A text may be made of other tokens than those that its tokenizer makes of it, and the
        // token that ends it shows none.
        assert!(counted.abs_diff(*told) <= 1, "{recipe}: counted {counted}, told {told}");
    }
    let equal = counted.iter().zip(told).filter(|(counted, told)| counted == told).count();
    assert!(2 * equal > requests.len(), "{recipe}: counted {counted:?}, told {told:?}");
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// Passes everything on, but for usage and timings, whose names become others of their length.
/// What usage said of answers goes into `told`.
fn proxy(port: u16, told: Arc<Mutex<Vec<u32>>>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for client in listener.incoming().map(Result::unwrap) {
            let told = Arc::clone(&told);
            std::thread::spawn(move || pass_on(client, port, &told));
        }
    });
    url
}

fn pass_on(mut client: TcpStream, port: u16, told: &Mutex<Vec<u32>>) {
    // A server that is not up yet has no port.
    let Ok(mut server) = TcpStream::connect(("127.0.0.1", port)) else { return };
    let (mut from, mut to) = (client.try_clone().unwrap(), server.try_clone().unwrap());
    std::thread::spawn(move || std::io::copy(&mut from, &mut to));
    let mut piece = vec![0; 1 << 16];
    // The server writes each event at once.
    while let Ok(n @ 1..) = server.read(&mut piece) {
        let text = String::from_utf8_lossy(&piece[..n]).into_owned();
        // What is asked beside the load is not streamed.
        if text.contains("data: ") {
            told.lock().unwrap().extend(completion_tokens(&text));
        }
        let hidden = text.replace("\"usage\"", "\"usagX\"").replace("\"timings\"", "\"timingX\"");
        if client.write_all(hidden.as_bytes()).is_err() {
            break;
        }
    }
    // The other thread still holds the connection.
    let _ = client.shutdown(std::net::Shutdown::Both);
}

fn completion_tokens(line: &str) -> Option<u32> {
    let rest = &line[line.find("\"completion_tokens\":")? + "\"completion_tokens\":".len()..];
    let digits: String = rest.trim_start().chars().take_while(char::is_ascii_digit).collect();
    digits.parse().ok()
}
