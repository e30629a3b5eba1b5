//! Addresses of outside systems: taken from settings only, never from a payload.

use crossdock_domain::event::FailureClass;
use crossdock_step::Failure;
use http::Uri;
use http::uri::Scheme;

/// Checks a base URL: https, or http on this very machine; a host and nothing behind it. Gives it back without a
/// final slash.
///
/// # Errors
/// It is none; the message says what it must be.
pub(crate) fn base_url(text: &str) -> Result<String, String> {
    let rule = "base_url must be https://<host>, without a path (http only on 127.0.0.1 or localhost)";
    let uri: Uri = text.trim_end_matches('/').parse().map_err(|_| rule.to_owned())?;
    let authority = uri.authority().ok_or(rule)?;
    let host = authority.host();
    let is_local = host == "localhost" || host == "127.0.0.1" || host == "[::1]";
    let is_safe = uri.scheme() == Some(&Scheme::HTTPS) || (uri.scheme() == Some(&Scheme::HTTP) && is_local);
    let is_bare = matches!(uri.path(), "" | "/") && uri.query().is_none() && !authority.as_str().contains('@');
    if is_safe && is_bare && !host.is_empty() {
        Ok(text.trim_end_matches('/').to_owned())
    } else {
        Err(rule.to_owned())
    }
}

/// The failure of a connection whose settings or secret are not usable.
pub(crate) fn misconfigured(connection: &str, what: &str) -> Failure {
    Failure::permanent(FailureClass::Connection, format!("the connection {connection} cannot be used: {what}"))
}

/// A vendor's text as it may stand in an error: one line, bounded.
pub(crate) fn quoted(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(200).collect()
}

#[cfg(test)]
mod tests {
    use super::base_url;

    #[test]
    fn only_https_or_this_machine_is_an_address() {
        assert_eq!(base_url("https://api.shipbob.com/").as_deref(), Ok("https://api.shipbob.com"));
        assert_eq!(base_url("http://127.0.0.1:4601").as_deref(), Ok("http://127.0.0.1:4601"));
        for bad in [
            "http://api.shipbob.com",
            "http://169.254.169.254",
            "http://127.0.0.1.evil.example",
            "http://localhost@evil.example",
            "https://user:word@api.shipbob.com",
            "https://api.shipbob.com/path",
            "https://api.shipbob.com?x=1",
            "ftp://api.shipbob.com",
            "api.shipbob.com",
            "",
        ] {
            assert!(base_url(bad).is_err(), "{bad:?} must not be taken");
        }
    }
}
