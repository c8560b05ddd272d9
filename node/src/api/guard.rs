//! Who may ask: a `Host` that is the loopback address, headers of bounded size, and for writes the
//! token. Beyond the loopback address everybody needs the token for everything, and may call the
//! node by any name.
//!
//! A page of any web site can make a browser send requests to the loopback address. It cannot read
//! the answers of another origin, unless its own name is made to resolve to that address (DNS
//! rebinding). Its name is then in `Host`, so a `Host` that is a name is refused. No web page has
//! the token.

use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::middleware::Next;
use axum::response::Response;
use subtle::ConstantTimeEq as _;

use super::ApiError;

const HEADERS_SIZE_MAX: usize = 16 << 10;
/// Whoever guesses must not get through all tokens of fewer characters.
const TOKEN_SIZE_MIN: usize = 32;
const TOKEN_SIZE_MAX: usize = 512;
/// Covers a large import over a slow line to a slow disk.
const PATIENCE: Duration = Duration::from_secs(60);

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

    /// One that an operator chose; the error says what it must be.
    pub(crate) fn chosen(text: &str) -> Result<Self, String> {
        let text = text.trim();
        let plain = text.bytes().all(|byte| byte.is_ascii_graphic());
        match (TOKEN_SIZE_MIN..=TOKEN_SIZE_MAX).contains(&text.len()) && plain {
            true => Ok(Self(text.to_owned())),
            false => Err(format!(
                "a token is {TOKEN_SIZE_MIN} to {TOKEN_SIZE_MAX} visible ASCII characters on one \
                 line"
            )),
        }
    }

    /// For `api.json`, whose reader may write.
    pub(crate) fn reveal(&self) -> &str {
        &self.0
    }

    /// Compares without telling by its duration how much was right.
    fn matches(&self, shown: &[u8]) -> bool {
        self.0.as_bytes().ct_eq(shown).into()
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(..)")
    }
}

/// What a request has to show.
#[derive(Clone, Debug)]
pub(super) struct Access {
    token: Token,
    beyond_loopback: bool,
}

impl Access {
    pub(super) fn new(token: Token, beyond_loopback: bool) -> Self {
        Self { token, beyond_loopback }
    }

    /// For routes that are described and not served.
    pub(super) fn nobody() -> Self {
        Self::new(Token(String::new()), true)
    }
}

/// Lets only requests through that were meant for the loopback address, or show the token.
pub(super) async fn require_access(
    State(access): State<Access>,
    request: Request,
    next: Next,
) -> Result<Response, ApiError> {
    check_size(request.headers())?;
    check_host(request.uri(), request.headers(), access.beyond_loopback)?;
    if access.beyond_loopback {
        check_token(&access.token, request.headers())?;
    }
    Ok(next.run(request).await)
}

/// Lets only requests through that show the token.
pub(super) async fn require_token(
    State(access): State<Access>,
    request: Request,
    next: Next,
) -> Result<Response, ApiError> {
    check_token(&access.token, request.headers())?;
    tracing::info!(method = %request.method(), path = request.uri().path(), "a write");
    Ok(next.run(request).await)
}

/// Gives up on a request whose body does not come or whose answer does not begin.
pub(super) async fn require_patience(request: Request, next: Next) -> Result<Response, ApiError> {
    tokio::time::timeout(PATIENCE, next.run(request))
        .await
        .map_err(|_elapsed| ApiError::new(StatusCode::REQUEST_TIMEOUT, "the request took too long"))
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

fn check_host(uri: &Uri, headers: &HeaderMap, any_name: bool) -> Result<(), ApiError> {
    let mut hosts = headers.get_all(header::HOST).iter();
    let host = hosts.next().ok_or_else(|| ApiError::bad_request("a Host header is required"))?;
    if hosts.next().is_some() {
        return Err(ApiError::bad_request("one Host header is allowed"));
    }
    if any_name {
        return Ok(());
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
        || host.parse::<IpAddr>().is_ok_and(|address| address.to_canonical().is_loopback());
    host_is_loopback && port_is_fine
}

fn check_token(token: &Token, headers: &HeaderMap) -> Result<(), ApiError> {
    let refused = |message| Err(ApiError::new(StatusCode::UNAUTHORIZED, message));
    let mut values = headers.get_all(header::AUTHORIZATION).iter();
    let (Some(value), None) = (values.next(), values.next()) else {
        return refused("the token of api.json is needed: `Authorization: Bearer TOKEN`");
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
        check_host(&uri.parse().expect("a URI"), &headers, false).err().map(|error| error.status)
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
            "[::ffff:127.0.0.1]:7656",
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
    fn beyond_loopback_a_node_has_any_one_name() {
        let check = |headers: &HeaderMap| check_host(&Uri::from_static("/"), headers, true);
        assert_eq!(check(&headers(&[(header::HOST, "roll.example")])), Ok(()));
        assert_eq!(check(&HeaderMap::new()).err().map(|e| e.status.as_u16()), Some(400));
    }

    #[test]
    fn a_chosen_token_is_long_and_visible() {
        let good = "0123456789abcdef0123456789ABCDEF";
        assert_eq!(Token::chosen(&format!("{good}\n")).expect("good").reveal(), good);
        for bad in ["", "short", &good[1..], &format!("{good} x"), &format!("{good}\nx"), "é"] {
            assert!(Token::chosen(bad).is_err(), "{bad:?}");
        }
        assert!(Token::chosen(&"x".repeat(TOKEN_SIZE_MAX + 1)).is_err());
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
