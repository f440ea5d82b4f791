//! A store that follows a script, and what guarded stores do with it. Limits are short, since time is the machine's.

use std::collections::VecDeque;
use std::num::NonZeroU16;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures::{StreamExt, stream};

use super::{BucketGuard, Limits};
use crate::domain::key::{ObjectKey, Prefix};
use crate::domain::object::{ByteRange, ContentRange, ETag, ObjectMeta};
use crate::domain::secret::Secret;
use crate::domain::time::{SystemClock, Timestamp};
use crate::provider::error::{StoreError, StoreErrorKind, StoreOperation};
use crate::provider::{
    ByteStream, GetOptions, Link, LinkOptions, ListOptions, Listing, ObjectStore, Opened, SignLinks, Store,
};

mod bodies;
mod breaker;
mod calls;

/// What the fake does with the next call. Without a step it answers as it should.
#[derive(Debug, Clone)]
enum Step {
    Fail(StoreErrorKind),
    /// Never answers.
    Hang,
    /// Opens a body that gives so many bytes and then ends as told.
    Body(usize, End),
    /// The object is another one from here on.
    Replace(&'static str, usize),
}

#[derive(Debug, Clone)]
enum End {
    Fail(StoreErrorKind),
    Early,
    Stall,
    Surplus,
}

#[derive(Debug)]
struct Fake {
    steps: Mutex<VecDeque<Step>>,
    object: Mutex<(Option<ETag>, Vec<u8>)>,
    asked: Mutex<Vec<GetOptions>>,
    calls: Mutex<u32>,
    dropped: Arc<AtomicBool>,
}

impl Fake {
    fn new(steps: impl IntoIterator<Item = Step>) -> Arc<Self> {
        let content = (0..1000_u32).map(|i| u8::try_from(i % 251).unwrap()).collect();
        Arc::new(Self {
            steps: Mutex::new(steps.into_iter().collect()),
            object: Mutex::new((Some(ETag::parse("v1").unwrap()), content)),
            asked: Mutex::default(),
            calls: Mutex::default(),
            dropped: Arc::default(),
        })
    }

    fn content(&self) -> Vec<u8> {
        self.object.lock().unwrap().1.clone()
    }

    fn calls(&self) -> u32 {
        *self.calls.lock().unwrap()
    }

    fn meta(&self) -> ObjectMeta {
        let (etag, content) = self.object.lock().unwrap().clone();
        ObjectMeta {
            key: key(),
            size_bytes: content.len() as u64,
            etag,
            last_modified: None,
            storage_class: None,
            archived: false,
            content_type: None,
            content_encoding: None,
        }
    }

    /// The next step that is not a replacement, which is carried out on the way.
    async fn step(&self, operation: StoreOperation) -> Result<Option<Step>, StoreError> {
        *self.calls.lock().unwrap() += 1;
        loop {
            let step = self.steps.lock().unwrap().pop_front();
            match step {
                Some(Step::Fail(kind)) => return Err(StoreError::new(operation, kind)),
                Some(Step::Hang) => std::future::pending().await,
                Some(Step::Replace(etag, size)) => {
                    *self.object.lock().unwrap() = (ETag::parse(etag).ok(), vec![7; size]);
                }
                other => return Ok(other),
            }
        }
    }

    fn body(&self, bytes: &[u8], step: Option<Step>) -> ByteStream {
        let (count, end) = match step {
            Some(Step::Body(count, end)) => (count, Some(end)),
            _ => (bytes.len(), None),
        };
        let guard = Noticed(Arc::clone(&self.dropped));
        let pieces: Vec<_> =
            bytes[..count].chunks(100).map(|piece| Ok(Bytes::copy_from_slice(piece))).collect();
        let tail = match end {
            Some(End::Fail(kind)) => stream::iter([Err(StoreError::new(StoreOperation::Read, kind))]).boxed(),
            Some(End::Surplus) => stream::iter([Ok(Bytes::from_static(b"!"))]).boxed(),
            Some(End::Stall) => stream::pending().boxed(),
            Some(End::Early) | None => stream::empty().boxed(),
        };
        // Each piece is waited for once, as over a network.
        let pieces = stream::iter(pieces).chain(tail).then(|piece| async {
            tokio::task::yield_now().await;
            piece
        });
        pieces
            .map(move |piece| {
                let _ = &guard;
                piece
            })
            .boxed()
    }
}

/// Says when the body that holds it is dropped.
struct Noticed(Arc<AtomicBool>);

impl Drop for Noticed {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

#[async_trait]
impl ObjectStore for Fake {
    async fn list(&self, _: &ListOptions) -> Result<Listing, StoreError> {
        self.step(StoreOperation::List).await.map(|_| Listing::default())
    }

