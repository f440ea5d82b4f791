//! Buckets as Logboom registers them, whichever cloud they lie in.

use std::fmt;
use std::sync::Arc;

use crate::domain::credential::CredentialName;
use crate::domain::label::Label;
use crate::domain::principal::Group;
use crate::domain::vending::Vending;

/// A bucket's stable id in Logboom: 1 to 63 of `a-z`, `0-9` and `-`, beginning and ending with a letter or digit.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct BucketId(Arc<str>);

impl BucketId {
    /// Parses an id.
    ///
    /// # Errors
    /// [`InvalidBucketId`] when a character, the length or an edge is not as described on the type.
    pub fn parse(text: &str) -> Result<Self, InvalidBucketId> {
        let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        let edges = !text.starts_with('-') && !text.ends_with('-');
        if (1..=63).contains(&text.len()) && edges && text.bytes().all(allowed) {
            Ok(Self(text.into()))
        } else {
            Err(InvalidBucketId)
        }
    }

    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for BucketId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The text is no bucket id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a bucket id is 1 to 63 characters from a-z, 0-9 and -, not beginning or ending with -")]
pub struct InvalidBucketId;

/// Where a bucket's bytes lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Provider {
    /// AWS S3, or a store that speaks its protocol.
    Aws,
    /// Google Cloud Storage.
    Gcp,
    /// Azure Blob Storage; a bucket is a container.
    Azure,
    /// A directory of this machine.
    File,
}

impl Provider {
    /// Every provider.
    pub const ALL: [Self; 4] = [Self::Aws, Self::Gcp, Self::Azure, Self::File];

    /// The provider's name in configuration and API.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Aws => "aws",
            Self::Gcp => "gcp",
            Self::Azure => "azure",
            Self::File => "file",
        }
    }
}

impl fmt::Display for Provider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The bucket's own name at its provider: an S3 or GCS bucket, an Azure container, or an absolute directory.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NativeName(String);

impl NativeName {
    /// Takes a name that is not empty and has no control characters.
    ///
    /// # Errors
    /// [`InvalidNativeName`] otherwise.
    pub fn parse(text: &str) -> Result<Self, InvalidNativeName> {
        if text.is_empty() || text.len() > 4096 || text.chars().any(char::is_control) {
            return Err(InvalidNativeName);
        }
        Ok(Self(text.to_owned()))
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for NativeName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The text is no native name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a native name is 1 to 4096 bytes without control characters")]
pub struct InvalidNativeName;

/// A registered bucket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bucket {
    /// Its stable id in Logboom.
    pub id: BucketId,
    /// The provider that keeps its bytes.
    pub provider: Provider,
    /// Its name there.
    pub native_name: NativeName,
    /// AWS region, where the provider has one.
    pub region: Option<String>,
    /// Azure storage account, or the AWS account or GCP project that pays, where it matters.
    pub account: Option<String>,
    /// Base URL of the service when it is not the cloud's own (`https://…`, no trailing slash).
    pub endpoint: Option<String>,
    /// The group that owns it.
    pub owner: Group,
    /// Its classification.
    pub label: Label,
    /// Which configured credential opens it.
    pub credential: CredentialName,
    /// How credentials are vended for it, where they are.
    pub vending: Option<Vending>,
    /// Whether what it holds is redacted for those who may not see it all.
    pub redacted: bool,
}
