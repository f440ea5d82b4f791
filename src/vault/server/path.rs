//! Paths in Vault.

use std::borrow::Cow;
use std::fmt;

/// The longest path that is taken, in bytes.
const MAX_BYTES: usize = 512;

/// A path below `/v1/`, such as `secret/data/logs/payments`.
///
/// `Debug` and `Display` show it: they are for operators' logs and `check-config`, never for answers to callers.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct VaultPath(Cow<'static, str>);

impl VaultPath {
    /// Renews a lease.
    pub const RENEW: Self = Self(Cow::Borrowed("sys/leases/renew"));

    /// Revokes a lease.
    pub const REVOKE: Self = Self(Cow::Borrowed("sys/leases/revoke"));

    /// Says whether a lease still stands.
    pub const LOOKUP: Self = Self(Cow::Borrowed("sys/leases/lookup"));

    /// Gives the token that asks more time.
    pub(super) const RENEW_SELF: Self = Self(Cow::Borrowed("auth/token/renew-self"));

    /// Ends the token that asks, with its leases.
    pub(super) const REVOKE_SELF: Self = Self(Cow::Borrowed("auth/token/revoke-self"));

    /// Says whether the token that asks is one.
    pub(super) const LOOKUP_SELF: Self = Self(Cow::Borrowed("auth/token/lookup-self"));

    /// Says where a wrapped answer comes from.
    pub(super) const LOOKUP_WRAPPING: Self = Self(Cow::Borrowed("sys/wrapping/lookup"));

    /// Hands out a wrapped answer, once.
    pub(super) const UNWRAP: Self = Self(Cow::Borrowed("sys/wrapping/unwrap"));

    /// Parses segments of letters, digits and `-_.@+=:` parted by single slashes; no segment is `.` or `..`.
    ///
    /// # Errors
    /// [`InvalidVaultPath`] otherwise.
    pub fn parse(text: &str) -> Result<Self, InvalidVaultPath> {
        let fits = (1..=MAX_BYTES).contains(&text.len()) && text.split('/').all(is_segment);
        fits.then(|| Self(Cow::Owned(text.to_owned()))).ok_or(InvalidVaultPath)
    }

    /// This path with one more below it.
    ///
    /// # Errors
    /// [`InvalidVaultPath`] when the whole is no path.
    pub fn join(&self, rest: &str) -> Result<Self, InvalidVaultPath> {
        Self::parse(&format!("{}/{rest}", self.0))
    }

    /// The path as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for VaultPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn is_segment(segment: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || b"-_.@+=:".contains(&b);
    !segment.is_empty() && segment != "." && segment != ".." && segment.bytes().all(allowed)
}

/// The text is no path in Vault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "a path in Vault is segments of letters, digits and -_.@+=: parted by /, without a slash at either end"
)]
pub struct InvalidVaultPath;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_path_cannot_climb_or_carry_a_query() {
        for bad in ["", "/a", "a/", "a//b", "a/../b", ".", "a?b", "a#b", "a%2e", "a b", "ä"] {
            assert_eq!(VaultPath::parse(bad), Err(InvalidVaultPath), "{bad}");
        }
        assert_eq!(VaultPath::parse("aws/sts/read-logs").unwrap().as_str(), "aws/sts/read-logs");
        assert_eq!(VaultPath::parse("secret").unwrap().join("data/x").unwrap().as_str(), "secret/data/x");
    }

    proptest! {
        #[test]
        fn what_is_a_path_stays_one_in_a_url(text in "\\PC{0,40}|[a-z./?#%@:+=-]{1,40}") {
            if let Ok(path) = VaultPath::parse(&text) {
                let url = url::Url::parse(&format!("https://vault.example/v1/{path}")).unwrap();
                prop_assert_eq!(url.path(), format!("/v1/{text}"));
                prop_assert!(url.query().is_none() && url.fragment().is_none());
            }
        }
    }
}
