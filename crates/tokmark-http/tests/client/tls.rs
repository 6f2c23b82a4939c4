//! TLS, by a proxy with a certificate of its own before the stub.

use std::path::PathBuf;
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::pki_types::PrivateKeyDer;
use tokio_rustls::TlsAcceptor;
use tokmark_http::{Endpoint, EndpointOptions, HttpError, TargetOptions};
use tokmark_model::Load;
use tokmark_stub::{Dialect, Running};

use crate::support::{requests, stub, workload};

/// A stub behind TLS; the proxy ends with the test's process.
struct Behind {
    url: String,
    ca_file: PathBuf,
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
    std::thread::spawn(move || serve(listener, TlsAcceptor::from(Arc::new(config)), &behind));
    Behind { url: format!("https://localhost:{port}"), ca_file, _folder: folder, _stub: stub }
}

fn serve(listener: std::net::TcpListener, acceptor: TlsAcceptor, behind: &str) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    listener.set_nonblocking(true).unwrap();
    runtime.block_on(async {
        let listener = tokio::net::TcpListener::from_std(listener).unwrap();
        while let Ok((client, _)) = listener.accept().await {
            let (acceptor, behind) = (acceptor.clone(), behind.to_owned());
            tokio::spawn(async move {
                // A client that does not trust us leaves here.
                let Ok(mut client) = acceptor.accept(client).await else { return };
                let mut server = tokio::net::TcpStream::connect(behind).await.unwrap();
                let _ = tokio::io::copy_bidirectional(&mut client, &mut server).await;
            });
        }
    });
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
