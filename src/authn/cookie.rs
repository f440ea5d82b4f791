//! The two cookies: one for a session, one for a login under way. `__Host-` keeps other hosts from planting them.

use http::header::COOKIE;
use http::{HeaderMap, HeaderValue};

use crate::authn::random;

/// The session's cookie. Strict: no other site can make a browser send it.
pub const SESSION: &str = "__Host-logboom-session";
/// The cookie of a login under way. Lax: it comes along when the identity provider sends the browser back.
pub const LOGIN: &str = "__Host-logboom-login";

/// What a request holds under a cookie's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Found<'a> {
    /// Nothing.
    None,
    /// One value in the form that this service hands out.
    One(&'a str),
    /// Two values, or one that this service never handed out.
    Odd,
}

/// Looks for a cookie.
#[must_use]
pub fn find<'a>(headers: &'a HeaderMap, name: &str) -> Found<'a> {
    let mut found = Found::None;
    for line in headers.get_all(COOKIE) {
        // A line that is not text cannot be told apart safely: it may hold the name.
        let Ok(line) = line.to_str() else { return Found::Odd };
        for pair in line.split(';') {
            let Some((key, value)) = pair.trim_matches([' ', '\t']).split_once('=') else { continue };
            if key != name {
                continue;
            }
            let fresh = found == Found::None && random::is_name(value);
            if !fresh {
                return Found::Odd;
            }
            found = Found::One(value);
        }
    }
    found
}

/// `Set-Cookie` for a session. It ends with the browser; the server ends it earlier.
#[must_use]
pub fn session(id: &str) -> Option<HeaderValue> {
    value(&format!("{SESSION}={id}; Path=/; Secure; HttpOnly; SameSite=Strict"))
}

/// `Set-Cookie` for a login under way.
#[must_use]
pub fn login(secret: &str, max_age_seconds: u64) -> Option<HeaderValue> {
    value(&format!("{LOGIN}={secret}; Path=/; Max-Age={max_age_seconds}; Secure; HttpOnly; SameSite=Lax"))
}

/// `Set-Cookie` that removes the session's cookie.
#[must_use]
pub const fn no_session() -> HeaderValue {
    HeaderValue::from_static("__Host-logboom-session=; Path=/; Max-Age=0; Secure; HttpOnly; SameSite=Strict")
}

/// `Set-Cookie` that removes the cookie of a login.
#[must_use]
pub const fn no_login() -> HeaderValue {
    HeaderValue::from_static("__Host-logboom-login=; Path=/; Max-Age=0; Secure; HttpOnly; SameSite=Lax")
}

fn value(text: &str) -> Option<HeaderValue> {
    let mut value = HeaderValue::from_str(text).ok()?;
    value.set_sensitive(true);
    Some(value)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn headers(lines: &[&str]) -> HeaderMap {
        lines.iter().map(|line| (COOKIE, HeaderValue::from_bytes(line.as_bytes()).unwrap())).collect()
    }

    #[test]
    fn a_cookie_counts_once_and_in_our_form_alone() {
        let id = random::name().unwrap();
        let id = id.expose();
        let ours = format!("{SESSION}={id}");
        assert_eq!(find(&headers(&[&format!("a=b; {ours}; c")]), SESSION), Found::One(id));
        assert_eq!(find(&headers(&["a=b", &ours]), SESSION), Found::One(id));
        assert_eq!(find(&headers(&["a=b"]), SESSION), Found::None);
        assert_eq!(find(&headers(&[&format!("x{ours}")]), SESSION), Found::None);
        for odd in [
            format!("{ours}; {ours}"),
            format!("{SESSION}="),
            format!("{SESSION}=ATTACKER-CHOSEN"),
            format!("{ours}x"),
            format!("{SESSION}=\"{id}\""),
        ] {
            assert_eq!(find(&headers(&[&odd]), SESSION), Found::Odd, "{odd}");
        }
        assert_eq!(find(&headers(&[&ours, &ours]), SESSION), Found::Odd);
    }

    proptest! {
        #[test]
        fn no_header_panics(line in "[ -~é]{0,80}") {
            let _ = find(&headers(&[&line]), SESSION);
        }
    }
}
