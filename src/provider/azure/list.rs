//! Listings: one page of a container's names, and the proof that a name with empty segments is there.

use std::num::NonZeroU16;

use azure_core::http::{Method, Url};
use bytes::BytesMut;
use futures::TryStreamExt;
use percent_encoding::percent_decode_str;
use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

use crate::domain::key::{Delimiter, ObjectKey, Prefix};
use crate::domain::object::{ETag, ObjectMeta};
use crate::provider::azure::{Wire, address, error, read};
use crate::provider::error::StoreOperation;
use crate::provider::{Cursor, ListOptions, Listing, MAX_PAGE, StoreError, StoreErrorKind};

/// The most that one page may hold: 1,000 names of 4 KiB, each byte written as up to three, with their properties.
const MAX_PAGE_BYTES: usize = 32 * 1024 * 1024;

/// Lists one page.
pub(super) async fn list(wire: &Wire, options: &ListOptions) -> Result<Listing, StoreError> {
    let listing = page(wire, StoreOperation::List, options).await?;
    let foreign = |name: &str| !options.prefix.covers(name);
    if listing.prefixes.iter().any(|prefix| foreign(prefix.as_str()))
        || listing.objects.iter().any(|object| foreign(object.key.as_str()))
    {
        return Err(error::unexpected(StoreOperation::List, "names from outside the listed prefix"));
    }
    Ok(listing)
}

/// One page as Azure gives it.
async fn page(wire: &Wire, operation: StoreOperation, options: &ListOptions) -> Result<Listing, StoreError> {
    let limit = options.limit.get().min(MAX_PAGE).to_string();
    let mut parameters = vec![("maxresults", limit.as_str())];
    if !options.prefix.is_root() {
        parameters.push(("prefix", options.prefix.as_str()));
    }
    if options.delimiter.is_some() {
        parameters.push(("delimiter", Delimiter::TEXT));
    }
    if let Some(Cursor(marker)) = &options.cursor {
        parameters.push(("marker", marker));
    }
    let url = wire.address.listing(&parameters);
    let url = url.ok_or_else(|| StoreError::new(operation, StoreErrorKind::Invalid))?;
    let answer = wire.send(operation, Method::Get, url, Vec::new()).await?;
    if u16::from(answer.status()) != 200 {
        return Err(error::refused(operation, answer.status(), answer.headers()));
    }
    let mut body = answer.into_body();
    let mut page = BytesMut::new();
    while let Some(piece) = body.try_next().await.map_err(|cause| error::failed(operation, &cause))? {
        if page.len() + piece.len() > MAX_PAGE_BYTES {
            return Err(error::unexpected(operation, "a page of a listing without end"));
        }
        page.extend_from_slice(&piece);
    }
    parse(&page).ok_or_else(|| error::unexpected(operation, "a listing that is none"))
}

/// The URL that names exactly this key; [`StoreErrorKind::NoSuchObject`] without any request when there is none.
///
/// An account with hierarchical namespace folds empty segments (`a//b` is `a/b` there), so a key that has one is looked up
/// in a listing first: names in listings are exact.
pub(super) async fn address(
    wire: &Wire,
    operation: StoreOperation,
    key: &ObjectKey,
) -> Result<Url, StoreError> {
    let missing = || StoreError::new(operation, StoreErrorKind::NoSuchObject);
    let url = wire.address.blob(key).ok_or_else(missing)?;
    if address::has_empty_segment(key) {
        let prefix = Prefix::parse(key.as_str()).map_err(|_| missing())?;
        let options = ListOptions { prefix, delimiter: None, limit: NonZeroU16::MIN, cursor: None };
        let first = page(wire, operation, &options).await?;
        if first.objects.first().is_none_or(|object| object.key != *key) {
            return Err(missing());
        }
    }
    Ok(url)
}

/// One `Blob` or `BlobPrefix` while it is read.
#[derive(Default)]
struct Entry {
    name: String,
    size_bytes: Option<u64>,
    etag: Option<String>,
    last_modified: Option<String>,
    tier: Option<String>,
    archive_status: bool,
    directory: bool,
    content_type: Option<String>,
    content_encoding: Option<String>,
}

