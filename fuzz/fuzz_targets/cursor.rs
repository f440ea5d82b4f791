//! Cursors: one that is read comes back as what it was.
#![no_main]

use libfuzzer_sys::fuzz_target;
use logboom::domain::bucket::BucketId;
use logboom::domain::key::ObjectKey;
use logboom::domain::record::RecordTime;
use logboom::http::extract::cursor::{bookmark, cursor, follow_cursor, follow_mark};
use logboom::service::search::{Bookmark, Place};

fuzz_target!(|text: &str| {
    let (marked, mark) = (bookmark(text), follow_mark(text));
    assert!(marked.is_none() || mark.is_none(), "it is two things at once");
    if let Some(marked) = marked {
        assert_eq!(bookmark(&cursor(&marked)), Some(marked));
    }
    if let Some(mark) = mark {
        assert_eq!(follow_mark(&follow_cursor(&mark)), Some(mark));
    }
    if let (Ok(bucket), Ok(key)) = (BucketId::parse("payments-aws"), ObjectKey::parse(text)) {
        let (time, offset) = (RecordTime::from_unix_nanos(-1), text.len() as u64);
        let made = Bookmark { time, place: Some(Place { bucket, key, offset }) };
        assert_eq!(bookmark(&cursor(&made)), Some(made));
    }
});