    async fn head(&self, _: &ObjectKey) -> Result<ObjectMeta, StoreError> {
        self.step(StoreOperation::Head).await.map(|_| self.meta())
    }

    async fn get(&self, _: &ObjectKey, options: &GetOptions) -> Result<Opened, StoreError> {
        self.asked.lock().unwrap().push(options.clone());
        let step = self.step(StoreOperation::Get).await?;
        let (meta, content) = (self.meta(), self.content());
        let fail = |kind| Err(StoreError::new(StoreOperation::Get, kind));
        if let Some(wanted) = &options.conditions.if_match
            && !wanted.matches(meta.etag.as_ref())
        {
            return fail(StoreErrorKind::PreconditionFailed);
        }
        let range = match options.range {
            Some(asked) => match asked.resolve(meta.size_bytes) {
                Some(range) => Some(range),
                None => return fail(StoreErrorKind::RangeNotSatisfiable { total: meta.size_bytes }),
            },
            None => None,
        };
        let bytes = range.map_or(&content[..], |range| slice(&content, range));
        Ok(Opened { body: self.body(bytes, step), meta, range })
    }

    fn links(&self) -> Option<&dyn SignLinks> {
        Some(self)
    }
}

#[async_trait]
impl SignLinks for Fake {
    async fn link(&self, _: &ObjectKey, options: &LinkOptions) -> Result<Link, StoreError> {
        self.step(StoreOperation::Link).await?;
        Ok(Link {
            url: Secret::new("https://store.test/".to_owned()),
            expires_at: options.now.plus(options.ttl),
        })
    }
}

fn slice(content: &[u8], range: ContentRange) -> &[u8] {
    &content[usize::try_from(range.first).unwrap()..=usize::try_from(range.last).unwrap()]
}

fn limits() -> Limits {
    Limits {
        concurrent: 4,
        queue: 1,
        queue_wait: Duration::from_millis(20),
        header_timeout: Duration::from_millis(40),
        idle_timeout: Duration::from_millis(40),
        attempts: 3,
        total_deadline: Duration::from_secs(5),
        backoff_base: Duration::from_millis(2),
        backoff_cap: Duration::from_millis(20),
        resumes: 2,
        breaker_failures: 100,
        breaker_pause: Duration::from_millis(40),
    }
}

fn guarded(fake: &Arc<Fake>, limits: Limits) -> (Store, Arc<BucketGuard>) {
    let guard = BucketGuard::new(limits, Arc::new(SystemClock));
    (guard.wrap(Arc::clone(fake) as Store), guard)
}

fn key() -> ObjectKey {
    ObjectKey::parse("app.log").unwrap()
}

fn first_page() -> ListOptions {
    ListOptions { prefix: Prefix::root(), delimiter: None, limit: NonZeroU16::MAX, cursor: None }
}

fn an_hour() -> LinkOptions {
    LinkOptions {
        ttl: Duration::from_hours(1),
        now: Timestamp::from_unix_seconds(0),
        content_disposition: String::new(),
        content_type: String::new(),
    }
}

fn range(first: u64, last: u64) -> GetOptions {
    GetOptions { range: Some(ByteRange::Between { first, last }), ..GetOptions::default() }
}

/// What a reader gets: the bytes, and the error that ended them.
async fn read(mut body: ByteStream) -> (Vec<u8>, Option<StoreError>) {
    let mut bytes = Vec::new();
    while let Some(piece) = body.next().await {
        match piece {
            Ok(piece) => bytes.extend_from_slice(&piece),
            Err(error) => {
                assert!(body.next().await.is_none(), "a body ends with its error");
                return (bytes, Some(error));
            }
        }
    }
    (bytes, None)
}

const UNAVAILABLE: Step = Step::Fail(StoreErrorKind::Unavailable);
