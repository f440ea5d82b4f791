//! Listing: `ListObjectsV2`, a page at a time.

use http::header::HeaderValue;
use http::{HeaderMap, Method};
use percent_encoding::percent_decode;

use crate::domain::key::{Delimiter, ObjectKey, Prefix};
use crate::domain::object::{ETag, ObjectMeta};
use crate::domain::time::Timestamp;
use crate::provider::aws::place::push_query;
use crate::provider::aws::xml::{self, Ended, Name};
use crate::provider::aws::{Ask, S3Store, error, read};
use crate::provider::error::{StoreError, StoreErrorKind, StoreOperation};
use crate::provider::wire;
use crate::provider::{Cursor, ListOptions, Listing, MAX_PAGE};

/// The most that a page's XML can have, in bytes: 1,000 keys of 1,024 bytes, each written as `%XX`, and what stands around them.
const MAX_PAGE_BYTES: usize = 8 * 1024 * 1024;

impl S3Store {
    pub(super) async fn list_page(&self, options: &ListOptions) -> Result<Listing, StoreError> {
        let operation = StoreOperation::List;
        let query = query(options);
        let mut headers = HeaderMap::new();
        // Without it a listing cannot tell an archived object from one that was restored. Other stores ignore it.
        headers.insert("x-amz-optional-object-attributes", HeaderValue::from_static("RestoreStatus"));
        let ask = Ask { operation, method: Method::GET, key: "", query: &query, headers };
        let answer = self.send(ask).await?;
        if !answer.status().is_success() {
            return Err(error::read(operation, answer).await);
        }
        let body = wire::read_all(operation, answer.into_body(), MAX_PAGE_BYTES).await?;
        parse(&body).map_err(|cause| StoreError::caused_by(operation, StoreErrorKind::Unexpected, cause))
    }
}

/// Keys come back URL-encoded, because XML has no way to write every letter that a key may have.
fn query(options: &ListOptions) -> String {
    let mut query = String::with_capacity(128);
    push_query(&mut query, "list-type", "2");
    push_query(&mut query, "encoding-type", "url");
    push_query(&mut query, "max-keys", &options.limit.get().min(MAX_PAGE).to_string());
    if !options.prefix.is_root() {
        push_query(&mut query, "prefix", options.prefix.as_str());
    }
    if options.delimiter.is_some() {
        push_query(&mut query, "delimiter", Delimiter::TEXT);
    }
    if let Some(Cursor(token)) = &options.cursor {
        push_query(&mut query, "continuation-token", token);
    }
    query
}

