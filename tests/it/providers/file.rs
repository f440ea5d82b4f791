//! The file provider: the battery, and what only a directory can do wrong.

use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use futures::{StreamExt, TryStreamExt};

use crate::contract::store::{
    BESIDE, StoreFixture, TestBucket, all_keys, bytes, key, kind, page, pattern, read, store_battery, walk,
};
use logboom::domain::bucket::{Bucket, BucketId, NativeName, Provider};
use logboom::domain::credential::CredentialName;
use logboom::domain::key::Delimiter;
use logboom::domain::label::LabelOrder;
use logboom::domain::principal::Group;
use logboom::provider::{Cursor, GetOptions, Store, StoreErrorKind, file};

struct Directories;

/// A directory that goes away with the test. The bucket is `root` in it; what lies beside `root` is outside.
struct TempBucket {
    home: PathBuf,
}

impl TempBucket {
    fn new() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let name = format!("logboom-it-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let home = std::env::temp_dir().join(name);
        fs::create_dir_all(home.join("root")).expect("a directory");
        Self { home }
    }

    fn root(&self) -> PathBuf {
        self.home.join("root")
    }

    fn write(&self, key: &str, content: &[u8]) {
        let path = self.root().join(key);
        fs::create_dir_all(path.parent().expect("a parent")).expect("folders");
        // As a careful writer does: a reader sees the old object or the new one.
        let fresh = self.home.join(format!("fresh-{}", fs::read_dir(&self.home).expect("entries").count()));
        fs::write(&fresh, content).expect("a file");
        fs::rename(fresh, path).expect("a rename");
    }
}

impl Drop for TempBucket {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.home);
    }
}

impl TestBucket for TempBucket {
    fn store(&self) -> Store {
        open(&self.root(), 1_000_000)
    }

    async fn put(&self, key: &str, bytes: Bytes) {
        self.write(key, &bytes);
    }
}

impl StoreFixture for Directories {
    type Bucket = TempBucket;

    async fn fresh(&self) -> TempBucket {
        TempBucket::new()
    }

    async fn missing(&self) -> Store {
        open(Path::new("/nonexistent/logboom"), 1_000_000)
    }

    fn allows(&self, key: &str) -> bool {
        key != BESIDE && key.split('/').all(|name| !matches!(name, "" | "." | "..") && name.len() <= 255)
    }
}

fn open(root: &Path, max_directory_entries: usize) -> Store {
    let bucket = Bucket {
        id: BucketId::parse("logs").expect("an id"),
        provider: Provider::File,
        native_name: NativeName::parse(root.to_str().expect("text")).expect("a name"),
        region: None,
        account: None,
        endpoint: None,
        owner: Group::parse("owners").expect("a group"),
        label: LabelOrder::new(&["internal"]).expect("an order").lowest().clone(),
        credential: CredentialName::parse("none").expect("a name"),
        vending: None,
        redacted: false,
    };
    file::open(&bucket, &file::Options { max_directory_entries }).expect("a store")
}

async fn refusal(store: &Store, text: &str) -> StoreErrorKind {
    kind(store.get(&key(text), &GetOptions::default()).await)
}

mod battery {
    use super::*;

    store_battery!(async { Directories });
}

#[tokio::test]
async fn keys_that_a_directory_cannot_hold_are_absent_and_touch_nothing() {
    let bucket = TempBucket::new();
    bucket.write("a/b", b"inside");
    fs::write(bucket.home.join("outside"), "CANARY").expect("a file");
    let store = bucket.store();
    let long = "l".repeat(256);
    for text in ["a//b", "/a/b", "a/b/", "a/./b", "./a/b", "a/../a/b", "../outside", "a/../../outside", &long]
    {
        assert_eq!(refusal(&store, text).await, StoreErrorKind::NoSuchObject, "{text:?}");
        assert_eq!(kind(store.head(&key(text)).await), StoreErrorKind::NoSuchObject, "{text:?}");
    }
}

#[tokio::test]
async fn links_are_absent_wherever_they_lead() {
    let bucket = TempBucket::new();
    bucket.write("team-b/secret", b"CANARY");
    bucket.write("team-a/own", b"own");
    fs::write(bucket.home.join("outside"), "CANARY").expect("a file");
    let team = bucket.root().join("team-a");
    symlink("/etc/passwd", team.join("passwd")).expect("a link");
    symlink("/etc", team.join("etc")).expect("a link");
    symlink("../../outside", team.join("outside")).expect("a link");
    symlink("..", team.join("up")).expect("a link");
    symlink("../team-b", team.join("neighbour")).expect("a link");
    symlink("own", team.join("self")).expect("a link");
    symlink("loop", team.join("loop")).expect("a link");
    let store = bucket.store();
    for text in ["passwd", "etc/passwd", "outside", "up/team-b/secret", "neighbour/secret", "self", "loop"] {
        let text = format!("team-a/{text}");
        assert_eq!(refusal(&store, &text).await, StoreErrorKind::NoSuchObject, "{text:?}");
    }
    assert_eq!(all_keys(&store).await, ["team-a/own", "team-b/secret"]);
    let folded = walk(&store, "team-a/", Some(Delimiter), 10).await;
    assert_eq!((folded.keys, folded.prefixes), (vec!["team-a/own".to_owned()], vec![]));
    for through in ["team-a/up/", "team-a/etc/", "team-a/neighbour/"] {
        assert_eq!(walk(&store, through, None, 10).await.keys, [""; 0], "{through}");
    }
}

