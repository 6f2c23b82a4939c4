//! TLS, by a proxy with a certificate of its own before the stub.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rustls::ServerConfig;
use rustls::pki_types::PrivateKeyDer;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_rustls::TlsAcceptor;
use tokmark_http::{Endpoint, EndpointOptions, HttpError, TargetOptions};
use tokmark_model::{Load, RequestError};
use tokmark_stub::{Dialect, Running};

use crate::support::{requests, stub, workload};

/// A stub behind TLS; the proxy ends with the test's process.
struct Behind {
    url: String,
    ca_file: PathBuf,
    /// From now on every connection breaks off in mid-answer, by bytes that are no TLS.
    is_broken: Arc<AtomicBool>,
    _folder: tempfile::TempDir,
    _stub: Running,
}

/// `name` is who the certificate says that it is for.
fn behind_tls(name: &str) -> Behind {
    behind(rcgen::generate_simple_self_signed([name.to_owned()]).unwrap())
}

/// With the certificate of an authority as its own, as `openssl req -x509` makes it.
fn behind_an_authority(name: &str) -> Behind {
    let mut params = rcgen::CertificateParams::new([name.to_owned()]).unwrap();
    params.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let signing_key = rcgen::KeyPair::generate().unwrap();
    let cert = params.self_signed(&signing_key).unwrap();
    behind(rcgen::CertifiedKey { cert, signing_key })
}

fn behind(made: rcgen::CertifiedKey<rcgen::KeyPair>) -> Behind {
    let folder = tempfile::tempdir().unwrap();
    let ca_file = folder.path().join("ca.pem");
    std::fs::write(&ca_file, made.cert.pem()).unwrap();
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)
        .unwrap();
    let stub = stub(Dialect::OpenAi, "plain");
    let behind = stub.url().strip_prefix("http://").unwrap().trim_end_matches('/').to_owned();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let is_broken = Arc::new(AtomicBool::new(false));
    let breaks = is_broken.clone();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    std::thread::spawn(move || serve(listener, acceptor, &behind, breaks));
    let url = format!("https://localhost:{port}");
    Behind { url, ca_file, is_broken, _folder: folder, _stub: stub }
}

fn serve(
    listener: std::net::TcpListener,
    acceptor: TlsAcceptor,
    behind: &str,
    is_broken: Arc<AtomicBool>,
) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    listener.set_nonblocking(true).unwrap();
    runtime.block_on(async {
        let listener = tokio::net::TcpListener::from_std(listener).unwrap();
        while let Ok((client, _)) = listener.accept().await {
            let (acceptor, behind, is_broken) =
                (acceptor.clone(), behind.to_owned(), is_broken.clone());
            tokio::spawn(async move {
                // A client that does not trust us leaves here.
                let Ok(mut client) = acceptor.accept(client).await else { return };
                let mut server = tokio::net::TcpStream::connect(behind).await.unwrap();
                let _ = pass_on(&mut client, &mut server, &is_broken).await;
            });
        }
    });
}

/// Both ways, until one side leaves or the connection is to break.
async fn pass_on(
    client: &mut tokio_rustls::server::TlsStream<tokio::net::TcpStream>,
    server: &mut tokio::net::TcpStream,
    is_broken: &AtomicBool,
) -> std::io::Result<()> {
    let (mut up, mut down) = ([0; 4096], [0; 4096]);
    loop {
        tokio::select! {
            n = client.read(&mut up) => match n? {
                0 => return Ok(()),
                n => server.write_all(&up[..n]).await?,
            },
            n = server.read(&mut down) => match n? {
                0 => return client.shutdown().await,
                n => {
                    client.write_all(&down[..n]).await?;
                    client.flush().await?;
                    if is_broken.load(Ordering::SeqCst) {
                        // A record of application data that no key of this connection made.
                        let mut forged = vec![0x17, 3, 3, 0, 64];
                        forged.resize(5 + 64, 0);
                        return client.get_mut().0.write_all(&forged).await;
                    }
                }
            },
        }
    }
}

fn open(url: &str, target: TargetOptions) -> Result<Endpoint, HttpError> {
    Endpoint::open(&[url], &EndpointOptions { target, ..EndpointOptions::default() })
}

fn assert_answers(endpoint: &Endpoint) {
    for finished in requests(endpoint, &workload(Load::Concurrency { n: 2 }), 6, 1) {
        assert!(finished.sample.is_ok(), "{:?}", finished.sample);
        assert_eq!(finished.sample.n_text_events, 8);
    }
}

#[test]
fn a_certificate_of_ones_own_needs_its_file_or_the_users_consent() {
    let server = behind_tls("localhost");
    let refused = open(&server.url, TargetOptions::default()).unwrap_err().to_string();
    assert!(refused.contains("--ca") && refused.contains("--insecure"), "{refused}");
    let ca_file = Some(server.ca_file.clone());
    assert_answers(&open(&server.url, TargetOptions { ca_file, ..Default::default() }).unwrap());
    let insecure = TargetOptions { insecure: true, ..Default::default() };
    assert_answers(&open(&server.url, insecure).unwrap());
}

#[test]
fn a_trusted_certificate_for_another_name_is_refused() {
    let server = behind_tls("another.example");
    let ca_file = Some(server.ca_file.clone());
    let refused = open(&server.url, TargetOptions { ca_file, ..Default::default() });
    assert!(refused.unwrap_err().to_string().contains("certificate"));
}

#[test]
fn why_a_certificate_is_refused_is_told() {
    let refused = |server: &Behind| {
        let ca_file = Some(server.ca_file.clone());
        open(&server.url, TargetOptions { ca_file, ..Default::default() }).unwrap_err().to_string()
    };
    let authority = behind_an_authority("localhost");
    let said = refused(&authority);
    assert!(said.contains("CA:TRUE") && said.contains("basicConstraints"), "{said}");
    let insecure = TargetOptions { insecure: true, ..Default::default() };
    assert_answers(&open(&authority.url, insecure).unwrap());
    let said = refused(&behind_tls("another.example"));
    assert!(said.contains("another.example"), "{said}");
}

#[test]
fn a_connection_whose_tls_breaks_in_mid_answer_is_an_error_and_no_answer() {
    let server = behind_tls("localhost");
    let ca_file = Some(server.ca_file.clone());
    let endpoint = open(&server.url, TargetOptions { ca_file, ..Default::default() }).unwrap();
    assert_answers(&endpoint);
    server.is_broken.store(true, Ordering::SeqCst);
    for finished in requests(&endpoint, &workload(Load::Concurrency { n: 2 }), 6, 1) {
        let error = finished.sample.error.clone();
        assert_eq!(error, Some(RequestError::BrokenStream), "{:?}", finished.sample);
    }
    server.is_broken.store(false, Ordering::SeqCst);
    assert_answers(&endpoint);
}
