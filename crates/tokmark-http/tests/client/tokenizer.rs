//! The server's tokenizer endpoint.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokmark_http::{ServerTokenizer, TargetOptions};

use crate::serve::{answer, serve};
use crate::support::endpoint;

/// A llama.cpp that counts the questions to its tokenizer, and those that were the first of
/// their connection. It answers each with 3 tokens and `head`.
fn counting(head: &'static str) -> (String, Arc<[AtomicUsize; 2]>) {
    let counts = Arc::new([const { AtomicUsize::new(0) }; 2]);
    let seen = counts.clone();
    let url = serve(move |n, line| match line {
        _ if line.starts_with("POST /tokenize") => {
            seen[0].fetch_add(1, Ordering::SeqCst);
            seen[1].fetch_add(usize::from(n == 0), Ordering::SeqCst);
            answer("200 OK", head, r#"{"tokens":[1,2,3]}"#)
        }
        _ if line.contains("/v1/models") => {
            answer("200 OK", "", r#"{"data":[{"id":"m","owned_by":"llamacpp"}]}"#)
        }
        _ => answer("404 Not Found", "", ""),
    });
    (url, counts)
}

#[test]
fn all_texts_are_counted_on_one_connection() {
    for (head, n_connections) in [("", 1), ("connection: close\r\n", 4)] {
        let (url, counts) = counting(head);
        let endpoint = endpoint(&url, TargetOptions::default());
        let mut tokenizer = ServerTokenizer::new(&endpoint).unwrap().unwrap();
        for _ in 0..4 {
            assert_eq!(tokenizer.count_text("a b c"), Some(3));
        }
        let counts = counts.each_ref().map(|count| count.load(Ordering::SeqCst));
        assert_eq!(counts, [4, n_connections], "{head}");
    }
}
