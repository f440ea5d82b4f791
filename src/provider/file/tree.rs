//! Ways through the directory tree: from a key to an opened file, one name at a time, never through a link.
//!
//! Each step opens one name relative to the directory before it and refuses a link, in one system call (`openat` with
//! `O_NOFOLLOW`). A single name that is neither `.` nor `..` cannot lead out of its directory, whatever is swapped in
//! between, and there is no fallback that resolves a path piece by piece.

use std::io;
use std::path::Path;

use cap_std::ambient_authority;
use cap_std::fs::{Dir, File, Metadata, MetadataExt};
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;

use crate::domain::key::ObjectKey;
use crate::domain::object::{ETag, ObjectMeta};
use crate::domain::time::Timestamp;
use crate::provider::error::{StoreError, StoreErrorKind, StoreOperation};
use crate::provider::file::failed;

/// The longest name that Linux file systems hold, in bytes (`NAME_MAX`).
const MAX_NAME_BYTES: usize = 255;

/// Splits a path into names; `None` when a directory tree cannot hold it: an empty name (`a//b`, `/a`, `a/`),
/// `.` or `..`, or a name that is too long. The empty path has no names.
pub(super) fn names(path: &str) -> Option<Vec<&str>> {
    if path.is_empty() {
        return Some(Vec::new());
    }
    let holds =
        |name: &str| !matches!(name, "" | "." | "..") && name.len() <= MAX_NAME_BYTES && !name.contains('\0');
    path.split('/').map(|name| holds(name).then_some(name)).collect()
}

/// Opens the bucket's own directory. Its path is the operator's, so links in it are followed.
pub(super) fn open_root(root: &Path, operation: StoreOperation) -> Result<Dir, StoreError> {
    Dir::open_ambient_dir(root, ambient_authority()).map_err(|cause| {
        let mut error = failed(operation, cause);
        if error.kind == StoreErrorKind::NoSuchObject {
            error.kind = StoreErrorKind::NoSuchBucket;
        }
        error
    })
}

/// Opens a directory by a name in another.
pub(super) fn open_dir(parent: &Dir, name: &str) -> io::Result<Dir> {
    Ok(Dir::from_std_file(open_name(parent, name, OFlags::DIRECTORY)?))
}

/// Opens a directory below another, name by name.
pub(super) fn descend(root: Dir, names: &[&str]) -> io::Result<Dir> {
    names.iter().try_fold(root, |dir, name| open_dir(&dir, name))
}

/// Opens a regular file for reading and tells its metadata from the handle. Anything else is an absence: it is
/// looked at before it is opened, because opening a device can have effects, and again on the handle, because it
/// may have been swapped. `O_NONBLOCK` keeps a FIFO that was swapped in from blocking.
pub(super) fn open_file(dir: &Dir, name: &str) -> io::Result<(File, Metadata)> {
    if !dir.symlink_metadata(name)?.is_file() {
        return Err(Errno::NOENT.into());
    }
    let file = File::from_std(open_name(dir, name, OFlags::NONBLOCK | OFlags::NOCTTY)?);
    let metadata = file.metadata()?;
    if metadata.is_file() { Ok((file, metadata)) } else { Err(Errno::NOENT.into()) }
}

/// Whether the failure says that nothing readable bears the name: it is not there, or a link, a socket or a file
/// stands where something else was meant.
pub(super) fn is_absence(error: &io::Error) -> bool {
    const ABSENT: [Errno; 6] =
        [Errno::NOENT, Errno::NOTDIR, Errno::LOOP, Errno::NAMETOOLONG, Errno::NXIO, Errno::XDEV];
    match Errno::from_io_error(error) {
        Some(errno) => ABSENT.contains(&errno),
        // cap-std's own word for a path that leads outside has no number.
        None => matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::PermissionDenied),
    }
}

/// An object's metadata from its file's.
///
/// The entity tag holds the inode, the times of the last change of content and of inode (nanoseconds), and the size:
/// each write, append, replacement or restored time changes one of them, as far as the file system's clock ticks.
pub(super) fn object_meta(key: ObjectKey, file: &Metadata) -> ObjectMeta {
    let written = file.mtime().saturating_mul(1000).saturating_add(file.mtime_nsec() / 1_000_000);
    let tag = format!(
        "{:x}-{:x}.{:x}-{:x}.{:x}-{:x}",
        file.ino(),
        file.mtime(),
        file.mtime_nsec(),
        file.ctime(),
        file.ctime_nsec(),
        file.size()
    );
    ObjectMeta {
        key,
        size_bytes: file.size(),
        etag: ETag::parse(&tag).ok(),
        last_modified: Some(Timestamp::from_unix_millis(written)),
        storage_class: None,
        archived: false,
        content_type: None,
        content_encoding: None,
    }
}

fn open_name(dir: &Dir, name: &str, flags: OFlags) -> io::Result<std::fs::File> {
    let flags = flags | OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    Ok(rustix::fs::openat(dir, name, flags, Mode::empty())?.into())
}
