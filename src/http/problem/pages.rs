//! The page behind each problem's `type`, from `docs/problems/`.

macro_rules! pages {
    ($($slug:literal),* $(,)?) => {
        /// The text that explains a problem; `None` for a slug that is not one.
        #[must_use]
        pub fn text(slug: &str) -> Option<&'static str> {
            match slug {
                $($slug => Some(include_str!(concat!("../../../docs/problems/", $slug, ".md"))),)*
                _ => None,
            }
        }
    };
}

pages!(
    "credentials-unavailable",
    "cross-site-request",
    "forbidden",
    "identity-provider-unavailable",
    "internal",
    "invalid-request",
    "login-failed",
    "login-state-mismatch",
    "method-not-allowed",
    "misdirected-request",
    "not-decodable",
    "not-found",
    "not-supported-by-provider",
    "object-archived",
    "overloaded",
    "policy-error",
    "precondition-failed",
    "range-not-satisfiable",
    "rate-limited",
    "receipts-not-set-up",
    "redacted",
    "scope-does-not-fit",
    "search-too-large",
    "state-store-unavailable",
    "store-misconfigured",
    "store-timeout",
    "store-unavailable",
    "too-large",
    "unauthenticated",
    "vault-unavailable",
    "vending-not-set-up",
    "vending-stopped",
);

#[cfg(test)]
mod tests {
    use crate::http::problem::Slug;

    #[test]
    fn every_problem_has_a_page_of_its_own() {
        for slug in Slug::ALL {
            let (name, status, title) = slug.parts();
            let text = super::text(name).unwrap();
            assert!(
                text.starts_with(&format!("# {title}\n\n`{name}`, status {}", status.as_u16())),
                "{name}"
            );
        }
    }
}