/// Reads a page. Names are taken byte by byte: nothing is trimmed, references are resolved, and names that XML cannot hold
/// come percent-encoded and say so (`Encoded="true"`). `None` when it is no listing.
pub(super) fn parse(page: &[u8]) -> Option<Listing> {
    let text = std::str::from_utf8(page).ok()?;
    let mut reader = Reader::from_str(text.trim_start_matches('\u{feff}'));
    let mut listing = Listing::default();
    let (mut path, mut entry, mut value) = (Vec::<Vec<u8>>::new(), Entry::default(), String::new());
    let mut encoded = false;
    let mut seen = false;
    loop {
        match reader.read_event().ok()? {
            Event::Start(tag) => {
                seen |= tag.name().as_ref() == b"EnumerationResults";
                if matches!(tag.name().as_ref(), b"Blob" | b"BlobPrefix") {
                    entry = Entry::default();
                }
                encoded = is_encoded(&tag);
                value.clear();
                path.push(tag.name().as_ref().to_vec());
            }
            Event::Text(text) => value.push_str(&text.decode().ok()?),
            Event::CData(text) => value.push_str(&text.decode().ok()?),
            Event::GeneralRef(reference) => value.push(match reference.resolve_char_ref().ok()? {
                Some(letter) => letter,
                None => named(reference.as_ref())?,
            }),
            Event::End(tag) => {
                path.pop();
                let parent = path.last().map_or(&b""[..], Vec::as_slice);
                close(&mut listing, &mut entry, parent, tag.name().as_ref(), &value, encoded)?;
                value.clear();
                encoded = false;
            }
            Event::DocType(_) => return None,
            Event::Eof => return (seen && path.is_empty()).then_some(listing),
            Event::Empty(_) | Event::Comment(_) | Event::Decl(_) | Event::PI(_) => {}
        }
    }
}

/// Takes an element that ended.
fn close(
    listing: &mut Listing,
    entry: &mut Entry,
    parent: &[u8],
    tag: &[u8],
    value: &str,
    encoded: bool,
) -> Option<()> {
    let filled = || Some(value.to_owned()).filter(|value| !value.is_empty());
    match (parent, tag) {
        (b"Blob" | b"BlobPrefix", b"Name") if encoded => {
            entry.name = percent_decode_str(value).decode_utf8().ok()?.into_owned();
        }
        (b"Blob" | b"BlobPrefix", b"Name") => value.clone_into(&mut entry.name),
        (b"Properties", b"Content-Length") => entry.size_bytes = Some(value.trim().parse().ok()?),
        (b"Properties", b"Etag") => entry.etag = filled(),
        (b"Properties", b"Last-Modified") => entry.last_modified = filled(),
        (b"Properties", b"AccessTier") => entry.tier = filled(),
        (b"Properties", b"ArchiveStatus") => entry.archive_status = !value.is_empty(),
        (b"Properties", b"ResourceType") => entry.directory = value == "directory",
        (b"Properties", b"Content-Type") => entry.content_type = filled(),
        (b"Properties", b"Content-Encoding") => entry.content_encoding = filled(),
        (b"Blobs", b"BlobPrefix") => listing.prefixes.push(Prefix::parse(&entry.name).ok()?),
        (b"Blobs", b"Blob") if !entry.directory => listing.objects.push(object(std::mem::take(entry))?),
        (_, b"NextMarker") => listing.next = filled().map(Cursor),
        _ => {}
    }
    Some(())
}

fn object(entry: Entry) -> Option<ObjectMeta> {
    Some(ObjectMeta {
        key: ObjectKey::parse(&entry.name).ok()?,
        size_bytes: entry.size_bytes?,
        etag: entry.etag.and_then(|etag| ETag::parse(&etag).ok()),
        last_modified: entry.last_modified.as_deref().and_then(read::timestamp),
        archived: entry.tier.as_deref() == Some(error::ARCHIVE) || entry.archive_status,
        storage_class: entry.tier,
        content_type: entry.content_type,
        content_encoding: entry.content_encoding,
    })
}

fn is_encoded(tag: &BytesStart<'_>) -> bool {
    tag.try_get_attribute("Encoded").is_ok_and(|found| found.is_some_and(|found| &*found.value == b"true"))
}

/// XML's five named references.
fn named(reference: &[u8]) -> Option<char> {
    match reference {
        b"amp" => Some('&'),
        b"lt" => Some('<'),
        b"gt" => Some('>'),
        b"quot" => Some('"'),
        b"apos" => Some('\''),
        _ => None,
    }
}
