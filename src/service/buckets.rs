//! The registered buckets.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::domain::bucket::{Bucket, BucketId};

/// Every bucket by its id.
#[derive(Debug, Default)]
pub struct Buckets(BTreeMap<BucketId, Arc<Bucket>>);

impl Buckets {
    /// Registers buckets; of two with one id the later stays.
    pub fn new(buckets: impl IntoIterator<Item = Bucket>) -> Self {
        Self(buckets.into_iter().map(|bucket| (bucket.id.clone(), Arc::new(bucket))).collect())
    }

    /// Finds a bucket. What is found has not been decided on yet: only the guard and the decision service call this.
    #[must_use]
    pub fn find(&self, id: &BucketId) -> Option<Arc<Bucket>> {
        self.0.get(id).cloned()
    }

    /// All buckets, in the order of their ids.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Bucket>> {
        self.0.values()
    }
}
