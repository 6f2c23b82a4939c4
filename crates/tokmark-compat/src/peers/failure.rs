//! Kinds of failed requests, told from what another tool wrote of them. The words themselves
//! are not kept: they may quote an address or a header.

use tokmark_model::RequestError;

/// What servers say for a status, where a tool keeps only that (`vllm bench serve` keeps
/// aiohttp's `reason`).
const REASONS: [(&str, u16); 14] = [
    ("bad request", 400),
    ("unauthorized", 401),
    ("forbidden", 403),
    ("not found", 404),
    ("method not allowed", 405),
    ("request timeout", 408),
    ("request entity too large", 413),
    ("unprocessable entity", 422),
    ("unprocessable content", 422),
    ("too many requests", 429),
    ("internal server error", 500),
    ("bad gateway", 502),
    ("service unavailable", 503),
    ("gateway timeout", 504),
];

/// Before a status: AIPerf, GuideLLM over httpx, vLLM's Rust client.
const STATUS_MARKS: [&str; 5] = ["http ", "error '", "status code ", "status=", "status: "];

/// Parts of messages of aiohttp, httpx, reqwest and Python, in the order in which they decide.
const PARTS: [(&str, RequestError); 26] = [
    ("cancelled", RequestError::Cut),
    ("cancellation", RequestError::Cut),
    ("never received a valid chunk", RequestError::Empty),
    ("no responses with actual content", RequestError::Empty),
    ("invalidinferenceresult", RequestError::Empty),
    ("certificate", RequestError::Tls),
    ("ssl", RequestError::Tls),
    ("tls", RequestError::Tls),
    ("connect call failed", RequestError::Connect),
    ("cannot connect", RequestError::Connect),
    ("connection refused", RequestError::Connect),
    ("connectionrefused", RequestError::Connect),
    ("connecttimeout", RequestError::Connect),
    ("connecterror", RequestError::Connect),
    ("clientconnector", RequestError::Connect),
    ("error trying to connect", RequestError::Connect),
    ("name or service not known", RequestError::Connect),
    ("dns error", RequestError::Connect),
    ("timeout", RequestError::Timeout),
    ("timed out", RequestError::Timeout),
    ("jsondecode", RequestError::Malformed),
    ("expecting value", RequestError::Malformed),
    ("disconnected", RequestError::BrokenStream),
    ("stream error", RequestError::BrokenStream),
    ("payloaderror", RequestError::BrokenStream),
    ("sseresponse", RequestError::Server),
];

/// The kind of the failure that `message` tells of; `None` where it's none of the known.
pub(super) fn kind(message: &str) -> Option<RequestError> {
    let message = message.to_ascii_lowercase();
    let reason = REASONS.iter().find(|(reason, _)| *reason == message.trim());
    let status = reason.map(|(_, code)| *code).or_else(|| status(&message));
    if let Some(code) = status {
        return Some(RequestError::Status { code });
    }
    let known = PARTS.iter().find(|(part, _)| message.contains(part));
    known.map(|(_, kind)| kind.clone()).or_else(|| {
        let broken = ["connection reset", "connectionreset", "readerror", "protocolerror"];
        broken.iter().any(|part| message.contains(part)).then_some(RequestError::BrokenStream)
    })
}

/// A status of 400 to 599 behind one of the marks.
fn status(message: &str) -> Option<u16> {
    STATUS_MARKS.iter().find_map(|mark| {
        let (_, rest) = message.split_once(mark)?;
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        rest[..digits].parse().ok().filter(|code| (400..600).contains(code))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_of_each_tool_are_told_apart() {
        let status = |code| Some(RequestError::Status { code });
        let told = [
            ("Too Many Requests", status(429)),
            ("HTTP 503 Service Unavailable: {\"error\":\"full\"}", status(503)),
            ("HTTPStatusError: Client error '401 Unauthorized' for url 'x'", status(401)),
            (
                "RequestCancellationError Request was cancelled after 0.000 seconds",
                Some(RequestError::Cut),
            ),
            ("Never received a valid chunk to calculate TTFT.", Some(RequestError::Empty)),
            (
                "aiohttp.client_exceptions.ClientConnectorError: Cannot connect to host",
                Some(RequestError::Connect),
            ),
            ("SSLCertVerificationError", Some(RequestError::Tls)),
            ("TimeoutError", Some(RequestError::Timeout)),
            ("json.decoder.JSONDecodeError: Expecting value", Some(RequestError::Malformed)),
            ("ServerDisconnectedError: Server disconnected", Some(RequestError::BrokenStream)),
            ("ConnectionResetError", Some(RequestError::BrokenStream)),
            ("http 200 and then something odd", None),
        ];
        for (message, expected) in told {
            assert_eq!(kind(message), expected, "{message}");
        }
    }
}
