//! Answers that their limit ended inside reasoning.
//!
//! Some chat templates open the tag of reasoning themselves, so that an answer which was cut
//! before it closed the tag shows none and looks like text for the reader.

use std::io;

use tokmark_http::{Endpoint, FinishedLog};
use tokmark_model::{RequestSample, Think, Workload};

/// Has unclosed answers that were ended by their limit count as reasoning: where another answer of
/// the point closed a tag that it had not opened, and where the server's template opens one.
/// Where neither is seen they stay answers. To be called when tokens are counted.
pub(super) fn settle(
    log: &mut FinishedLog,
    endpoint: &Endpoint,
    workload: &Workload,
) -> io::Result<()> {
    let mut is_opened = endpoint.abilities().opens_think && workload.think != Think::Off;
    let mut any = false;
    log.visit(&mut |sample, _| {
        is_opened |= sample.closed_unopened;
        any |= is_unclosed(&sample);
    })?;
    if !any || !is_opened {
        return Ok(());
    }
    log.revise(&mut |sample| {
        if is_unclosed(sample) {
            (sample.first_answer_ns, sample.last_answer_ns) = (None, None);
            sample.has_reasoned = true;
            sample.reasoning_tokens = sample.output_tokens;
        }
    })
}

/// Whether an answer may have been reasoning to its end.
fn is_unclosed(sample: &RequestSample) -> bool {
    let is_cut = sample.is_ok() && sample.finish.as_deref() == Some("length");
    let has_reasoned = sample.has_reasoned || sample.reasoning_tokens.is_some_and(|n| n.n > 0);
    is_cut && !has_reasoned && !sample.closed_unopened && sample.first_answer_ns.is_some()
}

#[cfg(test)]
mod tests {
    use tokmark_http::RequestLog;
    use tokmark_model::{CountSource, Load, Nanos, TokenCount};

    use super::*;

    fn answer(finish: &str) -> RequestSample {
        RequestSample {
            first_text_ns: Some(Nanos(1)),
            first_answer_ns: Some(Nanos(1)),
            last_answer_ns: Some(Nanos(9)),
            output_tokens: Some(TokenCount { n: 8, source: CountSource::Usage }),
            finish: Some(finish.to_owned()),
            ..RequestSample::default()
        }
    }

    fn settled(others: &[RequestSample], opens_think: bool, think: Think) -> RequestSample {
        let mut log = RequestLog::new().unwrap();
        for sample in [answer("length")].iter().chain(others) {
            log.push(sample, &[], None).unwrap();
        }
        let mut log = log.finish().unwrap();
        // A llama.cpp whose template ends with what it is told to.
        let end = if opens_think { "<think>" } else { "" };
        let endpoint = serving(end);
        let workload = Workload { think, ..Workload::new("chat", Load::Concurrency { n: 1 }) };
        settle(&mut log, &endpoint, &workload).unwrap();
        let mut first = None;
        log.visit(&mut |sample, _| {
            first.get_or_insert(sample);
        })
        .unwrap();
        first.unwrap()
    }

    /// A server that shows such a template.
    fn serving(end: &str) -> Endpoint {
        use std::io::{Read, Write};
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let template = format!("{{% if add_generation_prompt %}}{end}{{% endif %}}");
        let props = serde_json::json!({
            "default_generation_settings": {"n_ctx": 64}, "chat_template": template
        });
        std::thread::spawn(move || {
            for mut stream in listener.incoming().map(Result::unwrap) {
                let mut bytes = [0; 4096];
                let n = stream.read(&mut bytes).unwrap_or(0);
                let body = match bytes[..n].starts_with(b"GET /props") {
                    true => props.to_string(),
                    false => r#"{"data":[{"id":"m"}]}"#.to_owned(),
                };
                let head = format!("content-length: {}\r\nconnection: close", body.len());
                let _ =
                    stream.write_all(format!("HTTP/1.1 200 OK\r\n{head}\r\n\r\n{body}").as_bytes());
            }
        });
        Endpoint::open(&[url], &tokmark_http::EndpointOptions::default()).unwrap()
    }

    #[test]
    fn an_answer_cut_inside_reasoning_is_none() {
        let closed = RequestSample { closed_unopened: true, has_reasoned: true, ..answer("stop") };
        for found in [
            settled(&[closed], false, Think::Auto),
            settled(&[answer("length")], true, Think::Auto),
        ] {
            assert_eq!((found.first_answer_ns, found.last_answer_ns), (None, None));
            assert_eq!(found.first_text_ns, Some(Nanos(1)));
            assert!(found.has_reasoned);
            assert_eq!(found.reasoning_tokens.unwrap().n, 8);
        }
    }

    #[test]
    fn an_answer_stays_one_where_nothing_opens_a_tag() {
        for (others, opens, think) in [
            (vec![], false, Think::Auto),
            (vec![answer("stop")], false, Think::Auto),
            (vec![], true, Think::Off),
        ] {
            let found = settled(&others, opens, think);
            assert_eq!(found, answer("length"));
        }
    }
}
