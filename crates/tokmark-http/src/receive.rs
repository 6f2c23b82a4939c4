//! Reads of a socket with the time at which the kernel took the bytes in.
//!
//! A program that waits for a thousand sockets sees its events one after the other; the last
//! one of a burst would be stamped milliseconds late. Linux stamps each segment when it
//! arrives (`SO_TIMESTAMPNS`), so the stamp does not depend on how busy the client is. Where
//! there is no such stamp, the time right after the read is taken.

use std::io;
use std::time::{Duration, Instant};

use tokio::net::TcpStream;

/// Has the kernel stamp what arrives on this socket, where it can.
pub(crate) fn enable_stamps(stream: &TcpStream) {
    #[cfg(target_os = "linux")]
    {
        use std::os::fd::AsRawFd;
        let on: libc::c_int = 1;
        // SAFETY: a plain system call on an open socket with a pointer to a live integer.
        unsafe {
            libc::setsockopt(
                stream.as_raw_fd(),
                libc::SOL_SOCKET,
                libc::SO_TIMESTAMPNS,
                (&raw const on).cast(),
                size_of_val(&on) as libc::socklen_t,
            );
        }
    }
    #[cfg(not(target_os = "linux"))]
    let _ = stream;
}

/// Waits for bytes and reads them into `buffer`; how many, and when they arrived. 0 at the end
/// of the stream. Of several segments taken at once the stamp is the last one's.
pub(crate) async fn receive(stream: &TcpStream, buffer: &mut [u8]) -> io::Result<(usize, Instant)> {
    loop {
        let mut short = None;
        let read = stream.try_io(tokio::io::Interest::READABLE, || {
            let read = read_stamped(stream, buffer)?;
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

#[cfg(target_os = "linux")]
fn read_stamped(stream: &TcpStream, buffer: &mut [u8]) -> io::Result<(usize, Instant)> {
    use std::os::fd::AsRawFd;

    /// Room for one control message with a `timespec`, aligned as the kernel wants it.
    #[repr(align(8))]
    struct Control([u8; 64]);

    let mut control = Control([0; 64]);
    let mut part = libc::iovec { iov_base: buffer.as_mut_ptr().cast(), iov_len: buffer.len() };
    // SAFETY: all zeros is a valid `msghdr`.
    let mut header: libc::msghdr = unsafe { std::mem::zeroed() };
    header.msg_iov = &raw mut part;
    header.msg_iovlen = 1;
    header.msg_control = control.0.as_mut_ptr().cast();
    header.msg_controllen = control.0.len() as _;
    // SAFETY: the header points to buffers that outlive the call, with their true lengths.
    let n = unsafe { libc::recvmsg(stream.as_raw_fd(), &raw mut header, libc::MSG_DONTWAIT) };
    if n < 0 {
        return Err(io::Error::last_os_error());
    }
    let now = Instant::now();
    let age = stamp(&header).and_then(age_of).unwrap_or_default();
    Ok((n as usize, now.checked_sub(age).unwrap_or(now)))
}

/// The kernel's stamp among the control messages, on the wall clock.
#[cfg(target_os = "linux")]
fn stamp(header: &libc::msghdr) -> Option<Duration> {
    // SAFETY: the kernel has filled `msg_control` up to `msg_controllen`; the macros walk it.
    unsafe {
        let mut message = libc::CMSG_FIRSTHDR(header);
        while !message.is_null() {
            let kind = ((*message).cmsg_level, (*message).cmsg_type);
            if kind == (libc::SOL_SOCKET, libc::SCM_TIMESTAMPNS) {
                let time: libc::timespec =
                    std::ptr::read_unaligned(libc::CMSG_DATA(message).cast());
                let seconds = u64::try_from(time.tv_sec).ok()?;
                return Some(Duration::new(seconds, u32::try_from(time.tv_nsec).ok()?));
            }
            message = libc::CMSG_NXTHDR(header, message);
        }
    }
    None
}

/// How long ago a stamp of the wall clock was. A stamp from the future, or so old that the
/// wall clock must have been set, says nothing.
#[cfg(target_os = "linux")]
fn age_of(stamp: Duration) -> Option<Duration> {
    /// No read of a live stream comes this late.
    const OLDEST: Duration = Duration::from_secs(10);

    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).ok()?;
    now.checked_sub(stamp).filter(|age| *age < OLDEST)
}

#[cfg(not(target_os = "linux"))]
fn read_stamped(stream: &TcpStream, buffer: &mut [u8]) -> io::Result<(usize, Instant)> {
    let n = stream.try_read(buffer)?;
    Ok((n, Instant::now()))
}
