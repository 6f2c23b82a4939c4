//! Where requests go and what they carry besides their body.

use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use tokmark_wire::BaseUrl;

use crate::HttpError;

/// Characters that tell whether a word begins like a secret: servers hide only the rest.
const BEGIN_OF_SECRET: usize = 6;
/// Shorter values of headers are no secrets, but may be parts of any word.
const SHORTEST_SECRET: usize = 4;
/// The same of one word of several in a header: `Bearer` is none, the key behind it is.
const SHORTEST_WORD: usize = 8;

/// How connections are made.
#[derive(Clone, Default)]
pub struct TargetOptions {
    /// Headers as `(name, value)`, sent with every request. Never shown.
    pub headers: Vec<(String, String)>,
    /// Sent as `Authorization: Bearer`. Never shown.
    pub api_key: Option<String>,
    /// Accept any certificate.
    pub insecure: bool,
    /// Certificates in PEM that are trusted besides the usual ones.
    pub ca_file: Option<PathBuf>,
}

impl fmt::Debug for TargetOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TargetOptions")
            .field("n_headers", &self.headers.len())
            .field("has_api_key", &self.api_key.is_some())
            .field("insecure", &self.insecure)
            .field("ca_file", &self.ca_file)
            .finish()
    }
}

/// One base URL, resolved, with everything that its requests have in common.
#[derive(Clone)]
pub struct Target {
    pub(crate) url: BaseUrl,
    pub(crate) addresses: Vec<SocketAddr>,
    pub(crate) tls: Option<(Arc<ClientConfig>, ServerName<'static>)>,
    /// `Host` and all other headers of a request, each line ended by CRLF.
    head: String,
    /// Keys, passwords and values of the user's headers.
    secrets: Vec<String>,
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Target").field("url", &self.url.to_string()).finish_non_exhaustive()
    }
}

impl Target {
    /// Resolves the host of `url` and reads the certificates.
    ///
    /// # Errors
    /// When the name has no address, a header can't be sent, or a certificate can't be read.
    pub async fn resolve(url: BaseUrl, options: &TargetOptions) -> Result<Self, HttpError> {
        let (host, port) = (host_of(&url), port_of(&url));
        let bare = host.trim_start_matches('[').trim_end_matches(']');
        let unresolved = |reason: String| HttpError::Resolve { host: host.clone(), reason };
        let addresses: Vec<SocketAddr> = tokio::net::lookup_host((bare, port))
            .await
            .map_err(|error| unresolved(error.to_string()))?
            .collect();
        if addresses.is_empty() {
            return Err(unresolved("the name has no address".to_owned()));
        }
        let tls = if url.at("/").scheme() == "https" {
            let name = ServerName::try_from(bare.to_owned())
                .map_err(|_| unresolved("not a name that a certificate can carry".to_owned()))?;
            Some((Arc::new(tls_config(options)?), name))
        } else {
            None
        };
        let head = head(&url, options)?;
        let secrets = secrets(&url, options);
        Ok(Target { url, addresses, tls, head, secrets })
    }

    /// `text` of a server without what it repeats of keys, passwords and headers: a word with a
    /// secret in it, or one that begins like one, becomes `***`.
    pub(crate) fn without_secrets(&self, text: &str) -> String {
        let begins_alike = |word: &str, secret: &str| {
            let begin: String = secret.chars().take(BEGIN_OF_SECRET).collect();
            begin.len() < secret.len() && word.contains(&begin)
        };
        let tells = |word: &str| {
            self.secrets.iter().any(|own| word.contains(own) || begins_alike(word, own))
        };
        let mut text = text.to_owned();
        for secret in self.secrets.iter().filter(|secret| secret.contains(' ')) {
            text = text.replace(secret.as_str(), "***");
        }
        let words: Vec<&str> =
            text.split(' ').map(|word| if tells(word) { "***" } else { word }).collect();
        words.join(" ")
    }

    /// Its base URL, without user, password and query.
    pub fn url(&self) -> &BaseUrl {
        &self.url
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        port_of(&self.url)
    }

    /// Whether it is this machine.
    pub fn is_local(&self) -> bool {
        self.addresses.iter().all(|address| address.ip().is_loopback())
    }

    /// The bytes of a request up to its body. `accept` names what the answer may be.
    pub(crate) fn request(&self, method: &str, path: &str, body: &[u8], extra: &str) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.head.len() + body.len() + 160);
        let url = self.url.at(path);
        let path = match url.query() {
            Some(query) => format!("{}?{query}", url.path()),
            None => url.path().to_owned(),
        };
        bytes.extend_from_slice(format!("{method} {path} HTTP/1.1\r\n").as_bytes());
        bytes.extend_from_slice(self.head.as_bytes());
        bytes.extend_from_slice(extra.as_bytes());
        if !body.is_empty() {
            let length = body.len();
            let lines = format!("content-type: application/json\r\ncontent-length: {length}\r\n");
            bytes.extend_from_slice(lines.as_bytes());
        }
        bytes.extend_from_slice(b"\r\n");
        bytes.extend_from_slice(body);
        bytes
    }
}

