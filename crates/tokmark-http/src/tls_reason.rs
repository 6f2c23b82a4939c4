//! Why a TLS handshake failed, for people.

use std::io;

use rustls::{CertificateError, Error};

/// Why the handshake that ended with `error` failed, and what would help; one clause about the
/// server.
pub(crate) fn tls_reason(error: &io::Error) -> String {
    match error.get_ref().and_then(|inner| inner.downcast_ref::<Error>()) {
        Some(Error::InvalidCertificate(wrong)) => certificate_reason(wrong),
        Some(other) => broken_off(other),
        None => broken_off(error),
    }
}

fn broken_off(why: &dyn std::fmt::Display) -> String {
    format!(
        "breaks off the TLS handshake ({why}); is it http or https? Where the certificate is the \
         reason, --ca FILE trusts another, --insecure any"
    )
}

fn certificate_reason(wrong: &CertificateError) -> String {
    let offers = "offers no valid certificate";
    match wrong {
        CertificateError::UnknownIssuer => {
            format!(
                "{offers}: nobody who is trusted signed it; --ca FILE trusts another, --insecure any"
            )
        }
        CertificateError::Other(other) if format!("{other:?}").contains("CaUsedAsEndEntity") => {
            format!(
                "{offers}: it is that of an authority (CA:TRUE, as openssl req -x509 makes it) and \
                 not of a server, even where --ca trusts it; make it with -addext \
                 basicConstraints=critical,CA:FALSE and -addext subjectAltName=DNS:NAME, or take \
                 any by --insecure"
            )
        }
        other => format!("{offers}: {other}; --insecure takes any"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_with_a_certificate_is_told_with_what_helps() {
        let reason = |error| tls_reason(&io::Error::other(Error::InvalidCertificate(error)));
        let unknown = reason(CertificateError::UnknownIssuer);
        assert!(unknown.contains("--ca FILE") && unknown.contains("--insecure"), "{unknown}");
        let expired = reason(CertificateError::Expired);
        assert!(expired.to_lowercase().contains("expired"), "{expired}");
        assert!(tls_reason(&io::Error::other("gone")).contains("http or https"));
    }
}
