//! Directories of this machine: a directory is a bucket, a file below it is an object, its relative path is the key.
//!
//! Nothing outside the directory is ever read, and symbolic links are never followed, not even those that stay inside:
//! permission is decided by the key, so a link would show one prefix's objects under another. What is no regular file
//! (link, FIFO, socket, device) is absent. Hard links are files like any other.
//!
//! The directory is opened anew for each call, so that one that is mounted later, or mounted again, is found.
//! The file system's calls block; they run on the runtime's blocking pool.

use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;

use crate::domain::bucket::Bucket;
use crate::domain::key::ObjectKey;
use crate::domain::object::ObjectMeta;
use crate::provider::error::{StoreError, StoreErrorKind, StoreOperation};
use crate::provider::{GetOptions, ListOptions, Listing, ObjectStore, Opened, SignLinks, Store};

mod list;
mod read;
mod tree;

#[cfg(test)]
mod tests;

/// How directories are read.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// The most entries that one directory may have to be listed. A directory has no order of its own:
    /// each page that touches it reads and sorts all of its names.
    pub max_directory_entries: usize,
}

/// Opens a directory as a bucket. Nothing is read yet: a directory that is not there shows at use, as
/// [`StoreErrorKind::NoSuchBucket`].
///
/// # Errors
/// [`StoreErrorKind::Unexpected`] when the bucket's native name is no absolute path.
pub fn open(bucket: &Bucket, options: &Options) -> Result<Store, StoreError> {
    let root = PathBuf::from(bucket.native_name.as_str());
    if !root.is_absolute() {
        let cause = format!("the directory of bucket `{}` is not an absolute path", bucket.id);
        return Err(StoreError::caused_by(StoreOperation::Connect, StoreErrorKind::Unexpected, cause));
    }
    Ok(Arc::new(Directory { root: root.into(), options: *options }))
}

/// A directory as a bucket.
#[derive(Clone)]
struct Directory {
    root: Arc<std::path::Path>,
    options: Options,
}

impl fmt::Debug for Directory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Directory").field("root", &self.root).finish_non_exhaustive()
    }
}

#[async_trait]
impl ObjectStore for Directory {
    async fn list(&self, options: &ListOptions) -> Result<Listing, StoreError> {
        list::page(self, options).await
    }

    async fn head(&self, key: &ObjectKey) -> Result<ObjectMeta, StoreError> {
        read::meta(self, key).await
    }

    async fn get(&self, key: &ObjectKey, options: &GetOptions) -> Result<Opened, StoreError> {
        read::open(self, key, options).await
    }

    fn links(&self) -> Option<&dyn SignLinks> {
        None
    }
}

/// Runs a call that blocks where blocking is allowed.
async fn blocking<T: Send + 'static>(
    operation: StoreOperation,
    call: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
) -> Result<T, StoreError> {
    match tokio::task::spawn_blocking(call).await {
        Ok(result) => result,
        Err(cause) => Err(StoreError::caused_by(operation, StoreErrorKind::Unexpected, cause)),
    }
}

/// What a failed system call means to a reader of objects.
fn failed(operation: StoreOperation, cause: io::Error) -> StoreError {
    let kind = if tree::is_absence(&cause) {
        StoreErrorKind::NoSuchObject
    } else if cause.kind() == io::ErrorKind::PermissionDenied {
        StoreErrorKind::Denied
    } else {
        StoreErrorKind::Unavailable
    };
    StoreError::caused_by(operation, kind, cause)
}
