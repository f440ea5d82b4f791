//! Reads files: metadata and bytes come from one handle, so they are of one file even when its name is given to another.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use bytes::Bytes;
use futures::stream;

use crate::domain::key::ObjectKey;
use crate::domain::object::{ContentRange, ObjectMeta, Verdict};
use crate::provider::error::{StoreError, StoreErrorKind, StoreOperation};
use crate::provider::file::{Directory, blocking, failed, tree};
use crate::provider::{ByteStream, GetOptions, Opened};

/// How much one call reads, in bytes. A body holds one block at a time and reads the next when asked for it.
const BLOCK_BYTES: u64 = 256 * 1024;

/// Reads an object's metadata.
pub(super) async fn meta(directory: &Directory, key: &ObjectKey) -> Result<ObjectMeta, StoreError> {
    let (directory, key) = (directory.clone(), key.clone());
    let operation = StoreOperation::Head;
    blocking(operation, move || Ok(open_object(&directory, key, operation)?.1)).await
}

/// Opens an object, or the range of it that was asked for. A file that grows meanwhile ends where it ended when it
/// was opened; one that shrinks ends in an error.
pub(super) async fn open(
    directory: &Directory,
    key: &ObjectKey,
    options: &GetOptions,
) -> Result<Opened, StoreError> {
    let operation = StoreOperation::Get;
    let (file, meta) = {
        let (directory, key) = (directory.clone(), key.clone());
        blocking(operation, move || open_object(&directory, key, operation)).await?
    };
    match options.conditions.judge(meta.etag.as_ref(), meta.last_modified) {
        Verdict::Send => {}
        Verdict::NotModified => return Err(StoreError::new(operation, StoreErrorKind::NotModified)),
        Verdict::PreconditionFailed => {
            return Err(StoreError::new(operation, StoreErrorKind::PreconditionFailed));
        }
    }
    let total = meta.size_bytes;
    let range = match options.range {
        None => None,
        Some(asked) => Some(
            asked
                .resolve(total)
                .ok_or_else(|| StoreError::new(operation, StoreErrorKind::RangeNotSatisfiable { total }))?,
        ),
    };
    let (first, end) =
        range.map_or((0, total), |ContentRange { first, last, .. }| (first, last.saturating_add(1)));
    Ok(Opened { meta, range, body: body(file, first, end) })
}

fn open_object(
    directory: &Directory,
    key: ObjectKey,
    operation: StoreOperation,
) -> Result<(File, ObjectMeta), StoreError> {
    let absent = || StoreError::new(operation, StoreErrorKind::NoSuchObject);
    let names = tree::names(key.as_str()).ok_or_else(absent)?;
    let (name, folders) = names.split_last().ok_or_else(absent)?;
    let root = tree::open_root(&directory.root, operation)?;
    let opened = tree::descend(root, folders).and_then(|dir| tree::open_file(&dir, name));
    let (file, metadata) = opened.map_err(|cause| failed(operation, cause))?;
    Ok((file.into_std(), tree::object_meta(key, &metadata)))
}

/// The bytes `first..end` of a file, read block by block as they are asked for. When it is dropped, at most the block
/// that is being read is read to its end.
fn body(file: File, first: u64, end: u64) -> ByteStream {
    let file = Arc::new(file);
    Box::pin(stream::try_unfold(first, move |at| {
        let file = Arc::clone(&file);
        async move {
            if at >= end {
                return Ok(None);
            }
            let len = BLOCK_BYTES.min(end - at);
            let read = blocking(StoreOperation::Read, move || block(&file, at, len).map_err(broken_off));
            Ok(Some((read.await?, at.saturating_add(len))))
        }
    }))
}

fn block(file: &File, at: u64, len: u64) -> io::Result<Bytes> {
    let mut bytes = vec![0; usize::try_from(len).map_err(io::Error::other)?];
    file.read_exact_at(&mut bytes, at)?;
    Ok(bytes.into())
}

/// A file that cannot be read on, or has become shorter than it was when opened, broke off.
fn broken_off(cause: io::Error) -> StoreError {
    StoreError::caused_by(StoreOperation::Read, StoreErrorKind::Unavailable, cause)
}
