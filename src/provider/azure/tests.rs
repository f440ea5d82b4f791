//! What the pure parts promise: a URL names its key or does not exist, and a listing says what Azure wrote.

use std::time::Duration;

use azure_core::http::headers::Headers;
use azure_core::http::{ClientOptions, StatusCode};
use percent_encoding::percent_decode_str;
use proptest::prelude::*;

use crate::domain::bucket::{Bucket, BucketId, NativeName, Provider};
use crate::domain::credential::{Credential, CredentialName};
use crate::domain::key::{ObjectKey, Prefix};
use crate::domain::label::LabelOrder;
use crate::domain::object::ETag;
use crate::domain::principal::Group;
use crate::domain::secret::Secret;
use crate::domain::time::Timestamp;
use crate::provider::azure::address::Address;
use crate::provider::azure::list::parse;
use crate::provider::azure::{BlobStorage, credential, error};
use crate::provider::error::StoreOperation;
use crate::provider::{Cursor, StoreErrorKind, wire};

fn address(endpoint: Option<&str>, container: &str) -> Option<Address> {
    let bucket = Bucket {
        id: BucketId::parse("zpay").unwrap(),
        provider: Provider::Azure,
        native_name: NativeName::parse(container).unwrap(),
        region: None,
        account: Some("acct".to_owned()),
        endpoint: endpoint.map(ToOwned::to_owned),
        owner: Group::parse("payments").unwrap(),
        label: LabelOrder::new(&["public"]).unwrap().find("public").unwrap().clone(),
        credential: CredentialName::parse("azure").unwrap(),
        vending: None,
        redacted: false,
    };
    Address::of(&bucket).ok()
}

fn url(endpoint: Option<&str>, container: &str, key: &str) -> Option<String> {
    address(endpoint, container)?.blob(&ObjectKey::parse(key).unwrap()).map(|url| url.to_string())
}

#[test]
fn an_endpoint_is_the_clouds_own_or_a_plain_url() {
    let cases = [
        (None, "logs", Some("https://acct.blob.core.windows.net/logs/k")),
        (None, "$logs", Some("https://acct.blob.core.windows.net/$logs/k")),
        (Some("https://HOST.example:443"), "logs", Some("https://host.example/logs/k")),
        (Some("https://127.0.0.1:7/acct"), "logs", Some("https://127.0.0.1:7/acct/logs/k")),
        (Some("https://host.example/"), "logs", None),
        (Some("https://user:word@host.example"), "logs", None),
        (Some("https://host.example?sig=x"), "logs", None),
        (Some("https://host.example#x"), "logs", None),
        (Some("file:///etc"), "logs", None),
        (None, "..", None),
        (None, "a/b", None),
        (None, "-ab", None),
        (None, "Logs", None),
    ];
    for (endpoint, container, expect) in cases {
        assert_eq!(url(endpoint, container, "k").as_deref(), expect, "{endpoint:?} {container}");
    }
}

#[test]
fn certificates_that_are_none_are_refused_at_once() {
    let with = |extra_ca_pem: Option<&str>| {
        let options = wire::Options {
            connect_timeout: Duration::from_secs(1),
            idle_timeout: Duration::from_secs(1),
            extra_ca_pem: extra_ca_pem.map(ToOwned::to_owned),
            read_buffer_bytes: 128 * 1024,
        };
        BlobStorage::new(&options, Duration::from_hours(1)).is_ok()
    };
    assert!(with(None));
    assert!(!with(Some("")));
    assert!(!with(Some("/etc/ssl/ca.pem")));
    assert!(!with(Some("-----BEGIN CERTIFICATE-----\nnone\n-----END CERTIFICATE-----\n")));
}