#[tokio::test]
async fn a_hard_link_is_a_file_like_any_other() {
    let bucket = TempBucket::new();
    bucket.write("team-b/log", b"linked");
    fs::hard_link(bucket.root().join("team-b/log"), bucket.root().join("hard")).expect("a link");
    assert_eq!(read(&bucket.store(), "hard").await.expect("bytes"), b"linked");
}

#[tokio::test]
async fn special_files_are_absent_and_block_nobody() {
    let bucket = TempBucket::new();
    let fifo = bucket.root().join("fifo");
    assert!(Command::new("mkfifo").arg(&fifo).status().expect("mkfifo (coreutils)").success());
    let _socket = UnixListener::bind(bucket.root().join("socket")).expect("a socket");
    // Only root may make a device; everybody else sees the rest of the test.
    let device = bucket.root().join("device");
    let _ = Command::new("mknod").arg(&device).args(["c", "1", "5"]).status().expect("mknod (coreutils)");
    fs::create_dir(bucket.root().join("named-like-a.log")).expect("a directory");
    let store = bucket.store();
    for text in ["fifo", "socket", "device", "named-like-a.log"] {
        let answer = tokio::time::timeout(Duration::from_secs(1), refusal(&store, text)).await;
        assert_eq!(answer.expect("an answer within a second"), StoreErrorKind::NoSuchObject, "{text}");
    }
    assert_eq!(all_keys(&store).await, [""; 0]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_swap_race_never_gives_what_lies_outside() {
    let bucket = TempBucket::new();
    bucket.write("team-a/swap", b"inside");
    fs::write(bucket.home.join("outside"), "CANARY").expect("a file");
    fs::create_dir(bucket.home.join("away")).expect("a directory");
    fs::write(bucket.home.join("away/swap"), "CANARY").expect("a file");
    let store = bucket.store();
    let stop = AtomicBool::new(false);
    let mut seen = [0_u32; 2];
    let runtime = tokio::runtime::Handle::current();
    std::thread::scope(|scope| {
        let swapping = scope.spawn(|| swap_until(&stop, &bucket));
        tokio::task::block_in_place(|| {
            runtime.block_on(async {
                for _ in 0..1_000 {
                    match read(&store, "team-a/swap").await {
                        Ok(content) => {
                            assert_eq!(content, b"inside");
                            seen[0] += 1;
                        }
                        Err(error) => {
                            assert_eq!(error.kind, StoreErrorKind::NoSuchObject);
                            seen[1] += 1;
                        }
                    }
                    let keys = all_keys(&store).await;
                    assert!(keys.iter().all(|key| key == "team-a/swap"), "{keys:?}");
                }
            });
        });
        stop.store(true, Ordering::SeqCst);
        swapping.join().expect("the swapper");
    });
    assert!(seen.iter().all(|&count| count > 0), "both states were met: {seen:?}");
}

/// Replaces the file by a link out of the bucket, and its folder by a link to another directory, again and again.
fn swap_until(stop: &AtomicBool, bucket: &TempBucket) {
    let (team, parked) = (bucket.root().join("team-a"), bucket.home.join("parked"));
    let (file, link) = (team.join("swap"), bucket.home.join("link"));
    while !stop.load(Ordering::SeqCst) {
        symlink("../../outside", &link).expect("a link");
        fs::rename(&link, &file).expect("a rename");
        bucket.write("team-a/swap", b"inside");
        fs::rename(&team, &parked).expect("a rename");
        symlink("../away", &team).expect("a link");
        fs::remove_file(&team).expect("a removal");
        fs::rename(&parked, &team).expect("a rename");
    }
}

#[tokio::test]
async fn a_replaced_file_is_read_to_its_own_end() {
    let bucket = TempBucket::new();
    let old = pattern(3_000_000);
    bucket.write("object", &old);
    let store = bucket.store();
    let opened = store.get(&key("object"), &GetOptions::default()).await.expect("an object");
    bucket.write("object", b"new");
    assert!(bytes(opened).await.expect("all bytes") == old, "the bytes are the opened file's");
    assert_eq!(read(&store, "object").await.expect("bytes"), b"new");
}

#[tokio::test]
async fn a_file_that_grows_ends_where_it_ended_and_one_that_shrinks_is_an_error() {
    let bucket = TempBucket::new();
    bucket.write("object", &pattern(1_000_000));
    let store = bucket.store();
    let file = fs::OpenOptions::new().write(true).open(bucket.root().join("object")).expect("a file");
    let opened = store.get(&key("object"), &GetOptions::default()).await.expect("an object");
    file.set_len(2_000_000).expect("a longer file");
    assert_eq!(bytes(opened).await.expect("bytes").len(), 1_000_000);

    let mut body = store.get(&key("object"), &GetOptions::default()).await.expect("an object").body;
    body.next().await.expect("a block").expect("bytes");
    file.set_len(300_000).expect("a shorter file");
    let error = body.try_collect::<Vec<_>>().await.expect_err("never a short success");
    assert_eq!(error.kind, StoreErrorKind::Unavailable);
}

#[tokio::test]
async fn an_etag_tells_apart_what_has_the_same_size_and_time() {
    let bucket = TempBucket::new();
    bucket.write("object", b"one");
    let store = bucket.store();
    let before = store.head(&key("object")).await.expect("metadata");
    let path = bucket.root().join("object");
    let written = fs::metadata(&path).expect("metadata").modified().expect("a time");
    bucket.write("object", b"two");
    fs::File::open(&path).expect("a file").set_modified(written).expect("the old time");
    let after = store.head(&key("object")).await.expect("metadata");
    assert_eq!(before.last_modified, after.last_modified);
    assert_ne!(before.etag, after.etag);
}

#[tokio::test]
async fn a_name_that_is_not_utf8_is_left_out_of_listings() {
    let bucket = TempBucket::new();
    bucket.write("good", b"");
    fs::write(bucket.root().join(std::ffi::OsStr::from_bytes(b"bad-\xff")), "").expect("a file");
    assert_eq!(all_keys(&bucket.store()).await, ["good"]);
}

#[tokio::test]
async fn folders_without_files_below_are_not_listed() {
    let bucket = TempBucket::new();
    bucket.write("full/deep/deeper/object", b"");
    fs::create_dir_all(bucket.root().join("empty/very/empty")).expect("directories");
    let folded = walk(&bucket.store(), "", Some(Delimiter), 1).await;
    assert_eq!(folded.prefixes, ["full/"]);
}

#[tokio::test]
async fn a_directory_with_too_many_entries_is_an_error_that_says_so() {
    let bucket = TempBucket::new();
    for name in ["a", "b", "c"] {
        bucket.write(name, b"");
    }
    assert_eq!(all_keys(&open(&bucket.root(), 3)).await.len(), 3);
    let error = open(&bucket.root(), 2).list(&page("", None, 1)).await.expect_err("too many");
    assert_eq!(error.kind, StoreErrorKind::Unexpected);
    assert!(error.cause.expect("a cause").to_string().contains("more than 2 entries"));
}

#[tokio::test]
async fn a_page_looks_past_many_folders_without_files() {
    let bucket = TempBucket::new();
    for n in 0..10_500 {
        fs::create_dir(bucket.root().join(format!("empty-{n:05}"))).expect("a directory");
    }
    bucket.write("last", b"");
    bucket.write("zz/object", b"");
    let store = bucket.store();
    assert_eq!(walk(&store, "", None, 1).await.keys, ["last", "zz/object"]);
    let folded = walk(&store, "", Some(Delimiter), 1).await;
    assert_eq!((folded.keys, folded.prefixes), (vec!["last".to_owned()], vec!["zz/".to_owned()]));
}

#[tokio::test]
async fn the_cursor_of_another_listing_is_refused() {
    let bucket = TempBucket::new();
    bucket.write("a/b", b"");
    let mut options = page("a/", None, 1);
    options.cursor = Some(Cursor("b/c".to_owned()));
    assert_eq!(kind(bucket.store().list(&options).await), StoreErrorKind::Invalid);
}

#[tokio::test]
async fn a_directory_that_appears_later_is_found() {
    let bucket = TempBucket::new();
    let later = bucket.home.join("later");
    let store = open(&later, 10);
    assert_eq!(refusal(&store, "object").await, StoreErrorKind::NoSuchBucket);
    fs::create_dir(&later).expect("a directory");
    fs::write(later.join("object"), "here").expect("a file");
    assert_eq!(read(&store, "object").await.expect("bytes"), b"here");
}

#[tokio::test]
async fn what_the_file_system_denies_is_denied() {
    let bucket = TempBucket::new();
    bucket.write("locked/object", b"");
    let locked = bucket.root().join("locked");
    fs::set_permissions(&locked, fs::Permissions::from_mode(0o000)).expect("a mode");
    // Modes do not bind root, whose listing must then be whole.
    let bound = fs::read_dir(&locked).is_err();
    let listed = bucket.store().list(&page("", None, 10)).await;
    let read = read(&bucket.store(), "locked/object").await;
    fs::set_permissions(&locked, fs::Permissions::from_mode(0o700)).expect("a mode");
    if bound {
        assert_eq!((kind(listed), kind(read)), (StoreErrorKind::Denied, StoreErrorKind::Denied));
    } else {
        assert_eq!((listed.expect("a page").objects.len(), read.expect("bytes").len()), (1, 0));
    }
}
