use proptest::prelude::*;

use super::*;

/// A frame that outlives its bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Owned {
    Data(Vec<u8>),
    Done,
    TooLong,
    Cut(Vec<u8>),
}

fn owned(frame: Frame<'_>) -> Owned {
    match frame {
        Frame::Data(data) => Owned::Data(data.to_vec()),
        Frame::Done => Owned::Done,
        Frame::TooLong => Owned::TooLong,
        Frame::Cut(data) => Owned::Cut(data.to_vec()),
    }
}

fn data(text: &str) -> Owned {
    Owned::Data(text.as_bytes().to_vec())
}

fn frames_of<'a>(
    framing: Framing,
    max: usize,
    pieces: impl IntoIterator<Item = &'a [u8]>,
) -> Vec<Owned> {
    let mut frames = Frames::new(framing, max);
    let mut found = Vec::new();
    for piece in pieces {
        frames.push(piece, &mut |frame| found.push(owned(frame)));
    }
    frames.finish(&mut |frame| found.push(owned(frame)));
    found
}

/// The frames of `text`, having checked that byte by byte there are no others.
fn sse(text: &str) -> Vec<Owned> {
    checked(Framing::Sse, text)
}

fn checked(framing: Framing, text: &str) -> Vec<Owned> {
    let whole = frames_of(framing, 1 << 20, [text.as_bytes()]);
    let by_byte = frames_of(framing, 1 << 20, text.as_bytes().chunks(1));
    assert_eq!(whole, by_byte, "split at every byte");
    whole
}

#[test]
fn every_line_end_of_the_standard_ends_an_event() {
    for end in ["\n", "\r\n", "\r"] {
        let text = format!("data: a{end}{end}data: b{end}{end}");
        assert_eq!(sse(&text), [data("a"), data("b")], "{end:?}");
    }
    assert_eq!(sse("data: a\r\n\ndata: b\r\r\n"), [data("a"), data("b")]);
}

#[test]
fn a_space_after_the_colon_is_optional_and_only_one_is_taken() {
    assert_eq!(sse("data:a\n\ndata: b\n\ndata:  c\n\n"), [data("a"), data("b"), data(" c")]);
}

#[test]
fn several_data_lines_are_one_event() {
    assert_eq!(sse("data: a\ndata\ndata:b\n\n"), [data("a\n\nb")]);
}

#[test]
fn comments_and_other_fields_are_read_over() {
    let text =
        ": keepalive 1/2\n\nevent: x\nid: 1\nretry: 5\ndata: a\n: in between\n\nevent: y\n\n";
    assert_eq!(sse(text), [data("a")]);
    assert_eq!(sse("datax: a\n\nxdata: b\n\n"), []);
}

#[test]
fn the_error_field_of_earlier_llama_cpp_is_an_event() {
    assert_eq!(sse("error: {\"code\":400}\n\n"), [data("{\"code\":400}")]);
}

#[test]
fn a_byte_order_mark_is_taken_off_the_beginning_alone() {
    let text = "\u{feff}data: a\n\n\u{feff}data: b\n\n";
    assert_eq!(sse(text), [data("a")]);
    assert_eq!(checked(Framing::Ndjson, "\u{feff}{}\n"), [data("{}")]);
}

#[test]
fn done_is_told_from_data() {
    assert_eq!(sse("data: [DONE]\n\n"), [Owned::Done]);
    assert_eq!(sse("data: [DONE] \n\ndata: [\"DONE\"]\n\n"), [Owned::Done, data("[\"DONE\"]")]);
}

#[test]
fn blank_data_is_no_frame() {
    assert_eq!(sse("data:\n\ndata: \ndata:\n\ndata\n\n"), []);
}

#[test]
fn an_unfinished_event_is_cut_and_not_swallowed() {
    let cut = |text: &str| Owned::Cut(text.as_bytes().to_vec());
    assert_eq!(sse("data: a\n\ndata: {\"b\""), [data("a"), cut("{\"b\"")]);
    assert_eq!(sse("data: a\n"), [cut("a")]);
    assert_eq!(sse("data: a\ndata: b\n"), [cut("a\nb")]);
    assert_eq!(sse("dat"), [cut("")]);
    assert_eq!(sse("event: x\n"), [cut("")]);
    assert_eq!(checked(Framing::Ndjson, "{\"a\":1}\n{\"b"), [data("{\"a\":1}"), cut("{\"b")]);
}

#[test]
fn nothing_is_cut_where_no_event_was_begun() {
    for text in ["", "\n", "\r", ": ping", ": ping\n", "data: a\n\n\u{feff}"] {
        let cuts = sse(text).into_iter().filter(|frame| matches!(frame, Owned::Cut(_))).count();
        assert_eq!(cuts, usize::from(text.ends_with('\u{feff}')), "{text:?}");
    }
    assert_eq!(sse("\u{feff}"), []);
    assert_eq!(checked(Framing::Ndjson, "{}\n \r"), [data("{}")]);
}

#[test]
fn an_unfinished_done_is_done() {
    for text in ["data: [DONE]", "data: [DONE]\n", "data:[DONE]\r"] {
        assert_eq!(sse(text), [Owned::Done], "{text:?}");
    }
}

#[test]
fn lines_of_json_are_frames() {
    let text = "{\"a\":1}\r\n\n{\"b\":\r2}\n";
    assert_eq!(checked(Framing::Ndjson, text), [data("{\"a\":1}"), data("{\"b\":\r2}")]);
}

