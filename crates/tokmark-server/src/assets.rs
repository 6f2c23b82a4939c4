//! Style, scripts and icon: files of the binary.

use std::collections::HashMap;
use std::io::Write as _;
use std::sync::{LazyLock, Mutex, PoisonError};

use axum::Router;
use axum::body::Bytes;
use axum::extract::Path;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use flate2::Compression;
use flate2::write::GzEncoder;
use rust_embed::RustEmbed;

use crate::state::State;

#[derive(RustEmbed)]
#[folder = "assets/"]
struct Assets;

pub(crate) fn routes() -> Router<State> {
    Router::new().route("/assets/plot.css", get(plot_sheet)).route("/assets/{name}", get(asset))
}

/// Text of an asset, for static sites.
pub(crate) fn text(name: &str) -> Option<String> {
    let file = Assets::get(name)?;
    String::from_utf8(file.data.into_owned()).ok()
}

/// Larger files are packed once, not for each who asks.
const LARGE: usize = 100_000;

static PACKED: LazyLock<Mutex<HashMap<String, Bytes>>> = LazyLock::new(Mutex::default);

fn packed(name: &str, data: &[u8]) -> std::io::Result<Bytes> {
    let mut all = PACKED.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(kept) = all.get(name) {
        return Ok(kept.clone());
    }
    let mut writer = GzEncoder::new(Vec::new(), Compression::best());
    writer.write_all(data)?;
    let bytes = Bytes::from(writer.finish()?);
    all.insert(name.to_owned(), bytes.clone());
    Ok(bytes)
}

async fn asset(Path(name): Path<String>, headers: HeaderMap) -> Response {
    let Some(file) = Assets::get(&name) else {
        return (StatusCode::NOT_FOUND, "there is no such file\n").into_response();
    };
    let kind = match name.rsplit_once('.').map(|(_, end)| end) {
        Some("css") => "text/css; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("svg") => "image/svg+xml",
        Some("txt") => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    };
    let takes = headers.get(header::ACCEPT_ENCODING).and_then(|value| value.to_str().ok());
    // Whoever weighs encodings is served by the layer that weighs them too.
    let takes_gzip = takes.is_some_and(|takes| takes.split(',').any(|one| one.trim() == "gzip"));
    let packed = (takes_gzip && file.data.len() > LARGE).then(|| packed(&name, &file.data));
    let (mut response, is_packed) = match packed {
        Some(Ok(packed)) => (packed.into_response(), true),
        _ => (file.data.into_owned().into_response(), false),
    };
    let headers = response.headers_mut();
    if is_packed {
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        headers.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
    }
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("max-age=300"));
    response
}

async fn plot_sheet() -> Response {
    let headers =
        [(header::CONTENT_TYPE, "text/css; charset=utf-8"), (header::CACHE_CONTROL, "max-age=300")];
    (headers, tokmark_plot::stylesheet()).into_response()
}
