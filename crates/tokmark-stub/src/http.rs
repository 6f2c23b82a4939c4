//! Requests out of bytes, and heads of responses.

use std::borrow::Cow;

use httparse::{EMPTY_HEADER, Status};

mod chunks;

/// Most bytes of a head.
const MAX_HEAD: usize = 64 << 10;
/// Most bytes of a body.
pub(crate) const MAX_BODY: usize = 16 << 20;
/// Most bytes of a request that are ever kept: a body in chunks of a few bytes each.
pub(crate) const MAX_INPUT: usize = MAX_HEAD + 4 * MAX_BODY;
const MAX_HEADERS: usize = 100;

/// A request that is there to its last byte.
#[derive(Debug)]
pub(crate) struct Request<'a> {
    /// `GET`.
    pub(crate) method: &'a str,
    /// Path without the query.
    pub(crate) path: &'a str,
    /// The connection stays open after the answer.
    pub(crate) keep_alive: bool,
    /// The client speaks HTTP/1.1 and understands chunks.
    pub(crate) understands_chunks: bool,
    /// `x-request-id`, where it is a whole number.
    pub(crate) id: Option<u64>,
    /// `x-stub`; not empty.
    pub(crate) behaviour: Option<&'a str>,
    /// The body, without chunks.
    pub(crate) body: Cow<'a, [u8]>,
}

/// What the bytes so far are.
#[derive(Debug)]
pub(crate) enum Parsed<'a> {
    /// A beginning.
    Beginning {
        /// The head is whole and the client waits for `100 Continue` before it sends the body.
        expects_continue: bool,
    },
    /// A request, and how many bytes it had.
    Whole(Request<'a>, usize),
    /// No request. The connection cannot go on.
    Bad {
        /// HTTP status to answer.
        status: u16,
        /// Why.
        reason: &'static str,
    },
}

impl Parsed<'_> {
    fn bad(status: u16, reason: &'static str) -> Self {
        Parsed::Bad { status, reason }
    }
}

/// The HTTP status that answers what is no request, and why.
type Refused = (u16, &'static str);

/// How long the body is.
#[derive(Clone, Copy)]
enum Length {
    Known(usize),
    Chunked,
}

/// Reads one request from the beginning of `input`.
pub(crate) fn parse(input: &[u8]) -> Parsed<'_> {
    let mut headers = [EMPTY_HEADER; MAX_HEADERS];
    let mut head = httparse::Request::new(&mut headers);
    let head_length = match head.parse(input) {
        Ok(Status::Complete(length)) => length,
        Ok(Status::Partial) if input.len() > MAX_HEAD => return Parsed::bad(431, "head too long"),
        Ok(Status::Partial) => return Parsed::Beginning { expects_continue: false },
        Err(httparse::Error::TooManyHeaders) => return Parsed::bad(431, "too many headers"),
        Err(_) => return Parsed::bad(400, "no HTTP request"),
    };
    let mut request = Request {
        method: head.method.unwrap_or_default(),
        path: path_of(head.path.unwrap_or_default()),
        keep_alive: head.version == Some(1),
        understands_chunks: head.version == Some(1),
        id: None,
        behaviour: None,
        body: Cow::Borrowed(&[]),
    };
    let (length, expects_continue) = match read_headers(head.headers, &mut request) {
        Ok(found) => found,
        Err((status, reason)) => return Parsed::bad(status, reason),
    };
    let rest = &input[head_length..];
    match length {
        Length::Known(length) if length > MAX_BODY => Parsed::bad(413, "body too long"),
        Length::Known(length) => match rest.get(..length) {
            Some(body) => {
                request.body = Cow::Borrowed(body);
                Parsed::Whole(request, head_length + length)
            }
            None => Parsed::Beginning { expects_continue },
        },
        Length::Chunked => match chunks::read(rest) {
            Ok(Some((body, length))) => {
                request.body = Cow::Owned(body);
                Parsed::Whole(request, head_length + length)
            }
            Ok(None) if input.len() >= MAX_INPUT => Parsed::bad(413, "body too long"),
            Ok(None) => Parsed::Beginning { expects_continue },
            Err((status, reason)) => Parsed::bad(status, reason),
        },
    }
}

