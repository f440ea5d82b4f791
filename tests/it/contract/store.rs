//! The battery for providers: what a bucket of any provider must do, written once and run on all four.
//!
//! A provider's tests bring a fixture and say `store_battery!(fixture)`; the clouds say `cloud_battery!(fixture)`
//! as well, for what only a server can do: archive an object, refuse a credential, break off in the middle.

use bytes::Bytes;
use futures::{StreamExt, TryStreamExt};
use logboom::domain::key::{Delimiter, ObjectKey, Prefix};
use logboom::provider::{
    Cursor, GetOptions, ListOptions, Listing, MAX_PAGE, Opened, Store, StoreError, StoreErrorKind,
};

pub mod conditions;
pub mod faults;
pub mod keys;
pub mod listing;
pub mod ranges;
pub mod refusals;

/// An object that lies beside a folder of its own name: `beside` next to `beside/…`.
/// A directory cannot hold both, so `allows(BESIDE)` is false there.
pub const BESIDE: &str = "beside";

/// A bucket that a test has for itself.
pub trait TestBucket {
    /// A store over the bucket with a credential that may read all of it.
    fn store(&self) -> Store;

    /// Writes an object; one of the same key is replaced.
    async fn put(&self, key: &str, bytes: Bytes);

    /// Writes many objects whose bytes are their own keys.
    async fn put_all(&self, keys: &[String]) {
        futures::stream::iter(keys)
            .for_each_concurrent(16, |key| self.put(key, Bytes::from(key.clone())))
            .await;
    }
}

/// What the battery needs of a provider's test set-up.
pub trait StoreFixture {
    /// The provider's kind of bucket.
    type Bucket: TestBucket;

    /// A new, empty bucket.
    async fn fresh(&self) -> Self::Bucket;

    /// A store over a bucket that does not exist.
    async fn missing(&self) -> Store;

    /// Whether the provider's namespace can hold the key. The battery then expects [`StoreErrorKind::NoSuchObject`]
    /// (or [`StoreErrorKind::Invalid`], where a cloud refuses the very name).
    fn allows(&self, key: &str) -> bool;
}

/// What the battery needs besides when the provider is a server.
pub trait CloudFixture: StoreFixture {
    /// A store over a bucket that holds the object `kept`, with a credential that may not read the bucket.
    async fn denied(&self) -> Store;

    /// A store over a bucket with one archived object, and its key.
    async fn archived(&self) -> (Store, ObjectKey);

    /// The server's port on 127.0.0.1.
    fn port(&self) -> u16;

    /// A store over the same bucket that reaches the server through another port of 127.0.0.1: a proxy's.
    async fn behind(&self, bucket: &Self::Bucket, port: u16) -> Store;
}

/// Makes one test of each sentence. Takes an expression that gives the fixture, and awaits it.
macro_rules! store_battery {
    ($fixture:expr) => {
        $crate::contract::store::sentences! { $fixture;
            keys: odd_keys_make_the_round_trip, keys_that_cannot_be_are_absent,
                empty_and_large_objects_arrive_whole;
            ranges: a_range_gives_exactly_its_bytes, a_range_past_the_end_is_clamped,
                a_range_outside_is_refused_with_the_size, an_empty_object_has_no_range;
            conditions: if_none_match_of_the_same_version_is_not_modified,
                if_match_of_another_version_fails, if_match_takes_one_of_several_and_any,
                if_modified_since_compares_whole_seconds, a_replaced_object_has_another_etag,
                list_head_and_get_tell_the_same;
            listing: pages_of_any_size_lose_and_repeat_nothing, folders_fold_at_the_delimiter,
                a_prefix_is_a_beginning_of_keys, ten_thousand_keys_are_listed_in_order,
                a_foreign_cursor_never_invents_keys, an_empty_bucket_has_an_empty_listing;
            refusals: an_absent_key_is_no_such_object, a_missing_bucket_is_told_apart;
        }
    };
}

/// Makes one test of each sentence that needs a server. Takes an expression that gives the fixture, and awaits it.
macro_rules! cloud_battery {
    ($fixture:expr) => {
        $crate::contract::store::sentences! { $fixture;
            refusals: a_refused_credential_is_denied, an_archived_object_says_so;
            faults: a_connection_cut_half_way_is_an_error, a_slow_reader_holds_the_server_back,
                a_reader_that_leaves_closes_the_connection, a_server_that_refuses_is_unavailable;
        }
    };
}

macro_rules! sentences {
    ($fixture:expr; $($file:ident: $($sentence:ident),+;)+) => {
        $($(
            #[tokio::test]
            async fn $sentence() {
                $crate::contract::store::$file::$sentence(&$fixture.await).await;
            }
        )+)+
    };
}

pub(crate) use cloud_battery;
pub(crate) use {sentences, store_battery};

/// A key from text.
pub fn key(text: &str) -> ObjectKey {
    ObjectKey::parse(text).expect("a key")
}

/// Bytes that no two offsets share for long, so that a shifted or swapped block shows.
pub fn pattern(len: usize) -> Bytes {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut bytes = Vec::with_capacity(len + 8);
    while bytes.len() < len {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend_from_slice(&state.to_le_bytes());
    }
    bytes.truncate(len);
    bytes.into()
}

/// All bytes of an opened object.
pub async fn bytes(opened: Opened) -> Result<Vec<u8>, StoreError> {
    opened
        .body
        .try_fold(Vec::new(), |mut all, block| async move {
            all.extend_from_slice(&block);
            Ok(all)
        })
        .await
}

/// Reads a whole object.
pub async fn read(store: &Store, text: &str) -> Result<Vec<u8>, StoreError> {
    bytes(store.get(&key(text), &GetOptions::default()).await?).await
}

/// The kind of failure.
pub fn kind<T: std::fmt::Debug>(result: Result<T, StoreError>) -> StoreErrorKind {
    result.expect_err("a refusal").kind
}

/// Lists one page from the beginning.
pub fn page(prefix: &str, delimiter: Option<Delimiter>, limit: u16) -> ListOptions {
    ListOptions {
        prefix: Prefix::parse(prefix).expect("a prefix"),
        delimiter,
        limit: limit.try_into().expect("not zero"),
        cursor: None,
    }
}

/// Everything a listing held, page after page, in the order of arrival.
#[derive(Debug, Default)]
pub struct Walked {
    pub keys: Vec<String>,
    pub prefixes: Vec<String>,
}

/// Follows a listing to its end and checks the size of each page.
pub async fn walk(store: &Store, prefix: &str, delimiter: Option<Delimiter>, limit: u16) -> Walked {
    let mut options = page(prefix, delimiter, limit);
    let mut walked = Walked::default();
    for _ in 0..20_000 {
        let Listing { prefixes, objects, next } = store.list(&options).await.expect("a page");
        assert!(prefixes.len() + objects.len() <= usize::from(limit), "a page holds at most {limit} entries");
        walked.keys.extend(objects.iter().map(|object| object.key.as_str().to_owned()));
        walked.prefixes.extend(prefixes.iter().map(|prefix| prefix.as_str().to_owned()));
        match next {
            Some(Cursor(cursor)) => options.cursor = Some(Cursor(cursor)),
            None => return walked,
        }
    }
    panic!("the listing does not end");
}

/// Lists everything flat with the largest pages.
pub async fn all_keys(store: &Store) -> Vec<String> {
    walk(store, "", None, MAX_PAGE).await.keys
}
