//! When bytes arrived: the stamp of the kernel, not the moment at which somebody looked.
//!
//! A program that waits for a thousand sockets sees its events one after the other; the last
//! one of a burst would be stamped milliseconds late. Linux stamps each segment when it
//! arrives (`SO_TIMESTAMPNS`), so the stamp does not depend on how busy the reader is. Where
//! there is no such stamp, the moment right after the read is taken.

#[cfg(unix)]
use std::os::fd::AsRawFd;
use std::time::Duration;

/// Has the kernel stamp what arrives on this socket, where it can.
#[cfg(unix)]
pub fn stamp_arrivals(socket: &impl AsRawFd) {
    #[cfg(target_os = "linux")]
    {
        let on: libc::c_int = 1;
        // SAFETY: a plain system call on an open socket with a pointer to a live integer.
        unsafe {
            libc::setsockopt(
                socket.as_raw_fd(),
                libc::SOL_SOCKET,
                libc::SO_TIMESTAMPNS,
                (&raw const on).cast(),
                size_of_val(&on) as libc::socklen_t,
            );
        }
    }
    #[cfg(not(target_os = "linux"))]
    let _ = socket;
}

/// Reads from a socket without waiting: how many bytes, 0 at the end of the stream, and how
/// long ago they arrived. Of several segments taken at once the stamp is the last one's.
///
/// # Errors
/// The system's, `WouldBlock` where nothing is there.
#[cfg(unix)]
pub fn read_arrived(
    socket: &impl AsRawFd,
    buffer: &mut [u8],
) -> std::io::Result<(usize, Duration)> {
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
    let n = unsafe { libc::recvmsg(socket.as_raw_fd(), &raw mut header, libc::MSG_DONTWAIT) };
    if n < 0 {
        return Err(std::io::Error::last_os_error());
    }
    Ok((n as usize, stamp(&header).and_then(age_of).unwrap_or_default()))
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

#[cfg(all(unix, not(target_os = "linux")))]
fn stamp(_: &libc::msghdr) -> Option<Duration> {
    None
}

/// How long ago a stamp of the wall clock was. A stamp from the future, or so old that the
/// wall clock must have been set, says nothing.
#[cfg(unix)]
fn age_of(stamp: Duration) -> Option<Duration> {
    /// No read of a live stream comes this late.
    const OLDEST: Duration = Duration::from_secs(10);

    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).ok()?;
    now.checked_sub(stamp).filter(|age| *age < OLDEST)
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::io::Write;
    use std::net::{TcpListener, TcpStream};

    use super::*;

    #[test]
    fn bytes_are_no_older_than_their_sending() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut sender = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (receiver, _) = listener.accept().unwrap();
        stamp_arrivals(&receiver);
        let before = std::time::Instant::now();
        sender.write_all(b"bytes").unwrap();
        let (n, age) = read_arrived(&receiver, &mut [0; 64]).unwrap();
        assert!(n == 5 && age <= before.elapsed(), "{n} {age:?}");
        let nothing = read_arrived(&receiver, &mut [0; 64]).unwrap_err();
        assert_eq!(nothing.kind(), std::io::ErrorKind::WouldBlock);
    }
}
