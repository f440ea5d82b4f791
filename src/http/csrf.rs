//! Whether a request with a session cookie was made by a page of ours.
//!
//! Two defences, both needed: the browser's own word (Fetch Metadata, or `Origin` where a browser has none), and a
//! header that pages of other sites cannot add without asking us first.

use http::{HeaderMap, HeaderName, Method};
use url::Url;

use crate::http::problem::{Problem, Slug};

/// Every request of our pages that changes something carries it, with the value `1`.
pub const X_LOGBOOM_CSRF: HeaderName = HeaderName::from_static("x-logboom-csrf");

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Another site, or nobody knows who, made the request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CrossSite;

/// Checks a request that came with a session cookie. Methods that change nothing pass: their answers cannot be read
/// by other sites, since no answer allows it.
pub fn check(method: &Method, headers: &HeaderMap, public_url: &Url) -> Result<(), CrossSite> {
    if matches!(*method, Method::GET | Method::HEAD) {
        return Ok(());
    }
    let marked = headers.get(X_LOGBOOM_CSRF).is_some_and(|value| value.as_bytes() == b"1");
    let ours = match headers.get(SEC_FETCH_SITE) {
        Some(site) => site.as_bytes() == b"same-origin",
        None => headers
            .get(http::header::ORIGIN)
            .is_some_and(|origin| origin.as_bytes() == public_url.origin().ascii_serialization().as_bytes()),
    };
    if marked && ours { Ok(()) } else { Err(CrossSite) }
}

/// The answer to it.
#[must_use]
pub fn problem() -> Problem {
    Problem::new(
        Slug::CrossSiteRequest,
        "The request came with a session cookie, but not from a page of this service",
    )
    .hint("Programs use a bearer token; pages send X-Logboom-CSRF: 1 from their own origin")
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn check_post(headers: &[(&'static str, &'static str)]) -> Result<(), CrossSite> {
        let headers = headers
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)))
            .collect();
        check(&Method::POST, &headers, &Url::parse("https://logs.example").unwrap())
    }

    #[test]
    fn only_a_marked_request_of_our_own_origin_passes() {
        let mark = ("x-logboom-csrf", "1");
        assert_eq!(check_post(&[mark, ("sec-fetch-site", "same-origin")]), Ok(()));
        assert_eq!(check_post(&[mark, ("origin", "https://logs.example")]), Ok(()));
        for bad in [
            &[][..],
            &[mark],
            &[("sec-fetch-site", "same-origin")],
            &[mark, ("sec-fetch-site", "cross-site")],
            &[mark, ("sec-fetch-site", "same-site")],
            &[mark, ("sec-fetch-site", "none")],
            &[mark, ("origin", "https://logs.example.evil")],
            &[mark, ("origin", "null")],
            &[mark, ("sec-fetch-site", "cross-site"), ("origin", "https://logs.example")],
            &[("x-logboom-csrf", "0"), ("sec-fetch-site", "same-origin")],
        ] {
            assert_eq!(check_post(bad), Err(CrossSite), "{bad:?}");
        }
    }
}
