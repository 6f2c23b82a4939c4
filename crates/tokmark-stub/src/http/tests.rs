use proptest::prelude::*;

use super::*;

const POST: &[u8] = b"POST /v1/completions?a=b HTTP/1.1\r\nHost: x\r\nX-Request-Id: 42\r\n\
    X-Stub: mode=crlf\r\nContent-Length: 5\r\n\r\nhello";
const CHUNKED: &[u8] = b"POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n\
    3;x=y\r\nhel\r\n2\r\nlo\r\n0\r\nsome: trailer\r\n\r\n";

fn whole(input: &[u8]) -> (Request<'_>, usize) {
    match parse(input) {
        Parsed::Whole(request, length) => (request, length),
        other => panic!("{other:?}"),
    }
}

fn status(input: &[u8]) -> u16 {
    match parse(input) {
        Parsed::Bad { status, .. } => status,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_request_is_read_with_what_matters_of_its_head() {
    let (request, length) = whole(POST);
    assert_eq!(length, POST.len());
    assert_eq!((request.method, request.path), ("POST", "/v1/completions"));
    assert_eq!((request.id, request.behaviour), (Some(42), Some("mode=crlf")));
    assert!(request.keep_alive && request.understands_chunks);
    assert_eq!(request.body.as_ref(), b"hello");
}

#[test]
fn a_body_in_chunks_is_put_together() {
    let (request, length) = whole(CHUNKED);
    assert_eq!(request.body.as_ref(), b"hello");
    assert_eq!(length, CHUNKED.len());
}

#[test]
fn the_next_request_on_the_connection_is_left_alone() {
    for first in [POST, CHUNKED] {
        let both = [first, b"GET /health HTTP/1.1\r\n\r\n"].concat();
        let (_, length) = whole(&both);
        assert_eq!(length, first.len());
        assert_eq!(whole(&both[length..]).0.path, "/health");
    }
}

#[test]
fn the_client_decides_whether_the_connection_stays_open() {
    let keeps = |head: &[u8]| whole(head).0.keep_alive;
    assert!(keeps(b"GET / HTTP/1.1\r\n\r\n"));
    assert!(!keeps(b"GET / HTTP/1.1\r\nconnection: Close\r\n\r\n"));
    assert!(!keeps(b"GET / HTTP/1.0\r\n\r\n"));
    assert!(keeps(b"GET / HTTP/1.0\r\nconnection: keep-alive\r\n\r\n"));
}

#[test]
fn an_absolute_target_gives_its_path() {
    assert_eq!(whole(b"GET http://a:80/health?x HTTP/1.1\r\n\r\n").0.path, "/health");
    assert_eq!(whole(b"GET http://a:80 HTTP/1.1\r\n\r\n").0.path, "/");
}

#[test]
fn what_is_no_request_gets_the_status_that_says_so() {
    assert_eq!(status(b"\x16\x03\x01\x02\x00\x01"), 400);
    assert_eq!(status(b"GET / HTTP/1.1\r\ncontent-length: +5\r\n\r\n"), 400);
    let twice = b"GET / HTTP/1.1\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\n";
    assert_eq!(status(twice), 400);
    assert_eq!(status(b"GET / HTTP/1.1\r\ncontent-length: 99999999999\r\n\r\n"), 413);
    assert_eq!(status(b"GET / HTTP/1.1\r\ntransfer-encoding: gzip\r\n\r\n"), 501);
    let long = [b"GET / HTTP/1.1\r\na: ".as_slice(), &[b'x'; MAX_HEAD]].concat();
    assert_eq!(status(&long), 431);
    let chunked = |chunks: &str| {
        format!("GET / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n{chunks}").into_bytes()
    };
    assert_eq!(status(&chunked("xyz\r\n")), 400);
    assert_eq!(status(&chunked("2\r\nabc\r\n")), 400);
    assert_eq!(status(&chunked("fffffffffffffff\r\n")), 413);
}

#[test]
fn a_client_that_waits_before_its_body_is_seen() {
    let head = b"POST / HTTP/1.1\r\nexpect: 100-continue\r\ncontent-length: 5\r\n\r\n";
    assert!(matches!(parse(head), Parsed::Beginning { expects_continue: true }));
    assert!(matches!(parse(&head[..20]), Parsed::Beginning { expects_continue: false }));
}

proptest! {
    #[test]
    fn a_beginning_of_a_request_waits_for_the_rest(cut in 0usize..300) {
        for input in [POST, CHUNKED] {
            let cut = cut % input.len();
            let is_beginning = matches!(parse(&input[..cut]), Parsed::Beginning { .. });
            prop_assert!(is_beginning, "{}", cut);
        }
    }

    #[test]
    fn no_bytes_make_it_panic(input in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = parse(&input);
        let head = b"POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n";
        let _ = parse(&[head.as_slice(), &input].concat());
    }

    #[test]
    fn changed_requests_never_make_it_panic(
        changes in prop::collection::vec((0usize..300, any::<u8>()), 1..8)
    ) {
        for input in [POST, CHUNKED] {
            let mut input = input.to_vec();
            for (place, byte) in &changes {
                let place = place % input.len();
                input[place] = *byte;
            }
            if let Parsed::Whole(_, length) = parse(&input) {
                prop_assert!(length <= input.len());
            }
        }
    }
}
