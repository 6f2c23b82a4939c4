//! Whether tokens that we count ourselves are as many as a real server says: a proxy before it
//! hides what it says, and remembers it.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, Stdio};
use std::sync::{Arc, Mutex};

use tokmark_model::{CountSource, Record};

use crate::support::{Home, real_model, servers, wait_for};

/// The server in the Python package that `./x test` installs, as its recipe starts it.
const SERVER: &str = "
import signal, sys, xllamacpp
params = xllamacpp.CommonParams()
params.model.path = sys.argv[1]
params.hostnames = ['127.0.0.1']
params.port = int(sys.argv[2])
server = xllamacpp.Server(params)
signal.pause()
";

struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

fn start(home: &Home) -> (Server, u16) {
    let port = free_port();
    let mut command = std::process::Command::new("python3");
    home.dress(&mut command);
    let child = command
        .args(["-c", SERVER])
        .arg(real_model())
        .arg(port.to_string())
        .env("PYTHONPATH", servers().join("xllamacpp"))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let server = Server(child);
    wait_for(|| {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).ok()?;
        let ask = b"GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
        stream.write_all(ask).ok()?;
        let mut status = [0; 12];
        stream.read_exact(&mut status).ok()?;
        status.ends_with(b"200").then_some(())
    });
    (server, port)
}

/// Passes everything on, but for usage and timings, whose names become others of their length.
/// What usage said of answers goes into `told`.
fn proxy(port: u16, told: Arc<Mutex<Vec<u32>>>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for client in listener.incoming().map(Result::unwrap) {
            let told = Arc::clone(&told);
            std::thread::spawn(move || {
                let server = TcpStream::connect(("127.0.0.1", port)).unwrap();
                let (mut from, mut to) = (client.try_clone().unwrap(), server.try_clone().unwrap());
                std::thread::spawn(move || std::io::copy(&mut from, &mut to));
                let mut client = client;
                let mut server = server;
                let mut piece = vec![0; 1 << 16];
                // The server writes each event at once.
                while let Ok(n @ 1..) = server.read(&mut piece) {
                    let text = String::from_utf8_lossy(&piece[..n]).into_owned();
                    if let Some(n) = completion_tokens(&text) {
                        told.lock().unwrap().push(n);
                    }
                    let hidden = text
                        .replace("\"usage\"", "\"usagX\"")
                        .replace("\"timings\"", "\"timingX\"");
                    if client.write_all(hidden.as_bytes()).is_err() {
                        break;
                    }
                }
                // The other thread still holds the connection.
                let _ = client.shutdown(std::net::Shutdown::Both);
            });
        }
    });
    url
}

fn completion_tokens(line: &str) -> Option<u32> {
    let rest = &line[line.find("\"completion_tokens\":")? + "\"completion_tokens\":".len()..];
    let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().ok()
}

#[test]
fn tokens_that_we_count_are_as_many_as_the_server_says() {
    let home = Home::new();
    let (_server, port) = start(&home);
    let told = Arc::new(Mutex::new(Vec::new()));
    let url = proxy(port, Arc::clone(&told));
    let args = ["load", &url, "--calibrate", "off", "-c", "1", "-n", "4", "--warmup", "0"];
    let lengths = ["--prompt-tokens", "64", "--max-tokens", "24", "--temperature", "0"];
    let ran = home.run(&[&args[..], &lengths, &["-o", "json"]].concat());
    assert_eq!(ran.code, Some(0), "{ran:?}");
    let records: Vec<Record> = serde_json::from_str(&ran.stdout).unwrap();
    let requests = &records[0].serving.as_ref().unwrap().requests;
    let mut counted = Vec::new();
    for request in requests {
        let tokens = request.output_tokens.unwrap();
        assert_eq!(tokens.source, CountSource::Server, "{request:?}");
        counted.push(tokens.n);
    }
    let told = told.lock().unwrap();
    assert_eq!(told.len(), requests.len(), "the proxy saw the usage of each: {told:?}");
    for (counted, told) in counted.iter().zip(told.iter()) {
        // A text may be made of other tokens than those that its tokenizer makes of it.
        assert!(counted.abs_diff(*told) <= 1, "counted {counted}, told {told}");
    }
    let equal = counted.iter().zip(told.iter()).filter(|(counted, told)| counted == told).count();
    assert!(2 * equal > requests.len(), "counted {counted:?}, told {told:?}");
}
