//! What no file system needs to be there for: which paths a directory holds, and what a failed call means.

use std::io;

use proptest::prelude::*;
use rustix::io::Errno;

use super::*;

#[test]
fn a_directory_holds_only_paths_of_plain_names() {
    let long = "l".repeat(255);
    for path in ["a", "a/b", ".hidden", "a/..b", "...", "with space", "back\\slash", "a\nb", long.as_str()] {
        assert!(tree::names(path).is_some(), "{path:?}");
    }
    let longer = "l".repeat(256);
    for path in
        ["/", "/a", "a/", "a//b", ".", "..", "a/.", "./a", "a/../b", "a/b/..", "nul\0", longer.as_str()]
    {
        assert!(tree::names(path).is_none(), "{path:?}");
    }
}

#[test]
fn a_failed_call_is_told_by_what_it_means() {
    let kind = |errno: Errno| failed(StoreOperation::Get, io::Error::from(errno)).kind;
    for absent in [Errno::NOENT, Errno::NOTDIR, Errno::LOOP, Errno::NAMETOOLONG, Errno::NXIO, Errno::XDEV] {
        assert_eq!(kind(absent), StoreErrorKind::NoSuchObject, "{absent}");
    }
    assert_eq!(kind(Errno::ACCESS), StoreErrorKind::Denied);
    assert_eq!(kind(Errno::IO), StoreErrorKind::Unavailable);
    assert_eq!(kind(Errno::STALE), StoreErrorKind::Unavailable);
    let outside = io::Error::new(io::ErrorKind::PermissionDenied, "a path led outside of the filesystem");
    assert_eq!(failed(StoreOperation::Get, outside).kind, StoreErrorKind::NoSuchObject);
}

proptest! {
    #[test]
    fn names_joined_are_the_path(path in "[a-c./]{0,12}") {
        if let Some(names) = tree::names(&path) {
            prop_assert_eq!(names.join("/"), path.as_str());
            prop_assert!(names.iter().all(|name| !matches!(*name, "" | "." | "..")));
        }
    }
}