/// The path of `/v1/models?x=1` or `http://host:80/v1/models`.
fn path_of(target: &str) -> &str {
    let target = match target.split_once("://") {
        Some((_, rest)) => rest.find('/').map_or("/", |slash| &rest[slash..]),
        None => target,
    };
    target.split(['?', '#']).next().unwrap_or_default()
}

/// Takes from the headers what matters; the body's length, and whether `100 Continue` is wanted.
fn read_headers<'a>(
    headers: &[httparse::Header<'a>],
    request: &mut Request<'a>,
) -> Result<(Length, bool), Refused> {
    let mut length = None;
    let mut is_chunked = false;
    let mut expects_continue = false;
    for header in headers {
        let Ok(value) = std::str::from_utf8(header.value).map(str::trim) else { continue };
        let is = |name: &str| header.name.eq_ignore_ascii_case(name);
        if is("content-length") {
            let known = content_length(value)?;
            if length.is_some_and(|earlier| earlier != known) {
                return Err((400, "two different lengths"));
            }
            length = Some(known);
        } else if is("transfer-encoding") {
            let last = value.rsplit(',').next().unwrap_or_default().trim();
            if !last.eq_ignore_ascii_case("chunked") {
                return Err((501, "transfer encoding other than chunked"));
            }
            is_chunked = true;
        } else if is("connection") {
            for option in value.split(',').map(str::trim) {
                if option.eq_ignore_ascii_case("close") {
                    request.keep_alive = false;
                } else if option.eq_ignore_ascii_case("keep-alive") {
                    request.keep_alive = true;
                }
            }
        } else if is("expect") {
            expects_continue = value.eq_ignore_ascii_case("100-continue");
        } else if is("x-request-id") {
            request.id = value.parse().ok();
        } else if is("x-stub") {
            request.behaviour = Some(value).filter(|value| !value.is_empty());
        }
    }
    // Chunks win over a length (RFC 9112, 6.3).
    let length = if is_chunked { Length::Chunked } else { Length::Known(length.unwrap_or(0)) };
    Ok((length, expects_continue))
}

fn content_length(value: &str) -> Result<usize, Refused> {
    // `usize` would take "+5".
    let is_number = !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit());
    value.parse().ok().filter(|_| is_number).ok_or((400, "length is no number"))
}

/// The reason phrase of a status.
pub(crate) fn phrase(status: u16) -> &'static str {
    match status {
        200 => "OK",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        413 => "Content Too Large",
        429 => "Too Many Requests",
        431 => "Request Header Fields Too Large",
        500 => "Internal Server Error",
        501 => "Not Implemented",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        _ => "Status",
    }
}

/// How the end of a body is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Framing {
    /// By its length.
    Length(usize),
    /// In chunks.
    Chunks,
    /// By the end of the connection.
    UntilClose,
}

/// The head of a response.
pub(crate) fn response_head(
    status: u16,
    content_type: &str,
    framing: Framing,
    keep_alive: bool,
    more: &str,
) -> Vec<u8> {
    let phrase = phrase(status);
    let framing = match framing {
        Framing::Length(length) => format!("content-length: {length}\r\n"),
        Framing::Chunks => "transfer-encoding: chunked\r\n".to_owned(),
        Framing::UntilClose => String::new(),
    };
    let connection = if keep_alive { "keep-alive" } else { "close" };
    format!(
        "HTTP/1.1 {status} {phrase}\r\nserver: tokmark-stub\r\ncontent-type: {content_type}\r\n\
         {framing}connection: {connection}\r\n{more}\r\n"
    )
    .into_bytes()
}

#[cfg(test)]
mod tests;
