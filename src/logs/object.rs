//! One object of a search: fetched, scanned on the threads for computing, and handed on no faster than it is wanted.

use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::digest;
use bytes::Bytes;
use futures::StreamExt;
use tokio::sync::{AcquireError, OwnedSemaphorePermit, Semaphore, mpsc};

use crate::domain::object::{ByteRange, Conditions, ETagMatch, ObjectMeta};
use crate::domain::record::RecordTime;
use crate::logs::allowance::Allowance;
use crate::logs::decode::DecodeError;
use crate::logs::format::HEAD_BYTES;
use crate::logs::found::{Found, ScanOptions, ScanStats, Written};
use crate::logs::held::Held;
use crate::logs::merge::{Entry, Order, RunId};
use crate::logs::scan::Scanner;
use crate::logs::threads::{Gone, Threads};
use crate::provider::error::StoreOperation;
use crate::provider::{ByteStream, GetOptions, Store, StoreError, StoreErrorKind};

/// How long a run that nobody waits for keeps its connection. After that it is closed, and opened anew by range when the
/// run goes on: the clouds close idle ones themselves, and others can use the place.
const IDLE_CONNECTION: Duration = Duration::from_secs(1);

/// How much is fetched before it is scanned, unless the object ends before.
const FETCH_BYTES: usize = 128 * 1024;

/// The records of one scanned piece, written out. They give back the piece's place when the last of them is gone.
#[derive(Debug)]
pub struct Batch {
    /// The records, one after the other.
    pub bytes: Vec<u8>,
    _place: Option<OwnedSemaphorePermit>,
}

/// One record of a batch.
#[derive(Debug, Clone)]
pub struct Slice {
    /// The batch.
    pub batch: Arc<Batch>,
    /// From where.
    pub start: usize,
    /// To where.
    pub end: usize,
    /// Whether it only stands next to one that matches.
    pub context: bool,
}

impl Slice {
    /// The record as it was written out.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        self.batch.bytes.get(self.start..self.end).unwrap_or_default()
    }
}

/// Why an object was not read to its end.
#[derive(Debug, thiserror::Error)]
pub enum ObjectError {
    /// Its cloud failed.
    #[error("the object could not be read")]
    Store(#[from] StoreError),
    /// Its bytes are not what they promise.
    #[error("the object could not be decoded")]
    Decode(#[from] DecodeError),
    /// More records match than can be held, and the order asked for needs them all.
    #[error("too many records of the object match to put them in order")]
    TooMany,
    /// Whoever asked has read as much as they may for now.
    #[error("the allowance of bytes is used up")]
    Spent,
    /// The threads for computing are gone, because the service stops.
    #[error("the service stops")]
    Stopped,
}

impl From<AcquireError> for ObjectError {
    fn from(_: AcquireError) -> Self {
        Self::Stopped
    }
}

impl From<Gone> for ObjectError {
    fn from(_: Gone) -> Self {
        Self::Stopped
    }
}

/// What an object tells while it is read.
#[derive(Debug)]
pub enum Event {
    /// Records, and up to which time no more come.
    Found {
        /// Which object.
        run: RunId,
        /// Its records.
        entries: Vec<Entry<Slice>>,
        /// Nothing earlier comes any more.
        floor: Option<RecordTime>,
        /// What was read so far.
        stats: ScanStats,
    },
    /// It told as much as it may, and waits.
    Full {
        /// Which object.
        run: RunId,
    },
    /// It is read, or as far as it could be.
    Ended {
        /// Which object.
        run: RunId,
        /// What was read in all.
        stats: ScanStats,
        /// How it went.
        outcome: Result<(), ObjectError>,
        /// The SHA-256 of the stored bytes that were read, where it is wanted.
        digest: Option<Digest>,
    },
}

/// A SHA-256.
pub type Digest = [u8; 32];

/// What was read of one object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Account {
    /// Its place in the plan.
    pub run: RunId,
    /// How many stored bytes, from its beginning.
    pub stored: u64,
    /// Their SHA-256.
    pub digest: Digest,
}

/// What all objects of a search share.
#[derive(Debug, Clone)]
pub struct Shared {
    /// The threads for computing, shared by all searches.
    pub threads: Arc<Threads>,
    /// What whoever asks may still read.
    pub allowance: Allowance,
    /// Places for connections of this search.
    pub connections: Arc<Semaphore>,
    /// Where events go.
    pub events: mpsc::Sender<Event>,
}

/// An object that is to be read.
#[derive(Debug)]
pub struct ObjectRead {
    /// Which run it is.
    pub run: RunId,
    /// Where it lies.
    pub store: Store,
    /// What the plan knows of it; what is read is this version.
    pub meta: ObjectMeta,
    /// How it is scanned.
    pub scan: Arc<ScanOptions>,
    /// Which way round its records come.
    pub order: Order,
    /// How many pieces may be ahead of the merge.
    pub places: Arc<Semaphore>,
    /// Whether the digest of what is read is wanted.
    pub digest: bool,
}

impl ObjectRead {
    /// Reads it, and tells how it went. Ends early, without a word, when nobody listens any more.
    pub async fn run(self, shared: Shared) {
        let mut stats = ScanStats::default();
        let mut hash = self.digest.then(|| digest::Context::new(&digest::SHA256));
        let outcome = self.read(&shared, &mut stats, &mut hash).await;
        let digest = hash.and_then(|hash| hash.finish().as_ref().try_into().ok());
        let _nobody_listens =
            shared.events.send(Event::Ended { run: self.run, stats, outcome, digest }).await;
    }

