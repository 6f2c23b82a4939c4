//! What Ollama says of the models that it has loaded.

use tokmark_http::{Endpoint, EndpointOptions};
use tokmark_model::Bytes;

use crate::serve::{answer, serve};

const TAGS: &str = r#"{"models":[{"name":"small:latest"},{"name":"large:70b"}]}"#;

/// An Ollama that has `loaded` in memory.
fn ollama(loaded: &'static str) -> String {
    serve(move |_, head| match head.split(' ').nth(1).unwrap_or_default() {
        "/api/version" => answer("200 OK", "", r#"{"version":"0.33.0"}"#),
        "/api/tags" => answer("200 OK", "", TAGS),
        "/api/ps" => answer("200 OK", "", loaded),
        _ => answer("404 Not Found", "", ""),
    })
}

fn open(url: &str, model: &str) -> Endpoint {
    let options = EndpointOptions { model: Some(model.to_owned()), ..EndpointOptions::default() };
    Endpoint::open(&[url], &options).unwrap()
}

#[test]
fn the_memory_of_another_loaded_model_is_not_that_of_the_asked_one() {
    let url = ollama(
        r#"{"models":[{"name":"large:70b","size":40000,"size_vram":20000,"context_length":8192}]}"#,
    );
    let other = open(&url, "small:latest");
    for endpoint in [&other, &other.look_again()] {
        let facts = endpoint.facts();
        assert_eq!((facts.model_bytes, facts.gpu_share_percent, facts.n_ctx), (None, None, None));
    }
    let asked = open(&url, "large:70b").look_again();
    assert_eq!(asked.facts().model_bytes, Some(Bytes(40_000)));
    assert_eq!((asked.facts().gpu_share_percent, asked.facts().n_ctx), (Some(50.0), Some(8192)));
}

#[test]
fn a_model_without_its_tag_is_the_same() {
    let url = ollama(r#"{"models":[{"name":"small:latest","size":4000,"size_vram":0}]}"#);
    let asked = open(&url, "small");
    assert_eq!(asked.facts().model_bytes, Some(Bytes(4_000)));
}

#[test]
fn a_model_that_is_gone_has_no_memory() {
    let asked = open(&ollama(r#"{"models":[]}"#), "small").look_again();
    assert_eq!(asked.facts().model_bytes, None);
}
