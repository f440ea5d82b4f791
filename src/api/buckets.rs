//! Buckets as a caller sees them.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::domain::action::ActionName;
use crate::domain::bucket::{Bucket, Provider};

/// A bucket that the caller may see.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[schema(as = Bucket)]
pub struct BucketView {
    /// Its stable id.
    pub id: String,
    /// `aws`, `gcp`, `azure` or `file`.
    pub provider: String,
    /// The provider's region, where it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// The group that owns it.
    pub owner: String,
    /// Its classification.
    pub label: String,
    /// What the caller may do somewhere in the bucket, as far as the bucket can do it at all.
    pub actions: Vec<String>,
}

impl BucketView {
    /// The view of one bucket.
    #[must_use]
    pub fn new(bucket: &Bucket, actions: &[ActionName]) -> Self {
        Self {
            id: bucket.id.to_string(),
            provider: bucket.provider.to_string(),
            region: bucket.region.clone(),
            owner: bucket.owner.to_string(),
            label: bucket.label.to_string(),
            actions: actions
                .iter()
                .filter(|action| is_possible(bucket, **action, actions))
                .map(ToString::to_string)
                .collect(),
        }
    }
}

/// Whether the bucket can do it for anybody, whatever the policies say.
fn is_possible(bucket: &Bucket, action: ActionName, all: &[ActionName]) -> bool {
    let as_it_is = !bucket.redacted || all.contains(&ActionName::ReadUnredacted);
    match action {
        ActionName::ListObjects | ActionName::ReadObject => true,
        ActionName::CreateLink => as_it_is && bucket.provider != Provider::File,
        ActionName::VendCredentials => as_it_is && bucket.vending.is_some(),
        ActionName::ReadUnredacted => bucket.redacted,
    }
}

/// The buckets that the caller may see, in the order of their ids.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct BucketList {
    /// The buckets.
    pub buckets: Vec<BucketView>,
}