#[test]
fn another_clouds_credential_is_none() {
    let options = ClientOptions::default();
    let kind =
        |credential: &Credential| credential::token(credential, &options).err().map(|error| error.kind);
    let secret = || Secret::new("SECRET".to_owned());
    assert_eq!(kind(&Credential::Anonymous), None);
    assert_eq!(kind(&Credential::AzureAccessToken(secret())), None);
    assert_eq!(kind(&Credential::GcpAccessToken(secret())), Some(StoreErrorKind::NoCredential));
    let application = |tenant_id: &str, authority: &str| Credential::AzureClientSecret {
        tenant_id: tenant_id.to_owned(),
        client_id: "client".to_owned(),
        client_secret: secret(),
        authority: Some(authority.to_owned()),
    };
    assert_eq!(kind(&application("tenant", "https://login.example")), None);
    assert_eq!(
        kind(&application("tenant", "http://login.example")),
        Some(StoreErrorKind::NoCredential),
        "https only"
    );
    assert_eq!(kind(&application("../x", "https://login.example")), Some(StoreErrorKind::NoCredential));
}

#[test]
fn a_key_longer_than_azure_allows_has_no_url() {
    assert!(url(None, "logs", &"日".repeat(1024)).is_some());
    assert!(url(None, "logs", &"a".repeat(1025)).is_none());
}

/// A page as Azure writes it.
const PAGE: &str = r#"<?xml version="1.0" encoding="utf-8"?><EnumerationResults ServiceEndpoint="https://acct.blob.core.windows.net/" ContainerName="logs"><Prefix>x</Prefix><MaxResults>5</MaxResults><Delimiter>/</Delimiter><Blobs>
<Blob><Name> a &amp; &lt;b&gt; &#x26;#33; </Name><Properties><Last-Modified>Mon, 23 Nov 2026 07:00:01 GMT</Last-Modified><Etag>0x8DE</Etag><Content-Length>12</Content-Length><Content-Type>text/plain</Content-Type><Content-Encoding>gzip</Content-Encoding><Content-MD5 /><AccessTier>Archive</AccessTier><ArchiveStatus>rehydrate-pending-to-hot</ArchiveStatus></Properties><OrMetadata /></Blob>
<Blob><Name Encoded="true">odd%EF%BF%BE%2541</Name><Properties><Content-Length>0</Content-Length><Content-Type /></Properties></Blob>
<Blob><Name>%41</Name><Properties><Content-Length>1</Content-Length><AccessTier>Hot</AccessTier></Properties></Blob>
<Blob><Name>folder</Name><Properties><ResourceType>directory</ResourceType><Content-Length>0</Content-Length></Properties></Blob>
<BlobPrefix><Name>p/</Name></BlobPrefix><BlobPrefix><Name Encoded="true">q%EF%BF%BF/</Name></BlobPrefix></Blobs><NextMarker>2!next==</NextMarker></EnumerationResults>"#;

#[test]
fn a_listing_says_what_azure_wrote() {
    let listing = parse(PAGE.as_bytes()).unwrap();
    let names: Vec<_> = listing.objects.iter().map(|object| object.key.as_str()).collect();
    assert_eq!(names, [" a & <b> &#33; ", "odd\u{fffe}%41", "%41"]);
    assert_eq!(listing.prefixes.iter().map(Prefix::as_str).collect::<Vec<_>>(), ["p/", "q\u{ffff}/"]);
    assert_eq!(listing.next, Some(Cursor("2!next==".to_owned())));
    let first = &listing.objects[0];
    assert_eq!(first.last_modified, Some(Timestamp::parse("2026-11-23T07:00:01Z").unwrap()));
    assert_eq!(first.etag, Some(ETag::parse("0x8DE").unwrap()));
    assert_eq!((first.size_bytes, first.archived), (12, true));
    assert_eq!(first.storage_class.as_deref(), Some("Archive"));
    assert_eq!(
        (first.content_type.as_deref(), first.content_encoding.as_deref()),
        (Some("text/plain"), Some("gzip"))
    );
    assert!(!listing.objects[2].archived);
}

