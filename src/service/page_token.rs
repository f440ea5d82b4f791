//! Page tokens: the cloud's own cursor, sealed so that it works for one person and one listing alone.

use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};

use crate::domain::bucket::BucketId;
use crate::domain::key::Prefix;
use crate::domain::principal::PrincipalId;
use crate::domain::time::Timestamp;
use crate::vault::seal::{SealError, Sealer};

/// How long a token can be used; a listing is walked in minutes.
const LIFETIME: Duration = Duration::from_hours(24);

/// The longest token that is looked at, in bytes. Azure's markers are the longest cursors, some hundred bytes.
const MAX_TOKEN_BYTES: usize = 16 * 1024;

/// What a token is good for: the same person asking for the same listing.
#[derive(Debug, Clone, Copy)]
pub struct Listing<'a> {
    /// Who asks.
    pub principal: &'a PrincipalId,
    /// Of which bucket.
    pub bucket: &'a BucketId,
    /// Which prefix.
    pub prefix: &'a Prefix,
    /// Whether with a delimiter.
    pub folded: bool,
}

/// Where a listing goes on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Position {
    /// The folder of the person's scope that is being listed; empty where the prefix itself is listed.
    pub scope: Option<String>,
    /// The cloud's cursor; `None` at the beginning of a scope.
    pub cursor: Option<String>,
    /// When the token was made, in ms since the epoch.
    made_at: i64,
}

impl Position {
    /// A position as of now.
    #[must_use]
    pub const fn new(scope: Option<String>, cursor: Option<String>, now: Timestamp) -> Self {
        Self { scope, cursor, made_at: now.unix_millis() }
    }
}

/// Makes and opens page tokens.
#[derive(Debug)]
pub struct PageTokens {
    sealer: Sealer,
}

impl PageTokens {
    /// Takes the sealer for [`crate::vault::seal::Purpose::PageToken`].
    #[must_use]
    pub const fn new(sealer: Sealer) -> Self {
        Self { sealer }
    }

    /// Makes a token.
    ///
    /// # Errors
    /// [`SealError::Away`] when the key cannot be had.
    pub async fn make(&self, listing: Listing<'_>, position: &Position) -> Result<String, SealError> {
        let plain = serde_json::to_vec(position).map_err(|_| SealError::Crypto)?;
        let sealed = self.sealer.seal(&belongs_to(listing), &plain).await?;
        Ok(BASE64_URL_SAFE_NO_PAD.encode(sealed))
    }

    /// Opens a token.
    ///
    /// # Errors
    /// [`PageTokenError::Invalid`] when it is forged, cut, too old, or was made for another person or listing.
    pub async fn open(
        &self,
        listing: Listing<'_>,
        token: &str,
        now: Timestamp,
    ) -> Result<Position, PageTokenError> {
        if token.len() > MAX_TOKEN_BYTES {
            return Err(PageTokenError::Invalid);
        }
        let sealed = BASE64_URL_SAFE_NO_PAD.decode(token).map_err(|_| PageTokenError::Invalid)?;
        let plain = self.sealer.open(&belongs_to(listing), &sealed).await.map_err(|error| match error {
            SealError::Away => PageTokenError::Away,
            SealError::NotOurs | SealError::Crypto => PageTokenError::Invalid,
        })?;
        let position: Position =
            serde_json::from_slice(plain.expose()).map_err(|_| PageTokenError::Invalid)?;
        let age = now.since(Timestamp::from_unix_millis(position.made_at));
        if age > LIFETIME { Err(PageTokenError::Invalid) } else { Ok(position) }
    }
}

/// The associated data: every part with its length, so that no two listings give the same bytes.
fn belongs_to(listing: Listing<'_>) -> Vec<u8> {
    let parts = [
        listing.principal.issuer.as_str(),
        listing.principal.subject.as_str(),
        listing.bucket.as_str(),
        listing.prefix.as_str(),
        if listing.folded { "/" } else { "" },
    ];
    let mut bytes = Vec::new();
    for part in parts {
        bytes.extend_from_slice(&(part.len() as u64).to_be_bytes());
        bytes.extend_from_slice(part.as_bytes());
    }
    bytes
}

/// Why a token does not open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PageTokenError {
    /// It does not open this listing for this person.
    #[error("the page token is not one of this listing, or too old; begin the listing anew")]
    Invalid,
    /// The key cannot be had.
    #[error("the key of page tokens cannot be had")]
    Away,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::secret::Secret;
    use crate::vault::seal::{Keys, Purpose};

    #[tokio::test]
    async fn a_token_opens_for_its_person_and_listing_only() {
        let tokens =
            PageTokens::new(Sealer::new(Keys::local(&Secret::new([1; 32])).unwrap(), Purpose::PageToken));
        let ana = PrincipalId { issuer: "i".to_owned(), subject: "ana".to_owned() };
        let bob = PrincipalId { subject: "bob".to_owned(), ..ana.clone() };
        let (pay, zpay) = (BucketId::parse("pay").unwrap(), BucketId::parse("zpay").unwrap());
        let (a, b) = (Prefix::parse("team-a/").unwrap(), Prefix::parse("team-b/").unwrap());
        let right = Listing { principal: &ana, bucket: &pay, prefix: &a, folded: true };
        let now = Timestamp::from_unix_seconds(1_000_000);
        let position = Position::new(None, Some("secret-cursor".to_owned()), now);
        let token = tokens.make(right, &position).await.unwrap();

        assert_eq!(tokens.open(right, &token, now).await, Ok(position));
        assert!(!token.contains("secret-cursor"));
        for wrong in [
            Listing { principal: &bob, ..right },
            Listing { bucket: &zpay, ..right },
            Listing { prefix: &b, ..right },
            Listing { folded: false, ..right },
        ] {
            assert_eq!(tokens.open(wrong, &token, now).await, Err(PageTokenError::Invalid), "{wrong:?}");
        }
        let later = now.plus(Duration::from_hours(25));
        assert_eq!(tokens.open(right, &token, later).await, Err(PageTokenError::Invalid));
        for garbage in ["", "../../", "AAAA", &"A".repeat(1 << 20)] {
            assert_eq!(tokens.open(right, garbage, now).await, Err(PageTokenError::Invalid));
        }
    }
}