#[test]
fn a_frame_above_the_limit_is_skipped_and_said_once() {
    let long = "x".repeat(50);
    for text in [
        format!("data: {long}\nid: 1\ndata: y\n\ndata: b\n\n"),
        format!("data: 12345\ndata: 678901\ndata: {long}\n\ndata: b\n\n"),
        format!(": {long}{long}\n\ndata: b\n\n"),
    ] {
        for size in [1, 7, 1000] {
            let found = frames_of(Framing::Sse, 10, text.as_bytes().chunks(size));
            assert_eq!(found, [Owned::TooLong, data("b")], "{text:?} by {size}");
        }
    }
    let text = format!("{long}\n1\n{long}");
    for size in [1, 7, 1000] {
        let found = frames_of(Framing::Ndjson, 10, text.as_bytes().chunks(size));
        assert_eq!(found, [Owned::TooLong, data("1"), Owned::TooLong], "by {size}");
    }
}

#[test]
fn a_frame_as_long_as_the_limit_is_whole() {
    assert_eq!(frames_of(Framing::Sse, 3, [b"data: abc\n\n".as_slice()]), [data("abc")]);
    assert_eq!(frames_of(Framing::Sse, 3, [b"data: abcd\n\n".as_slice()]), [Owned::TooLong]);
    assert_eq!(frames_of(Framing::Ndjson, 3, [b"abc\r\n".as_slice()]), [data("abc")]);
}

#[test]
fn a_line_of_ten_megabytes_is_legal() {
    let long = "y".repeat(10_000_000);
    let text = format!("data: {long}\n\ndata: b\n\n");
    let pieces = text.as_bytes().chunks(16 << 10);
    let found = frames_of(Framing::Sse, DEFAULT_MAX_FRAME_BYTES, pieces);
    assert_eq!(found, [data(&long), data("b")]);
}

#[test]
fn an_event_in_one_slice_is_handed_out_from_that_slice() {
    let text = b"data: abc\r\n\r\ndata: def\n\n";
    let range = text.as_ptr_range();
    let mut frames = Frames::new(Framing::Sse, 100);
    let mut n_frames = 0;
    frames.push(text, &mut |frame| {
        let Frame::Data(data) = frame else { panic!("{frame:?}") };
        assert!(range.contains(&data.as_ptr()), "copied");
        n_frames += 1;
    });
    assert_eq!(n_frames, 2);
}

#[test]
fn another_stream_may_follow_a_finished_one() {
    let mut frames = Frames::new(Framing::Sse, 10);
    let mut found = Vec::new();
    for text in ["data: a\r", "\u{feff}data: b\n\n", "data: 0123456789012345678901", "data: c\n\n"]
    {
        frames.push(text.as_bytes(), &mut |frame| found.push(owned(frame)));
        frames.finish(&mut |frame| found.push(owned(frame)));
    }
    assert_eq!(found, [Owned::Cut(b"a".to_vec()), data("b"), Owned::TooLong, data("c")]);
}

/// Text made of the parts that a stream has, so that a few hundred cases meet most of them.
fn stream() -> impl Strategy<Value = Vec<u8>> {
    let part = prop_oneof![
        Just(b"data: ".to_vec()),
        Just(b"data:".to_vec()),
        Just(b"error:".to_vec()),
        Just(b"event: x".to_vec()),
        Just(b": note".to_vec()),
        Just(b"[DONE]".to_vec()),
        Just(b"\n".to_vec()),
        Just(b"\r\n".to_vec()),
        Just(b"\r".to_vec()),
        Just(b"\n\n".to_vec()),
        Just(b"\xef\xbb\xbf".to_vec()),
        "[a-c]{0,12}".prop_map(String::into_bytes),
        proptest::collection::vec(any::<u8>(), 0..4),
    ];
    proptest::collection::vec(part, 0..24).prop_map(|parts| parts.concat())
}

proptest! {
    #[test]
    fn any_split_gives_the_same_frames(
        bytes in stream(),
        cuts in proptest::collection::vec(0usize..200, 0..12),
        max in 0usize..24,
        is_sse in any::<bool>(),
    ) {
        let framing = if is_sse { Framing::Sse } else { Framing::Ndjson };
        let whole = frames_of(framing, max, [bytes.as_slice()]);
        let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(bytes.len())).collect();
        cuts.extend([0, bytes.len()]);
        cuts.sort_unstable();
        let pieces = cuts.windows(2).map(|pair| &bytes[pair[0]..pair[1]]);
        prop_assert_eq!(&frames_of(framing, max, pieces), &whole);
        prop_assert_eq!(&frames_of(framing, max, bytes.chunks(1)), &whole);
    }

    #[test]
    fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        for framing in [Framing::Sse, Framing::Ndjson] {
            let found = frames_of(framing, 40, [bytes.as_slice()]);
            prop_assert_eq!(found, frames_of(framing, 40, bytes.chunks(1)));
        }
    }

    #[test]
    fn written_events_are_read_back(texts in proptest::collection::vec("[^\r\n\u{feff}]{1,40}", 0..9)) {
        let said = texts.iter().filter(|text| !text.trim_ascii().is_empty());
        let expected: Vec<Owned> = said.clone().map(|text| data(text)).collect();
        let stream: String = texts.iter().map(|text| format!("data: {text}\n\n")).collect();
        prop_assert_eq!(frames_of(Framing::Sse, 1000, [stream.as_bytes()]), expected);
    }
}
