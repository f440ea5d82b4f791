//! Lists directories in the byte order of full keys, as S3 does: the folder `a/` comes after `a-b` and before `a0`.
//!
//! With a delimiter one directory is read, without one the directories from the cursor on, until the page is full.
//! A directory is read as a whole, because it has no order of its own, and only the first [`KEPT_ENTRIES`] names after the
//! cursor are kept: memory does not grow with the directory, while time does, for each page that touches it.
//! The cursor is the last key or folded prefix of the page before. A name that is not UTF-8 names no object and is
//! left out. A directory that may not be read fails the listing: one without it would look complete.
//!
//! As in S3 there are no empty folders: a directory is folded into a prefix when a file lies below it. The look for one
//! ends after [`GLANCE_ENTRIES`] entries; a directory that has more than that and no file among them is listed.

use std::collections::BinaryHeap;
use std::io;

use cap_std::fs::{Dir, DirEntry, FileType, Metadata};
use tokio_util::sync::CancellationToken;

use crate::domain::key::{MAX_KEY_BYTES, ObjectKey, Prefix};
use crate::provider::error::{StoreError, StoreErrorKind, StoreOperation};
use crate::provider::file::{Directory, Options, blocking, failed, tree};
use crate::provider::{Cursor, ListOptions, Listing};

/// The deepest nesting that a flat listing follows: it holds one directory open for each level.
const MAX_DEPTH: usize = 128;

/// How many names of one directory are kept and sorted at once. More than a page holds, so that one reading is enough
/// unless most of them turn out to be folders without a file.
const KEPT_ENTRIES: usize = 10_000;

/// How many entries are looked at to learn whether a file lies below a directory.
const GLANCE_ENTRIES: usize = 256;

/// Lists one page. The walk stops when the caller goes away.
pub(super) async fn page(directory: &Directory, options: &ListOptions) -> Result<Listing, StoreError> {
    let token = CancellationToken::new();
    let _stop = token.clone().drop_guard();
    let (directory, options) = (directory.clone(), options.clone());
    blocking(StoreOperation::List, move || {
        Walk::new(&directory.options, &options, token)?.run(&directory, &options.prefix)
    })
    .await
}

/// One entry that can be an object or lead to some, with its name as it sorts: a directory's ends in `/`.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Entry {
    sort_name: String,
}

impl Entry {
    /// The directory's name, if it is one.
    fn folder(&self) -> Option<&str> {
        self.sort_name.strip_suffix('/')
    }
}

/// A page in the making.
struct Walk<'a> {
    options: &'a Options,
    folds: bool,
    limit: usize,
    after: Option<&'a str>,
    stop: CancellationToken,
    page: Listing,
    last: Option<String>,
}

/// Whether the page has room for more.
#[derive(PartialEq, Eq)]
enum Room {
    Left,
    None,
}

impl<'a> Walk<'a> {
    fn new(
        options: &'a Options,
        asked: &'a ListOptions,
        stop: CancellationToken,
    ) -> Result<Self, StoreError> {
        let after = asked.cursor.as_ref().map(|Cursor(last)| last.as_str());
        if after.is_some_and(|last| !asked.prefix.covers(last)) {
            return Err(StoreError::new(StoreOperation::List, StoreErrorKind::Invalid));
        }
        Ok(Self {
            options,
            folds: asked.delimiter.is_some(),
            limit: usize::from(asked.limit.get()),
            after,
            stop,
            page: Listing::default(),
            last: None,
        })
    }

    fn run(mut self, directory: &Directory, prefix: &Prefix) -> Result<Listing, StoreError> {
        let root = tree::open_root(&directory.root, StoreOperation::List)?;
        let (folder, beginning) = match prefix.as_str().rsplit_once('/') {
            Some((folder, beginning)) => (Some(folder), beginning),
            None => (None, prefix.as_str()),
        };
        // A prefix such as `/` or `a//` has an empty name in it, which no directory bears.
        let names = match folder {
            None => Some(Vec::new()),
            Some("") => None,
            Some(folder) => tree::names(folder),
        };
        let Some(names) = names else { return Ok(self.page) };
        let Some(dir) = present(tree::descend(root, &names))? else { return Ok(self.page) };
        let base = folder.map_or_else(String::new, |folder| format!("{folder}/"));
        if self.visit(&dir, &base, beginning, 0)? == Room::None {
            self.page.next = self.last.map(Cursor);
        }
        Ok(self.page)
    }

    /// Adds what lies in a directory, in order, until the page is full and there is more.
    fn visit(&mut self, dir: &Dir, base: &str, beginning: &str, depth: usize) -> Result<Room, StoreError> {
        if depth > MAX_DEPTH {
            return Err(refused(format!("directories are nested more than {MAX_DEPTH} deep")));
        }
        let mut past = None;
        loop {
            let entries = self.entries(dir, base, beginning, past.as_ref())?;
            let all = entries.len() < KEPT_ENTRIES;
            for entry in &entries {
                if self.add(dir, base, entry, depth)? == Room::None {
                    return Ok(Room::None);
                }
            }
            past = entries.into_iter().next_back();
            if all {
                return Ok(Room::Left);
            }
        }
    }

    fn add(&mut self, dir: &Dir, base: &str, entry: &Entry, depth: usize) -> Result<Room, StoreError> {
        let full = format!("{base}{}", entry.sort_name);
        match entry.folder() {
            None => self.add_object(dir, &entry.sort_name, full),
            Some(name) if self.folds => self.add_prefix(dir, name, full),
            Some(name) => match present(tree::open_dir(dir, name))? {
                Some(below) => self.visit(&below, &full, "", depth + 1),
                None => Ok(Room::Left),
            },
        }
    }