#[test]
fn what_is_no_whole_listing_is_refused() {
    let half: String = PAGE.chars().take(PAGE.len() / 2).collect();
    let bad = [
        "",
        "<html><body>Sign in</body></html>",
        "<EnumerationResults>",
        &half,
        &PAGE.replace("<Content-Length>12", "<Content-Length>-12"),
        &PAGE.replace("<Name>%41</Name>", "<Name></Name>"),
        &PAGE.replace("%EF%BF%BE", "%FF"),
        &PAGE.replace("&amp;", "&unknown;"),
        &PAGE.replace("<EnumerationResults", "<!DOCTYPE x [<!ENTITY y \"z\">]><EnumerationResults"),
    ];
    for page in bad {
        assert!(parse(page.as_bytes()).is_none(), "{page}");
    }
    let empty = r"<EnumerationResults><Blobs /><NextMarker /></EnumerationResults>";
    assert_eq!(parse(empty.as_bytes()).unwrap().next, None);
}

#[test]
fn a_missing_container_is_told_from_a_missing_blob() {
    let kind = |operation, code: &str| {
        let mut headers = Headers::new();
        headers.insert("x-ms-error-code", code.to_owned());
        error::refused(operation, StatusCode::NotFound, &headers).kind
    };
    assert_eq!(kind(StoreOperation::Get, "BlobNotFound"), StoreErrorKind::NoSuchObject);
    assert_eq!(kind(StoreOperation::Get, "ContainerNotFound"), StoreErrorKind::NoSuchBucket);
    assert_eq!(kind(StoreOperation::Head, ""), StoreErrorKind::NoSuchObject);
    assert_eq!(kind(StoreOperation::List, ""), StoreErrorKind::NoSuchBucket);
}

#[test]
fn a_cause_quotes_nothing_but_the_status_and_a_code_of_letters() {
    let mut headers = Headers::new();
    headers.insert("x-ms-error-code", "Odd?sig=SECRET/x".to_owned());
    let refused = error::refused(StoreOperation::Get, StatusCode::Forbidden, &headers);
    assert_eq!(refused.cause.unwrap().to_string(), "Azure answered 403 OddsigSECRETx");
}

proptest! {
    #[test]
    fn a_url_names_exactly_its_key_or_does_not_exist(key in "(\\PC|[./%\\\\?#\u{0}-\u{1f}]){1,40}") {
        let Ok(key) = ObjectKey::parse(&key) else { return Ok(()) };
        let Some(url) = url(None, "logs", key.as_str()) else { return Ok(()) };
        let path = url.strip_prefix("https://acct.blob.core.windows.net/logs/").expect("the container's URL");
        prop_assert_eq!(percent_decode_str(path).decode_utf8().unwrap(), key.as_str());
        prop_assert!(!path.contains(['?', '#', '\\']), "{}", path);
        prop_assert!(path.split('/').all(|segment| !segment.ends_with('.')), "{}", path);
    }

    #[test]
    fn ordinary_keys_have_a_url(key in "[a-z0-9 %?#+=&]{1,20}(/[a-z0-9_]{1,8}){0,3}(\\.log)?") {
        prop_assert!(url(None, "logs", &key).is_some());
    }

    #[test]
    fn a_name_survives_the_listing(name in "[^\u{0}-\u{1f}\u{fffe}\u{ffff}]{1,40}") {
        let page = format!(
            "<EnumerationResults><Blobs><Blob><Name>{}</Name><Properties><Content-Length>1</Content-Length>\
             </Properties></Blob></Blobs></EnumerationResults>",
            quick_xml::escape::escape(name.as_str()),
        );
        let listing = parse(page.as_bytes()).expect("a listing");
        prop_assert_eq!(listing.objects[0].key.as_str(), name);
    }

    #[test]
    fn no_bytes_make_the_parser_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let _ = parse(&bytes);
    }

    #[test]
    fn no_cut_of_a_page_reads_as_a_whole_one(at in 0..PAGE.len()) {
        prop_assert!(parse(&PAGE.as_bytes()[..at]).is_none());
    }
}
