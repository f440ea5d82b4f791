//! Walks through S3's XML answers, one element at a time, without building a tree.

use quick_xml::Reader;
use quick_xml::errors::SyntaxError;
use quick_xml::escape::resolve_predefined_entity;
use quick_xml::events::{BytesRef, Event};

/// The elements that Logboom reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Name {
    ActualObjectSize,
    Code,
    CommonPrefixes,
    Contents,
    ETag,
    EncodingType,
    IsRestoreInProgress,
    IsTruncated,
    Key,
    LastModified,
    ListBucketResult,
    NextContinuationToken,
    Prefix,
    RestoreExpiryDate,
    RestoreStatus,
    Size,
    StorageClass,
    Other,
}

impl Name {
    fn of(name: &[u8]) -> Self {
        match name {
            b"ActualObjectSize" => Self::ActualObjectSize,
            b"Code" => Self::Code,
            b"CommonPrefixes" => Self::CommonPrefixes,
            b"Contents" => Self::Contents,
            b"ETag" => Self::ETag,
            b"EncodingType" => Self::EncodingType,
            b"IsRestoreInProgress" => Self::IsRestoreInProgress,
            b"IsTruncated" => Self::IsTruncated,
            b"Key" => Self::Key,
            b"LastModified" => Self::LastModified,
            b"ListBucketResult" => Self::ListBucketResult,
            b"NextContinuationToken" => Self::NextContinuationToken,
            b"Prefix" => Self::Prefix,
            b"RestoreExpiryDate" => Self::RestoreExpiryDate,
            b"RestoreStatus" => Self::RestoreStatus,
            b"Size" => Self::Size,
            b"StorageClass" => Self::StorageClass,
            _ => Self::Other,
        }
    }
}

/// An element that ended.
pub(super) struct Ended<'a> {
    /// The element around it.
    pub(super) parent: Name,
    /// Its own.
    pub(super) name: Name,
    /// The text since the last element began: its content, when it holds nothing but text.
    pub(super) text: &'a str,
}

/// Hands over every element when it ends.
pub(super) fn walk(xml: &[u8], mut ended: impl FnMut(&Ended<'_>)) -> Result<(), quick_xml::Error> {
    let mut reader = Reader::from_reader(xml);
    let mut open: Vec<Name> = Vec::with_capacity(4);
    let mut text = String::new();
    loop {
        match reader.read_event()? {
            Event::Start(element) => {
                open.push(Name::of(element.local_name().as_ref()));
                text.clear();
            }
            Event::Text(piece) => text.push_str(&piece.decode()?),
            Event::CData(piece) => text.push_str(&piece.decode()?),
            Event::GeneralRef(reference) => push_reference(&mut text, &reference)?,
            Event::End(_) => {
                let name = open.pop().unwrap_or(Name::Other);
                ended(&Ended { parent: open.last().copied().unwrap_or(Name::Other), name, text: &text });
                text.clear();
            }
            Event::Eof if open.is_empty() => return Ok(()),
            Event::Eof => return Err(SyntaxError::UnclosedTag.into()),
            Event::Empty(_) | Event::Comment(_) | Event::Decl(_) | Event::PI(_) | Event::DocType(_) => {}
        }
    }
}

/// Resolves `&amp;` and `&#10;`; an entity that only a DTD could define is left out.
fn push_reference(text: &mut String, reference: &BytesRef<'_>) -> Result<(), quick_xml::Error> {
    if let Some(letter) = reference.resolve_char_ref()? {
        text.push(letter);
    } else if let Some(known) = resolve_predefined_entity(&reference.decode()?) {
        text.push_str(known);
    }
    Ok(())
}
