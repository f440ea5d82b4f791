//! Cursors: where an answer ended, as its asker gives it back.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::domain::bucket::BucketId;
use crate::domain::key::ObjectKey;
use crate::domain::record::RecordTime;
use crate::domain::time::Timestamp;
use crate::service::follow::FollowMark;
use crate::service::search::{Bookmark, Place};

/// A bookmark as a cursor: no secret, since its holder was told that record.
#[must_use]
pub fn cursor(bookmark: &Bookmark) -> String {
    let nanos = bookmark.time.unix_nanos();
    let text = match &bookmark.place {
        Some(Place { bucket, key, offset }) => format!("1 {nanos} {offset} {bucket} {}", key.as_str()),
        None => format!("t1 {nanos}"),
    };
    URL_SAFE_NO_PAD.encode(text)
}

/// A mark as a cursor: numbers that tell nothing to others.
#[must_use]
pub fn follow_cursor(mark: &FollowMark) -> String {
    let told: String =
        mark.told.iter().fold(String::new(), |text, (number, told)| format!("{text} {number:x}:{told:x}"));
    let text = format!("f1 {}{told}", mark.newest.unix_millis());
    URL_SAFE_NO_PAD.encode(text)
}

/// The mark of a cursor; `None` when it is not one of ours.
#[must_use]
pub fn follow_mark(cursor: &str) -> Option<FollowMark> {
    let bytes = URL_SAFE_NO_PAD.decode(cursor).ok()?;
    let text = String::from_utf8(bytes).ok()?;
    let mut parts = text.split(' ');
    parts.next().filter(|version| *version == "f1")?;
    let newest = Timestamp::from_unix_millis(parts.next()?.parse().ok()?);
    let pair = |part: &str| {
        let (number, told) = part.split_once(':')?;
        Some((u64::from_str_radix(number, 16).ok()?, u64::from_str_radix(told, 16).ok()?))
    };
    Some(FollowMark { newest, told: parts.map(pair).collect::<Option<_>>()? })
}

/// The bookmark of a cursor; `None` when it is not one of ours.
#[must_use]
pub fn bookmark(cursor: &str) -> Option<Bookmark> {
    let bytes = URL_SAFE_NO_PAD.decode(cursor).ok()?;
    let text = String::from_utf8(bytes).ok()?;
    let mut parts = text.splitn(5, ' ');
    let version = parts.next()?;
    let time = RecordTime::from_unix_nanos(parts.next()?.parse().ok()?);
    let place = match version {
        "1" => Some(Place {
            offset: parts.next()?.parse().ok()?,
            bucket: BucketId::parse(parts.next()?).ok()?,
            key: ObjectKey::parse(parts.next()?).ok()?,
        }),
        "t1" if parts.next().is_none() => None,
        _ => return None,
    };
    Some(Bookmark { time, place })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_cursor_comes_back_as_the_bookmark_that_it_was(
            nanos: i64, offset: u64, key in prop::option::of("[ -~é]{1,40}"),
        ) {
            let place = |key: String| Place {
                bucket: BucketId::parse("payments-aws").unwrap(),
                key: ObjectKey::parse(&key).unwrap(),
                offset,
            };
            let bookmark_before =
                Bookmark { time: RecordTime::from_unix_nanos(nanos), place: key.map(place) };
            prop_assert_eq!(bookmark(&cursor(&bookmark_before)), Some(bookmark_before));
        }

        #[test]
        fn a_mark_comes_back_as_what_it_was(newest: i64, told: Vec<(u64, u64)>) {
            let mark = FollowMark { newest: Timestamp::from_unix_millis(newest), told };
            prop_assert_eq!(follow_mark(&follow_cursor(&mark)), Some(mark));
        }

        #[test]
        fn no_text_as_a_cursor_ends_the_program(text in ".{0,80}") {
            let _either = (bookmark(&text), follow_mark(&text));
        }
    }
}
