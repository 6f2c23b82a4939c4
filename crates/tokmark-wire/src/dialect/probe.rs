//! What is asked of an unknown server, and its answers.

use std::fmt;

/// A request with the method GET and no body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Probe {
    /// Path, to be resolved by [`crate::BaseUrl::at`].
    pub path: &'static str,
}

/// Every path whose answer [`super::identify`] looks at. All may be asked at once; a path that
/// is not answered is left out of the answers.
const PROBES: [Probe; 14] = [
    Probe { path: "/v1/models" },
    Probe { path: "/health" },
    Probe { path: "/props" },
    Probe { path: "/slots" },
    Probe { path: "/version" },
    Probe { path: "/metrics" },
    Probe { path: "/get_server_info" },
    Probe { path: "/server_info" },
    Probe { path: "/api/version" },
    Probe { path: "/api/tags" },
    Probe { path: "/api/ps" },
    Probe { path: "/api/v0/models" },
    Probe { path: "/api/v1/models" },
    Probe { path: "/api/v1/health" },
];

/// What to ask an unknown server.
pub fn probes() -> &'static [Probe] {
    &PROBES
}

/// What came back for a [`Probe`]. Its `Debug` leaves out headers and body: SGLang shows its
/// API key in one of them.
#[derive(Clone, PartialEq, Eq)]
pub struct ProbeAnswer {
    /// The probe's path.
    pub path: String,
    /// HTTP status.
    pub status: u16,
    /// Headers; names in any case.
    pub headers: Vec<(String, String)>,
    /// The body, not decoded.
    pub body: Vec<u8>,
}

impl ProbeAnswer {
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        let named = self.headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name));
        named.map(|(_, value)| value.as_str())
    }
}

impl fmt::Debug for ProbeAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProbeAnswer")
            .field("path", &self.path)
            .field("status", &self.status)
            .field("n_body_bytes", &self.body.len())
            .finish_non_exhaustive()
    }
}
