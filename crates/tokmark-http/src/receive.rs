//! Reads of a socket with the time at which the bytes arrived.

use std::io;
use std::time::Instant;

use tokio::net::TcpStream;

/// Has the kernel stamp what arrives on this socket, where it can.
pub(crate) fn enable_stamps(stream: &TcpStream) {
    #[cfg(unix)]
    tokmark_run::stamp_arrivals(stream);
    #[cfg(not(unix))]
    let _ = stream;
}

/// Waits for bytes and reads them into `buffer`; how many, and when they arrived. 0 at the end
/// of the stream. Of several segments taken at once the stamp is the last one's.
pub(crate) async fn receive(stream: &TcpStream, buffer: &mut [u8]) -> io::Result<(usize, Instant)> {
    loop {
        let mut short = None;
        let read = stream.try_io(tokio::io::Interest::READABLE, || {
            let read = read(stream, buffer)?;
            if 0 < read.0 && read.0 < buffer.len() {
                // The socket is drained: told so, the runtime needs no further call to see it.
                short = Some(read);
                return Err(io::ErrorKind::WouldBlock.into());
            }
            Ok(read)
        });
        match (short, read) {
            (Some(read), _) => return Ok(read),
            (None, Err(error)) if error.kind() == io::ErrorKind::WouldBlock => {
                stream.readable().await?;
            }
            (None, read) => return read,
        }
    }
}

#[cfg(unix)]
fn read(stream: &TcpStream, buffer: &mut [u8]) -> io::Result<(usize, Instant)> {
    let (n, age) = tokmark_run::read_arrived(stream, buffer)?;
    let now = Instant::now();
    Ok((n, now.checked_sub(age).unwrap_or(now)))
}

#[cfg(not(unix))]
fn read(stream: &TcpStream, buffer: &mut [u8]) -> io::Result<(usize, Instant)> {
    let n = stream.try_read(buffer)?;
    Ok((n, Instant::now()))
}
