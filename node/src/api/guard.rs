//! Who may ask: a `Host` that is the loopback address, headers of bounded size, and for writes the
//! token.
//!
//! A page of any web site can make a browser send requests to the loopback address. It cannot read
//! the answers of another origin, unless its own name is made to resolve to that address (DNS
//! rebinding). Its name is then in `Host`, so a `Host` that is a name is refused.

use std::fmt;
use std::net::IpAddr;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::middleware::Next;
use axum::response::Response;

use super::ApiError;

const HEADERS_SIZE_MAX: usize = 16 << 10;

/// What a write must show. Never printed.
#[derive(Clone)]
pub(crate) struct Token(String);

impl Token {
    /// A new one from the system's random numbers.
    pub(crate) fn random() -> Result<Self, getrandom::Error> {
        let mut bytes = [0; 32];
        getrandom::fill(&mut bytes)?;
        Ok(Self(hex::encode(bytes)))
    }

    /// For `api.json`, whose reader may write.
    pub(crate) fn reveal(&self) -> &str {
        &self.0
    }

    /// Compares without telling by its duration how much was right.
    fn matches(&self, shown: &[u8]) -> bool {
        let known = self.0.as_bytes();
        let differences = known.iter().zip(shown).fold(0, |all, (a, b)| all | (a ^ b));
        std::hint::black_box(differences) == 0 && known.len() == shown.len()
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(..)")
    }
}

/// Lets only requests through that were meant for the loopback address.
pub(crate) async fn require_loopback(request: Request, next: Next) -> Result<Response, ApiError> {
    check_size(request.headers())?;
    check_host(request.uri(), request.headers())?;
    Ok(next.run(request).await)
}

/// Lets only requests through that show the token.
pub(crate) async fn require_token(
    State(token): State<Token>,
    request: Request,
    next: Next,
) -> Result<Response, ApiError> {
    check_token(&token, request.headers())?;
    tracing::info!(method = %request.method(), path = request.uri().path(), "a write");
    Ok(next.run(request).await)
}

fn check_size(headers: &HeaderMap) -> Result<(), ApiError> {
    let size: usize =
        headers.iter().map(|(name, value)| name.as_str().len() + value.as_bytes().len()).sum();
    if size > HEADERS_SIZE_MAX {
        let status = StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE;
        return Err(ApiError::new(status, "the headers are too large"));
    }
    Ok(())
}

fn check_host(uri: &Uri, headers: &HeaderMap) -> Result<(), ApiError> {
    let mut hosts = headers.get_all(header::HOST).iter();
    let host = hosts.next().ok_or_else(|| ApiError::bad_request("a Host header is required"))?;
    if hosts.next().is_some() {
        return Err(ApiError::bad_request("one Host header is allowed"));
    }
    let named = uri.authority().map(|authority| authority.as_str().as_bytes());
    for name in [Some(host.as_bytes()), named].into_iter().flatten() {
        if !std::str::from_utf8(name).is_ok_and(is_loopback) {
            let message = "the Host header must be the loopback address (127.0.0.1, [::1] or \
                           localhost)";
            return Err(ApiError::new(StatusCode::FORBIDDEN, message));
        }
    }
    Ok(())
}

/// True for a loopback address or `localhost`, with or without a port.
fn is_loopback(authority: &str) -> bool {
    let (host, port) = match authority.strip_prefix('[') {
        Some(rest) => match rest.split_once(']') {
            Some((address, port)) => {
                let is_v6 = address.parse::<std::net::Ipv6Addr>().is_ok();
                (if is_v6 { address } else { "" }, port)
            }
            None => return false,
        },
        None => match authority.find(':') {
            Some(colon) => authority.split_at(colon),
            None => (authority, ""),
        },
    };
    let port_is_fine = port.is_empty()
        || port.strip_prefix(':').is_some_and(|digits| {
            digits.bytes().all(|byte| byte.is_ascii_digit()) && digits.parse::<u16>().is_ok()
        });
    let host_is_loopback = host.eq_ignore_ascii_case("localhost")
        || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
    host_is_loopback && port_is_fine
}

