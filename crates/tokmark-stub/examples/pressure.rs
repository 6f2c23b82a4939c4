//! What the stub costs: events per second and CPU time per event, under a raw client of its own
//! in another process.
//!
//! `cargo run --release -p tokmark-stub --example pressure -- [STREAMS] [SECONDS] [MODE] [THREADS]
//! [TIMER_STEP_US]`

use std::error::Error;
use std::io::{ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::process::Command;
use std::time::{Duration, Instant};

use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};
use tokmark_stub::{LATENESS_BOUNDS_US, Options, Stub, Summary};

type Outcome<T> = Result<T, Box<dyn Error>>;

/// First argument of the process that plays the client.
const CLIENT: &str = "--client";
/// What ends a chunked body.
const END: &[u8] = b"\r\n0\r\n\r\n";

fn main() -> Outcome<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let given = |position: usize, default: &str| {
        arguments.get(position).map_or(default, String::as_str).to_owned()
    };
    if given(0, "") == CLIENT {
        return client(given(1, "").parse()?, given(2, "").parse()?, given(3, "").parse()?);
    }
    let (n_streams, seconds) = (given(0, "1000"), given(1, "5"));
    let mut options = Options { n_threads: given(3, "1").parse()?, ..Options::default() };
    options.behaviour.apply(&given(2, ""))?;
    options.timer_step = Duration::from_micros(given(4, "100").parse()?);
    println!("{n_streams} streams, {seconds} s, {:?}", options.behaviour.to_string());
    let stub = Stub::start(options)?;
    let start = Instant::now();
    let cpu_before = cpu_time();
    let address = stub.address().to_string();
    let status = Command::new(std::env::current_exe()?)
        .args([CLIENT, &address, &n_streams, &seconds])
        .status()?;
    if !status.success() {
        return Err("the client failed".into());
    }
    let cpu = cpu_time().saturating_sub(cpu_before);
    report(&stub.stop()?, start.elapsed(), cpu);
    Ok(())
}

fn report(summary: &Summary, wall: Duration, cpu: Duration) {
    let n = summary.n_text_events.max(1) as f64;
    let ms = |time: Option<Duration>| time.unwrap_or_default().as_secs_f64() * 1e3;
    println!(
        "events {}, {:.0} per second of wall time, at most {} streams at once",
        summary.n_text_events,
        n / wall.as_secs_f64(),
        summary.max_in_flight
    );
    println!(
        "CPU of the stub {:.2} µs per event, {:.1} % of a core; peak memory {}",
        cpu.as_secs_f64() * 1e6 / n,
        100.0 * cpu.as_secs_f64() / wall.as_secs_f64(),
        peak_memory()
    );
    println!(
        "mean TTFT {:.3} ms, mean ITL {:.3} ms, mean lateness {:.3} ms, largest {:.1} ms",
        ms(summary.mean_ttft()),
        ms(summary.mean_itl()),
        ms(summary.mean_lateness()),
        summary.max_lateness_ns as f64 / 1e6
    );
    for (position, count) in summary.lateness_counts.iter().enumerate() {
        let bound = LATENESS_BOUNDS_US.get(position).map_or("more".to_owned(), u64::to_string);
        println!("  late by up to {bound:>6} µs: {:6.2} %", 100.0 * *count as f64 / n);
    }
    println!(
        "requests {}, abandoned {}, connections {}, not accepted {}",
        summary.n_requests, summary.n_abandoned, summary.n_connections, summary.n_accept_errors
    );
}

/// CPU time of this process, the kernel's part included.
#[cfg(unix)]
fn cpu_time() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Duration::try_from(time).unwrap_or_default()
}

#[cfg(not(unix))]
fn cpu_time() -> Duration {
    Duration::ZERO
}

fn peak_memory() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.map_or("unknown".to_owned(), |line| line.trim().to_owned())
}

struct Stream {
    socket: TcpStream,
    /// Last bytes that were read.
    tail: Vec<u8>,
    is_busy: bool,
}

/// Keeps `n_streams` streams going for `seconds`, then reads them to their ends.
fn client(address: SocketAddr, n_streams: usize, seconds: u64) -> Outcome<()> {
    let body = r#"{"stream":true,"max_tokens":64,"messages":[{"role":"user","content":"go on"}]}"#;
    let request = format!(
        "POST /v1/chat/completions HTTP/1.1\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    let mut poll = Poll::new()?;
    let mut events = Events::with_capacity(1024);
    let mut streams = Vec::new();
    let end = Instant::now() + Duration::from_secs(seconds);
    for number in 0..n_streams {
        let socket = std::net::TcpStream::connect(address)?;
        socket.set_nonblocking(true)?;
        let mut socket = TcpStream::from_std(socket);
        poll.registry().register(&mut socket, Token(number), Interest::READABLE)?;
        socket.write_all(request.as_bytes())?;
        streams.push(Stream { socket, tail: Vec::new(), is_busy: true });
    }
    let mut buffer = vec![0; 65536];
    let mut n_busy = n_streams;
    while n_busy > 0 {
        poll.poll(&mut events, None)?;
        for event in &events {
            let stream = &mut streams[event.token().0];
            while read(stream, &mut buffer)? {
                if !stream.is_busy || !stream.tail.ends_with(END) {
                    continue;
                }
                stream.tail.clear();
                stream.is_busy = Instant::now() < end;
                if stream.is_busy {
                    stream.socket.write_all(request.as_bytes())?;
                } else {
                    n_busy -= 1;
                }
            }
        }
    }
    Ok(())
}

/// Reads once; false when there is nothing.
fn read(stream: &mut Stream, buffer: &mut [u8]) -> Outcome<bool> {
    match stream.socket.read(buffer) {
        Ok(0) => Err("the stub closed a connection".into()),
        Ok(n) => {
            stream.tail.extend_from_slice(&buffer[n.saturating_sub(END.len())..n]);
            let surplus = stream.tail.len().saturating_sub(END.len());
            stream.tail.drain(..surplus);
            Ok(true)
        }
        Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(false),
        Err(error) => Err(error.into()),
    }
}