    async fn read(
        &self,
        shared: &Shared,
        stats: &mut ScanStats,
        hash: &mut Option<digest::Context>,
    ) -> Result<(), ObjectError> {
        let mut connection = Connection { body: None, place: None, taken: 0, fetched: 0 };
        let scanner = Scanner::new(Arc::clone(&self.scan));
        let mut scanner = self.resume(scanner, &mut connection, shared).await?;
        let mut held = Held::new(self.order, &self.scan);
        loop {
            let place = self.place(&mut connection, shared).await?;
            let piece = connection.fetch(self, shared).await?;
            let last = piece.is_empty();
            let mut hashed = hash.take();
            let work = move || {
                let mut found = Found::default();
                if let Some(hashed) = &mut hashed {
                    for chunk in &piece {
                        hashed.update(chunk);
                    }
                }
                let outcome = scan(&mut scanner, &piece, &mut found);
                (scanner, hashed, found, outcome)
            };
            let (back, hashed, found, outcome) = shared.threads.run(work).await?;
            (scanner, *hash) = (back, hashed);
            *stats = ScanStats { stored: connection.fetched, ..scanner.stats() };
            let found = held.pass(found, last || outcome.is_err())?;
            let floor = scanner.floor().filter(|_| !held.holds());
            if shared.events.send(self.event(found, place, floor, stats.clone())).await.is_err() {
                return Err(ObjectError::Stopped);
            }
            outcome?;
            if last || scanner.is_content() {
                return Ok(());
            }
        }
    }

    /// Passes over what was told earlier, where the object's beginning says that this can be.
    async fn resume(
        &self,
        mut scanner: Scanner,
        connection: &mut Connection,
        shared: &Shared,
    ) -> Result<Scanner, ObjectError> {
        let from = scanner.needed_from().filter(|from| *from < self.meta.size_bytes);
        let Some(from) = from else { return Ok(scanner) };
        let _place = shared.connections.acquire().await?;
        if shared.allowance.pause().is_some() {
            return Err(ObjectError::Spent);
        }
        let mut body = open(self, Some(ByteRange::Between { first: 0, last: HEAD_BYTES as u64 - 1 })).await?;
        let mut head = Vec::new();
        while let Some(chunk) = body.next().await.transpose()? {
            head.extend_from_slice(&chunk);
        }
        connection.fetched = head.len() as u64;
        shared.allowance.charge(connection.fetched);
        let work = move || (scanner.resume(&head, from), scanner);
        let (resumed, scanner) = shared.threads.run(work).await?;
        if resumed {
            connection.taken = from;
        }
        Ok(scanner)
    }