/// Why a page cannot be read.
#[derive(Debug, thiserror::Error)]
pub(super) enum PageError {
    #[error("the listing is no XML that S3 would send")]
    Xml(#[from] quick_xml::Error),
    #[error("the answer is no listing")]
    Other,
    #[error("the listing names an object in a way that no key allows")]
    Key,
    #[error("the listing goes on but does not say where")]
    NoCursor,
}

/// A page as it is being read. Names stay as they were sent until its end, where the encoding is known.
#[derive(Default)]
struct Page {
    objects: Vec<Draft>,
    draft: Draft,
    prefixes: Vec<String>,
    url_encoded: bool,
    truncated: bool,
    next: Option<String>,
    is_listing: bool,
}

#[derive(Default)]
struct Draft {
    key: String,
    size_bytes: Option<u64>,
    etag: Option<ETag>,
    last_modified: Option<Timestamp>,
    storage_class: Option<String>,
    restoring: bool,
    restored_until: bool,
}

/// Reads one page.
pub(super) fn parse(body: &[u8]) -> Result<Listing, PageError> {
    let mut page = Page::default();
    xml::walk(body, |element| page.take(element))?;
    if !page.is_listing {
        return Err(PageError::Other);
    }
    let next = match (page.truncated, page.next) {
        (true, Some(token)) => Some(Cursor(token)),
        (true, None) => return Err(PageError::NoCursor),
        (false, _) => None,
    };
    let decode = |text: String| if page.url_encoded { decode(&text) } else { Ok(text) };
    let objects = page.objects.into_iter().map(|draft| draft.finish(decode));
    let prefixes =
        page.prefixes.into_iter().map(|text| Prefix::parse(&decode(text)?).map_err(|_| PageError::Key));
    Ok(Listing {
        objects: objects.collect::<Result<_, _>>()?,
        prefixes: prefixes.collect::<Result<_, _>>()?,
        next,
    })
}

impl Page {
    fn take(&mut self, element: &Ended<'_>) {
        let text = element.text;
        match (element.parent, element.name) {
            (Name::Contents, Name::Key) => text.clone_into(&mut self.draft.key),
            (Name::Contents, Name::Size) => self.draft.size_bytes = text.parse().ok(),
            (Name::Contents, Name::ETag) => self.draft.etag = ETag::parse(text).ok(),
            (Name::Contents, Name::LastModified) => self.draft.last_modified = Timestamp::parse(text).ok(),
            (Name::Contents, Name::StorageClass) => self.draft.storage_class = Some(text.to_owned()),
            (Name::RestoreStatus, Name::IsRestoreInProgress) => self.draft.restoring = text == "true",
            (Name::RestoreStatus, Name::RestoreExpiryDate) => self.draft.restored_until = true,
            (_, Name::Contents) => self.objects.push(std::mem::take(&mut self.draft)),
            (Name::CommonPrefixes, Name::Prefix) => self.prefixes.push(text.to_owned()),
            (Name::ListBucketResult, Name::EncodingType) => self.url_encoded = text == "url",
            (Name::ListBucketResult, Name::IsTruncated) => self.truncated = text == "true",
            (Name::ListBucketResult, Name::NextContinuationToken) => self.next = Some(text.to_owned()),
            (_, Name::ListBucketResult) => self.is_listing = true,
            _ => {}
        }
    }
}

impl Draft {
    fn finish(self, decode: impl Fn(String) -> Result<String, PageError>) -> Result<ObjectMeta, PageError> {
        let storage_class = self.storage_class.unwrap_or_else(|| read::STANDARD.to_owned());
        let readable = self.restored_until && !self.restoring;
        Ok(ObjectMeta {
            key: ObjectKey::parse(&decode(self.key)?).map_err(|_| PageError::Key)?,
            size_bytes: self.size_bytes.ok_or(PageError::Key)?,
            etag: self.etag,
            last_modified: self.last_modified,
            archived: read::is_archive_class(&storage_class) && !readable,
            storage_class: Some(storage_class),
            content_type: None,
            content_encoding: None,
        })
    }
}

/// Undoes S3's URL encoding, once: `+` is a space, a plus is `%2B`.
fn decode(text: &str) -> Result<String, PageError> {
    let spaced = if text.contains('+') { &text.replace('+', " ") } else { text };
    percent_decode(spaced.as_bytes())
        .decode_utf8()
        .map(std::borrow::Cow::into_owned)
        .map_err(|_| PageError::Key)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn page(inside: &str) -> Result<Listing, PageError> {
        parse(
            format!(
                "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<ListBucketResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">{inside}</ListBucketResult>"
            )
            .as_bytes(),
        )
    }

    /// An entry as AWS writes it, with the key encoded as S3 does.
    fn entry(key: &str, more: &str) -> String {
        format!(
            "<Contents><Key>{key}</Key><LastModified>2026-11-23T07:00:01.000Z</LastModified>\
             <ETag>&quot;9b2cf535f27731c974343645a3985328-2&quot;</ETag><Size>5</Size>{more}</Contents>"
        )
    }

    #[test]
    fn a_page_of_s3_is_read_whole() {
        let listing = page(&format!(
            "<Name>logs</Name><Prefix>a+b/</Prefix><NextContinuationToken>1/+=&amp;&#65;</NextContinuationToken>\
             <KeyCount>2</KeyCount><MaxKeys>2</MaxKeys><Delimiter>%2F</Delimiter><EncodingType>url</EncodingType>\
             <IsTruncated>true</IsTruncated>{}<CommonPrefixes><Prefix>a+b/%C3%A9/</Prefix></CommonPrefixes>",
            entry("a+b/x%2By%252F", "<Owner><ID>Key</ID></Owner><StorageClass>STANDARD_IA</StorageClass>")
        ))
        .unwrap();
        assert_eq!(listing.next, Some(Cursor("1/+=&A".to_owned())));
        assert_eq!(listing.prefixes, [Prefix::parse("a b/é/").unwrap()]);
        let [object] = listing.objects.as_slice() else { panic!("{listing:?}") };
        assert_eq!(object.key.as_str(), "a b/x+y%2F");
        assert_eq!(object.etag.as_ref().unwrap().as_str(), "\"9b2cf535f27731c974343645a3985328-2\"");
        assert_eq!(object.last_modified.unwrap().to_string(), "2026-11-23T07:00:01Z");
        assert_eq!((object.size_bytes, object.archived), (5, false));
        assert_eq!(object.storage_class.as_deref(), Some("STANDARD_IA"));
    }

    #[test]
    fn an_archived_object_is_readable_again_once_it_is_restored() {
        let archived = |more: &str| {
            let entry = entry("k", &format!("<StorageClass>GLACIER</StorageClass>{more}"));
            page(&entry).unwrap().objects[0].archived
        };
        let status = |inside: &str| format!("<RestoreStatus>{inside}</RestoreStatus>");
        assert!(archived(""));
        assert!(archived(&status("<IsRestoreInProgress>true</IsRestoreInProgress>")));
        assert!(!archived(&status(
            "<IsRestoreInProgress>false</IsRestoreInProgress>\
             <RestoreExpiryDate>2026-12-01T00:00:00.000Z</RestoreExpiryDate>"
        )));
    }

    #[test]
    fn a_store_that_does_not_encode_is_taken_at_its_word() {
        let listing = page(&entry("a+b%2F&lt;&#x20;&amp;amp;", "")).unwrap();
        assert_eq!(listing.objects[0].key.as_str(), "a+b%2F< &amp;");
    }

    #[test]
    fn a_page_that_is_cut_or_makes_no_sense_is_refused() {
        assert!(matches!(page("<IsTruncated>true</IsTruncated>"), Err(PageError::NoCursor)));
        assert!(matches!(page(&entry("", "")), Err(PageError::Key)));
        let undecodable = format!("<EncodingType>url</EncodingType>{}", entry("%FF", ""));
        assert!(matches!(page(&undecodable), Err(PageError::Key)));
        for cut in
            ["", "<Error></Error>", "<ListBucketResult>", "<ListBucketResult><Contents><Key>a</Key>", "{}"]
        {
            let read = parse(cut.as_bytes());
            assert!(read.is_err(), "{cut}: {read:?}");
        }
    }

    proptest! {
        #[test]
        fn every_key_survives_the_way_s3_writes_it(key in "\\PC{1,40}|[\u{1}-\u{7f}]{1,40}") {
            // The space is the one letter that S3 does not write as %XX.
            let written = percent_encoding::utf8_percent_encode(&key, percent_encoding::NON_ALPHANUMERIC)
                .to_string()
                .replace("%20", "+");
            let listing = page(&format!("{}<EncodingType>url</EncodingType>", entry(&written, ""))).unwrap();
            prop_assert_eq!(listing.objects[0].key.as_str(), key.as_str());
        }

        #[test]
        fn no_bytes_make_the_reader_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = parse(&bytes);
        }
    }
}