    fn add_object(&mut self, dir: &Dir, name: &str, full: String) -> Result<Room, StoreError> {
        let Some(metadata) = present(dir.symlink_metadata(name))?.filter(Metadata::is_file) else {
            return Ok(Room::Left);
        };
        let Ok(key) = ObjectKey::parse(&full) else { return Ok(Room::Left) };
        if self.is_full() {
            return Ok(Room::None);
        }
        self.page.objects.push(tree::object_meta(key, &metadata));
        self.last = Some(full);
        Ok(Room::Left)
    }

    fn add_prefix(&mut self, dir: &Dir, name: &str, full: String) -> Result<Room, StoreError> {
        let mut glance = GLANCE_ENTRIES;
        let holds_objects = match present(tree::open_dir(dir, name))? {
            Some(below) => holds_a_file(&below, &mut glance, 0)?,
            None => false,
        };
        let Some(prefix) = Prefix::parse(&full).ok().filter(|_| holds_objects) else { return Ok(Room::Left) };
        if self.is_full() {
            return Ok(Room::None);
        }
        self.page.prefixes.push(prefix);
        self.last = Some(full);
        Ok(Room::Left)
    }

    fn is_full(&self) -> bool {
        self.page.objects.len() + self.page.prefixes.len() >= self.limit
    }

    /// The first of a directory's entries that begin as asked, come after `past` and can hold something after the
    /// cursor; sorted, at most [`KEPT_ENTRIES`].
    fn entries(
        &self,
        dir: &Dir,
        base: &str,
        beginning: &str,
        past: Option<&Entry>,
    ) -> Result<Vec<Entry>, StoreError> {
        let mut kept = BinaryHeap::new();
        for (seen, entry) in dir.entries().map_err(unlisted)?.enumerate() {
            if self.stop.is_cancelled() {
                return Err(refused("nobody waits for the listing any more"));
            }
            if seen >= self.options.max_directory_entries {
                let most = self.options.max_directory_entries;
                return Err(refused(format!(
                    "a directory has more than {most} entries (max_directory_entries)"
                )));
            }
            let Some(entry) = present(sorted_as(&entry.map_err(unlisted)?))?.flatten() else { continue };
            let begins = entry.sort_name.starts_with(beginning) && past.is_none_or(|past| *past < entry);
            if begins && self.comes_after(base, &entry) {
                kept.push(entry);
            }
            if kept.len() > KEPT_ENTRIES {
                kept.pop();
            }
        }
        Ok(kept.into_sorted_vec())
    }

    /// Whether the entry, or something below it in a flat listing, comes after the cursor.
    fn comes_after(&self, base: &str, entry: &Entry) -> bool {
        let full_len = base.len() + entry.sort_name.len();
        if full_len > MAX_KEY_BYTES {
            tracing::debug!(bytes = full_len, "a file's path is longer than a key can be; it is left out");
            return false;
        }
        let Some(after) = self.after else { return true };
        let full = base.bytes().chain(entry.sort_name.bytes());
        let below = !self.folds
            && entry.folder().is_some()
            && after.strip_prefix(base).is_some_and(|rest| rest.starts_with(&entry.sort_name));
        below || full.gt(after.bytes())
    }
}

/// The entry as it sorts; `None` for what is neither file nor directory, or has a name that is not UTF-8.
fn sorted_as(entry: &DirEntry) -> io::Result<Option<Entry>> {
    let kind = kind_of(entry)?;
    if !kind.is_file() && !kind.is_dir() {
        return Ok(None);
    }
    let name = entry.file_name();
    let Some(name) = name.to_str() else {
        tracing::debug!(file.name = ?name, "a file's name is not UTF-8, so no key can name it; it is left out");
        return Ok(None);
    };
    let sort_name = if kind.is_dir() { format!("{name}/") } else { name.to_owned() };
    Ok(Some(Entry { sort_name }))
}

/// The entry's type; asked for separately where the file system does not tell it with the name.
fn kind_of(entry: &DirEntry) -> io::Result<FileType> {
    let kind = entry.file_type()?;
    if kind.is_file() || kind.is_dir() || kind.is_symlink() {
        return Ok(kind);
    }
    entry.metadata().map(|metadata| metadata.file_type())
}

/// Whether a file lies below, as far as a look at so many entries tells; yes when it does not tell.
fn holds_a_file(dir: &Dir, glance: &mut usize, depth: usize) -> Result<bool, StoreError> {
    if depth > MAX_DEPTH {
        return Ok(true);
    }
    for entry in dir.entries().map_err(unlisted)? {
        let Some(left) = glance.checked_sub(1) else { return Ok(true) };
        *glance = left;
        let Some(entry) = present(sorted_as(&entry.map_err(unlisted)?))?.flatten() else { continue };
        let Some(name) = entry.folder() else { return Ok(true) };
        if let Some(below) = present(tree::open_dir(dir, name))?
            && holds_a_file(&below, glance, depth + 1)?
        {
            return Ok(true);
        }
    }
    Ok(false)
}

/// What vanished or was swapped while the listing went on is no failure of the listing.
fn present<T>(result: io::Result<T>) -> Result<Option<T>, StoreError> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(cause) if tree::is_absence(&cause) => Ok(None),
        Err(cause) => Err(unlisted(cause)),
    }
}

fn unlisted(cause: io::Error) -> StoreError {
    failed(StoreOperation::List, cause)
}

fn refused(why: impl Into<String>) -> StoreError {
    StoreError::caused_by(StoreOperation::List, StoreErrorKind::Unexpected, why.into())
}