fn check_token(token: &Token, headers: &HeaderMap) -> Result<(), ApiError> {
    let refused = |message| Err(ApiError::new(StatusCode::UNAUTHORIZED, message));
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let (Some(value), None) = (values.next(), values.next()) else {
        return refused("a write needs the token of api.json: `Authorization: Bearer TOKEN`");
    };
    let shown = value.as_bytes();
    let is_bearer = shown.get(..7).is_some_and(|name| name.eq_ignore_ascii_case(b"bearer "));
    if !is_bearer || !token.matches(&shown[7..]) {
        return refused("the token is not the one of api.json");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn headers(pairs: &[(header::HeaderName, &str)]) -> HeaderMap {
        let value = |text: &str| HeaderValue::from_str(text).expect("plain text");
        pairs.iter().map(|(name, text)| (name.clone(), value(text))).collect()
    }

    fn host_status(uri: &str, hosts: &[&str]) -> Option<StatusCode> {
        let mut headers = HeaderMap::new();
        for host in hosts {
            headers.append(header::HOST, HeaderValue::from_str(host).expect("plain text"));
        }
        check_host(&uri.parse().expect("a URI"), &headers).err().map(|error| error.status)
    }

    #[test]
    fn the_loopback_address_is_let_through() {
        for host in [
            "127.0.0.1",
            "127.0.0.1:7656",
            "127.0.0.1:1",
            "127.1.2.3:80",
            "[::1]",
            "[::1]:7656",
            "localhost",
            "LocalHost:7656",
        ] {
            assert_eq!(host_status("/api/v1/nodes", &[host]), None, "{host}");
        }
    }

    #[test]
    fn a_name_that_resolves_to_loopback_is_refused() {
        for host in [
            "evil.example",
            "evil.example:7656",
            "localhost.evil.example",
            "127.0.0.1.evil.example",
            "evil.example:127.0.0.1",
            "localhost:7656@evil.example",
            "127.0.0.1:7656:80",
            "127.0.0.1:",
            "127.0.0.1:+80",
            "127.0.0.1:99999",
            "::1",
            "[::1",
            "[::1]x",
            "[127.0.0.1]",
            "[localhost]",
            "0.0.0.0",
            "192.168.0.1",
            "127.1",
            "2130706433",
            "",
            " ",
        ] {
            assert_eq!(host_status("/", &[host]), Some(StatusCode::FORBIDDEN), "{host:?}");
        }
    }

    #[test]
    fn a_missing_or_second_host_is_a_bad_request() {
        assert_eq!(host_status("/", &[]), Some(StatusCode::BAD_REQUEST));
        let twice = ["127.0.0.1", "127.0.0.1"];
        assert_eq!(host_status("/", &twice), Some(StatusCode::BAD_REQUEST));
    }

    #[test]
    fn a_name_in_the_request_line_counts_too() {
        let status = host_status("http://evil.example/", &["127.0.0.1"]);
        assert_eq!(status, Some(StatusCode::FORBIDDEN));
        assert_eq!(host_status("http://127.0.0.1:7656/", &["127.0.0.1:7656"]), None);
    }

    #[test]
    fn only_the_whole_token_opens() {
        let token = Token("0123456789abcdef".into());
        let status = |text: &str| {
            let headers = headers(&[(header::AUTHORIZATION, text)]);
            check_token(&token, &headers).err().map(|error| error.status)
        };
        assert_eq!(status("Bearer 0123456789abcdef"), None);
        assert_eq!(status("bearer 0123456789abcdef"), None);
        for wrong in [
            "",
            "Bearer",
            "Bearer ",
            "Bearer 0123456789abcde",
            "Bearer 0123456789abcdef0",
            "Bearer 0123456789abcdeF",
            "Bearer  0123456789abcdef",
            "Basic 0123456789abcdef",
            "0123456789abcdef",
        ] {
            assert_eq!(status(wrong), Some(StatusCode::UNAUTHORIZED), "{wrong:?}");
        }
        let none = check_token(&token, &HeaderMap::new()).expect_err("refused");
        assert_eq!(none.status, StatusCode::UNAUTHORIZED);
    }

    #[test]
    fn a_token_is_long_random_and_never_printed() {
        let (one, other) = (Token::random().expect("random"), Token::random().expect("random"));
        assert_eq!(one.reveal().len(), 64);
        assert_ne!(one.reveal(), other.reveal());
        assert_eq!(format!("{one:?}"), "Token(..)");
    }

    #[test]
    fn large_headers_are_refused() {
        let text = "x".repeat(HEADERS_SIZE_MAX);
        let error = check_size(&headers(&[(header::COOKIE, &text)])).expect_err("refused");
        assert_eq!(error.status, StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE);
        assert_eq!(check_size(&headers(&[(header::HOST, "127.0.0.1")])), Ok(()));
    }
}
