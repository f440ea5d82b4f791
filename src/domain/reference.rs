//! References: texts that name one record for good.

use std::fmt;

use crate::domain::bucket::{BucketId, Provider};
use crate::domain::key::ObjectKey;
use crate::domain::object::ETag;
use crate::domain::record::Position;

/// A record of an object, in one version: `provider/bucket/key@"version"#offset+length`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reference {
    /// The cloud, for people who read it.
    pub provider: Provider,
    /// The bucket.
    pub bucket: BucketId,
    /// The object.
    pub key: ObjectKey,
    /// The version in which it stands there; `None` where the store tells none.
    pub version: Option<ETag>,
    /// Where it stands in the decoded object.
    pub position: Position,
}

/// The text is no reference.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("is not the reference of a record, as the records of a search carry it in `ref`")]
pub struct InvalidReference;

impl Reference {
    /// Parses a reference.
    ///
    /// # Errors
    /// [`InvalidReference`].
    pub fn parse(text: &str) -> Result<Self, InvalidReference> {
        Self::read(text).ok_or(InvalidReference)
    }

    fn read(text: &str) -> Option<Self> {
        let (provider, rest) = text.split_once('/')?;
        let (bucket, rest) = rest.split_once('/')?;
        // A key can hold every sign; a version has no quotes inside, and what follows it neither.
        let (object, position) = rest.rsplit_once('#')?;
        let (key, version) = match object.strip_suffix('"') {
            Some(open) => {
                let (key, version) = open.rsplit_once("@\"")?;
                // A tag is parsed with quotes of its own too, and then a reference could be written in two ways.
                let bare = version.bytes().all(|b| b != b'"');
                (key, Some(ETag::parse(version).ok().filter(|_| bare)?))
            }
            None => (object.strip_suffix('@')?, None),
        };
        let (offset, length) = position.split_once('+')?;
        let position = Position { offset: number(offset)?, length: number(length)? };
        let provider = Provider::ALL.into_iter().find(|known| known.as_str() == provider)?;
        let (bucket, key) = (BucketId::parse(bucket).ok()?, ObjectKey::parse(key).ok()?);
        Some(Self { provider, bucket, key, version, position })
    }
}

/// Digits alone, so that a reference has one way to be written.
fn number(text: &str) -> Option<u64> {
    let plain = text.bytes().all(|b| b.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
    plain.then(|| text.parse().ok()).flatten()
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { provider, bucket, key, version, position } = self;
        let version = version.as_ref().map_or("", ETag::as_str);
        write!(f, "{provider}/{bucket}/{}@{version}#{}+{}", key.as_str(), position.offset, position.length)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_reference_is_written_in_one_way_only() {
        assert!(Reference::parse("aws/payments-aws/a@\"b2\"#0+43").is_ok());
        assert_eq!(Reference::parse("aws/payments-aws/a@\"\"b2\"\"#0+43"), Err(InvalidReference));
    }

    proptest! {
        #[test]
        fn a_reference_comes_back_as_what_it_was(
            key in "[ -~é#@\"]{1,40}", version in prop::option::of("[!#-~]{1,20}"), offset: u64, length: u64,
        ) {
            let reference = Reference {
                provider: Provider::Azure,
                bucket: BucketId::parse("payments-azure").unwrap(),
                key: ObjectKey::parse(&key).unwrap(),
                version: version.map(|text| ETag::parse(&text).unwrap()),
                position: Position { offset, length },
            };
            prop_assert_eq!(Reference::parse(&reference.to_string()), Ok(reference));
        }

        #[test]
        fn no_text_as_a_reference_ends_the_program(text in ".{0,60}") {
            if let Ok(reference) = Reference::parse(&text) {
                prop_assert_eq!(reference.to_string(), text);
            }
        }
    }
}