fn host_of(url: &BaseUrl) -> String {
    url.at("/").host_str().unwrap_or_default().to_owned()
}

fn port_of(url: &BaseUrl) -> u16 {
    url.at("/").port_or_known_default().unwrap_or(80)
}

/// Host, and the port where it is not the scheme's own.
fn authority(url: &BaseUrl) -> String {
    match url.at("/").port() {
        Some(port) => format!("{}:{port}", host_of(url)),
        None => host_of(url),
    }
}

/// Everything of a request's head that nobody else may see: header values and their words, the
/// key, the password and what stands for it in the head, the values of the address's query.
fn secrets(url: &BaseUrl, options: &TargetOptions) -> Vec<String> {
    let mut all: Vec<String> = options.api_key.iter().cloned().collect();
    for (_, value) in &options.headers {
        let value = value.trim();
        all.push(value.to_owned());
        let words: Vec<&str> = value.split_ascii_whitespace().collect();
        if words.len() > 1 {
            all.extend(words.iter().filter(|w| w.len() >= SHORTEST_WORD).map(|w| (*w).to_owned()));
        }
        if let [scheme, encoded] = words[..]
            && scheme.eq_ignore_ascii_case("basic")
        {
            // Of `user:password` the password is the secret.
            let decoded = STANDARD.decode(encoded).ok().and_then(|b| String::from_utf8(b).ok());
            all.extend(decoded.and_then(|pair| Some(pair.split_once(':')?.1.to_owned())));
        }
    }
    if let Some((user, password)) = url.basic_auth() {
        all.push(STANDARD.encode(format!("{user}:{password}")));
        all.push(password);
    }
    all.extend(url.query_values());
    all.retain(|secret| secret.len() >= SHORTEST_SECRET);
    all
}

fn head(url: &BaseUrl, options: &TargetOptions) -> Result<String, HttpError> {
    let mut head = format!(
        "host: {}\r\nuser-agent: tokmark/{}\r\naccept: text/event-stream, application/json, */*\r\n",
        authority(url),
        env!("CARGO_PKG_VERSION"),
    );
    let basic = url.basic_auth().map(|(user, password)| {
        let encoded = STANDARD.encode(format!("{user}:{password}"));
        ("authorization", format!("Basic {encoded}"))
    });
    let key = options.api_key.as_ref().map(|key| ("authorization", format!("Bearer {key}")));
    let key = key.or(basic);
    let own = options.headers.iter().map(|(name, value)| (name.as_str(), value.clone()));
    for (name, value) in own.chain(key) {
        let is_name = !name.is_empty()
            && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b));
        let is_value = value.bytes().all(|b| b == b'\t' || (b >= 0x20 && b != 0x7f));
        if !is_name || !is_value {
            return Err(HttpError::Header { name: name.escape_default().to_string() });
        }
        head += &format!("{name}: {value}\r\n");
    }
    Ok(head)
}

fn tls_config(options: &TargetOptions) -> Result<ClientConfig, HttpError> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider.clone())
        .with_safe_default_protocol_versions()
        .map_err(|error| HttpError::Tls { reason: error.to_string() })?;
    let mut config = if options.insecure {
        builder
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(AnyCertificate { provider }))
            .with_no_client_auth()
    } else {
        let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
        if let Some(file) = &options.ca_file {
            add_certificates(&mut roots, file)?;
        }
        builder.with_root_certificates(roots).with_no_client_auth()
    };
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(config)
}

fn add_certificates(roots: &mut RootCertStore, file: &Path) -> Result<(), HttpError> {
    let failed = |reason: String| HttpError::Certificate { file: file.to_owned(), reason };
    let certificates = CertificateDer::pem_file_iter(file).map_err(|e| failed(e.to_string()))?;
    let mut n = 0;
    for certificate in certificates {
        let certificate = certificate.map_err(|error| failed(error.to_string()))?;
        roots.add(certificate).map_err(|error| failed(error.to_string()))?;
        n += 1;
    }
    if n == 0 { Err(failed("there is no certificate in it".to_owned())) } else { Ok(()) }
}

/// Takes every certificate, as the user asked with `--insecure`; signatures still count.
#[derive(Debug)]
struct AnyCertificate {
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for AnyCertificate {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