    /// A place for one more piece.
    async fn place(
        &self,
        connection: &mut Connection,
        shared: &Shared,
    ) -> Result<OwnedSemaphorePermit, ObjectError> {
        if let Ok(place) = Arc::clone(&self.places).try_acquire_owned() {
            return Ok(place);
        }
        let _nobody_listens = shared.events.send(Event::Full { run: self.run }).await;
        Ok(connection.wait(&self.places, &shared.connections).await?)
    }

    fn event(
        &self,
        found: Found,
        place: OwnedSemaphorePermit,
        floor: Option<RecordTime>,
        stats: ScanStats,
    ) -> Event {
        // Without records the place is free again at once.
        let place = (!found.records.is_empty()).then_some(place);
        let batch = Arc::new(Batch { bytes: found.bytes, _place: place });
        let entry = |Written { time, offset, start, end, context }| Entry {
            time,
            offset,
            item: Slice { batch: Arc::clone(&batch), start, end, context },
        };
        let entries = found.records.into_iter().map(entry).collect();
        Event::Found { run: self.run, entries, floor, stats }
    }
}

/// Scans a piece; an empty one is the object's end.
fn scan(scanner: &mut Scanner, piece: &[Bytes], found: &mut Found) -> Result<(), DecodeError> {
    if piece.is_empty() {
        return scanner.finish(found);
    }
    piece.iter().try_for_each(|chunk| scanner.feed(chunk, found))
}

/// The object's bytes, as long as they are wanted.
struct Connection {
    body: Option<ByteStream>,
    place: Option<OwnedSemaphorePermit>,
    /// Up to which stored byte it was handed on.
    taken: u64,
    /// Stored bytes that were fetched.
    fetched: u64,
}

impl Connection {
    /// Waits until the merge wants more. The connection is given up when that takes long, or when others need its place.
    async fn wait(
        &mut self,
        places: &Arc<Semaphore>,
        connections: &Semaphore,
    ) -> Result<OwnedSemaphorePermit, AcquireError> {
        if self.body.is_some() && connections.available_permits() > 0 {
            let soon = tokio::time::timeout(IDLE_CONNECTION, Arc::clone(places).acquire_owned());
            if let Ok(place) = soon.await {
                return place;
            }
        }
        (self.body, self.place) = (None, None);
        Arc::clone(places).acquire_owned().await
    }

    /// The next bytes; none at the object's end.
    async fn fetch(&mut self, object: &ObjectRead, shared: &Shared) -> Result<Vec<Bytes>, ObjectError> {
        if self.taken == object.meta.size_bytes {
            (self.body, self.place) = (None, None);
            return Ok(Vec::new());
        }
        if self.body.is_none() {
            self.place = Some(Arc::clone(&shared.connections).acquire_owned().await?);
        }
        if shared.allowance.pause().is_some() {
            return Err(ObjectError::Spent);
        }
        if self.body.is_none() {
            let range = (self.taken > 0).then_some(ByteRange::From(self.taken));
            self.body = Some(open(object, range).await?);
        }
        let (mut piece, mut bytes) = (Vec::new(), 0);
        while let Some(body) = &mut self.body
            && bytes < FETCH_BYTES
        {
            let Some(chunk) = body.next().await.transpose()? else {
                self.body = None;
                break;
            };
            bytes += chunk.len();
            piece.push(chunk);
        }
        self.taken += bytes as u64;
        self.fetched += bytes as u64;
        shared.allowance.charge(bytes as u64);
        if piece.is_empty() {
            return Err(StoreError::new(StoreOperation::Read, StoreErrorKind::Unavailable).into());
        }
        Ok(piece)
    }
}

/// Opens an object, or a part of it, in the version that the plan knows.
async fn open(object: &ObjectRead, range: Option<ByteRange>) -> Result<ByteStream, StoreError> {
    let version = object.meta.etag.clone().map(|etag| ETagMatch::OneOf(vec![etag]));
    let options = GetOptions { range, conditions: Conditions { if_match: version, ..Conditions::default() } };
    let opened = object.store.get(&object.meta.key, &options).await?;
    if opened.meta.size_bytes != object.meta.size_bytes {
        return Err(StoreError::new(StoreOperation::Get, StoreErrorKind::PreconditionFailed));
    }
    Ok(opened.body)
}
