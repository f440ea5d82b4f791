//! Where records begin and end in decoded bytes.
//!
//! A block always begins at a record. What is not whole yet stays for the next block.

use std::ops::Range;

use crate::logs::format::Format;

/// The record around a place in a block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Around {
    /// Where it stands, without its line's end; and where the next one begins.
    Whole(Range<usize>, usize),
    /// It begins here and goes on behind the block, as far as one can tell.
    Open(usize),
}

/// Finds the record of a line format around `at`; `from` is where one begins before it. With `end` nothing follows the block.
#[must_use]
pub fn around(block: &[u8], from: usize, at: usize, end: bool, format: &Format) -> Around {
    let start = start_of(block, from, at, format);
    let mut line_end = at;
    loop {
        let Some(newline) = find(block, line_end) else {
            return if end { whole(block, start, block.len(), block.len()) } else { Around::Open(start) };
        };
        let next = newline.saturating_add(1);
        if format.is_line_by_line() {
            return whole(block, start, newline, next);
        }
        let line = line_at(block, next);
        match line {
            // Whether the next line belongs to this record is seen from its beginning.
            Some(line) if line.whole || end => {
                if format.begins_record(line.bytes) {
                    return whole(block, start, newline, next);
                }
            }
            None if end => return whole(block, start, newline, next),
            Some(_) | None => return Around::Open(start),
        }
        line_end = next;
    }
}

/// Where the last record begins that the block may not hold to its end: what comes before it is whole.
#[must_use]
pub fn last_start(block: &[u8], from: usize, format: &Format) -> usize {
    match block.len().checked_sub(1) {
        Some(last) if last >= from && format.is_line_by_line() => {
            // A line that ends with the block is whole.
            let newline = block.get(from..).and_then(|rest| memchr::memrchr(b'\n', rest));
            newline.map_or(from, |at| from.saturating_add(at).saturating_add(1))
        }
        Some(last) if last >= from => start_of(block, from, last, format),
        _ => from,
    }
}

/// The start of the record that holds `at`.
fn start_of(block: &[u8], from: usize, at: usize, format: &Format) -> usize {
    let mut start = line_start(block, from, at);
    while start > from && !format.begins_record(line_at(block, start).map_or(&[], |line| line.bytes)) {
        start = line_start(block, from, start.saturating_sub(1));
    }
    start
}

/// The start of the line before this one; `None` at the block's first.
#[must_use]
pub fn line_before(block: &[u8], from: usize, start: usize) -> Option<usize> {
    (start > from).then(|| line_start(block, from, start.saturating_sub(1)))
}

fn line_start(block: &[u8], from: usize, at: usize) -> usize {
    let before = block.get(from..at).unwrap_or_default();
    memchr::memrchr(b'\n', before).map_or(from, |newline| from.saturating_add(newline).saturating_add(1))
}

struct Line<'b> {
    bytes: &'b [u8],
    /// Whether its end, or enough of it to find a timestamp, is in the block.
    whole: bool,
}

fn line_at(block: &[u8], start: usize) -> Option<Line<'_>> {
    let rest = block.get(start..).filter(|rest| !rest.is_empty())?;
    let newline = memchr::memchr(b'\n', rest);
    let bytes = rest.get(..newline.unwrap_or(rest.len())).unwrap_or(rest);
    let whole = newline.is_some() || rest.len() >= crate::logs::format::LINE_HEAD_BYTES;
    Some(Line { bytes, whole })
}

fn whole(block: &[u8], start: usize, newline: usize, next: usize) -> Around {
    let carriage = newline.checked_sub(1).filter(|at| *at >= start && block.get(*at) == Some(&b'\r'));
    Around::Whole(start..carriage.unwrap_or(newline), next)
}

fn find(block: &[u8], from: usize) -> Option<usize> {
    memchr::memchr(b'\n', block.get(from..)?).map(|at| from.saturating_add(at))
}

/// Cuts the objects of an array out of JSON, without holding the whole of it.
#[derive(Debug, Default)]
pub struct ArrayFrames {
    depth: usize,
    /// The depth inside the array of records; `None` before it begins.
    inside: Option<usize>,
    in_string: bool,
    escaped: bool,
    /// Where the object under way begins.
    start: Option<usize>,
    /// How far the block was looked at.
    looked: usize,
}

impl ArrayFrames {
    /// The next object that is whole in the block.
    pub fn next(&mut self, block: &[u8]) -> Option<Range<usize>> {
        while let Some(byte) = block.get(self.looked).copied() {
            let at = self.looked;
            self.looked = at.saturating_add(1);
            if self.in_string {
                self.string(byte);
                continue;
            }
            match byte {
                b'"' => self.in_string = true,
                b'{' | b'[' => self.opens(byte, at),
                b'}' | b']' => {
                    if let Some(start) = self.closes() {
                        return Some(start..self.looked);
                    }
                }
                _ => {}
            }
        }
        None
    }

    /// From where the block is still needed.
    #[must_use]
    pub fn needed_from(&self) -> usize {
        self.start.unwrap_or(self.looked)
    }

    /// Takes note that so many bytes at the block's beginning are gone.
    pub fn dropped(&mut self, bytes: usize) {
        self.looked = self.looked.saturating_sub(bytes);
        self.start = self.start.map(|start| start.saturating_sub(bytes));
    }

    /// Gives up the object under way, which is too long.
    pub fn give_up(&mut self) {
        self.start = None;
    }

    fn string(&mut self, byte: u8) {
        match byte {
            _ if self.escaped => self.escaped = false,
            b'\\' => self.escaped = true,
            b'"' => self.in_string = false,
            _ => {}
        }
    }

    fn opens(&mut self, byte: u8, at: usize) {
        if self.inside.is_none() && byte == b'[' && self.depth <= 1 {
            self.inside = Some(self.depth.saturating_add(1));
        } else if self.inside == Some(self.depth) && byte == b'{' {
            self.start = Some(at);
        }
        self.depth = self.depth.saturating_add(1);
    }

    fn closes(&mut self) -> Option<usize> {
        self.depth = self.depth.saturating_sub(1);
        if self.inside == Some(self.depth) {
            return self.start.take();
        }
        if self.inside.is_some_and(|inside| self.depth < inside) {
            // Another document may follow.
            self.inside = None;
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn frames(document: &str) -> Vec<String> {
        let mut array = ArrayFrames::default();
        let mut found = Vec::new();
        while let Some(frame) = array.next(document.as_bytes()) {
            found.push(String::from_utf8_lossy(&document.as_bytes()[frame]).into_owned());
        }
        found
    }

    #[test]
    fn objects_are_cut_out_of_the_array_and_of_nothing_else() {
        let nested = r#"{"a":"]}\"","b":[{"c":1}]}"#;
        assert_eq!(frames(&format!(r#"{{"Records":[{nested}, {{}} ],"x":[1]}}"#)), [nested, "{}"]);
        assert_eq!(frames(&format!("[\n{nested},\n1, \"{{\", {nested}]")), [nested, nested]);
        assert_eq!(frames(r#"{"Records":[{"a":1}]}{"Records":[{"a":2}]}"#), [r#"{"a":1}"#, r#"{"a":2}"#]);
        assert_eq!(frames(r#"{"Records":[{"a":1"#), [""; 0]);
    }

    proptest! {
        #[test]
        fn blocks_of_any_size_give_the_same_objects(
            records in prop::collection::vec(r#"\{"a":"[\[\]{}, é]{0,8}"\}"#, 0..6), cuts in prop::collection::vec(1_usize..9, 1..60),
        ) {
            let document = format!(r#"{{"Records":[{}]}}"#, records.join(","));
            let (mut array, mut block, mut found) = (ArrayFrames::default(), Vec::new(), Vec::new());
            let mut rest = document.as_bytes();
            for cut in cuts.iter().copied().chain([document.len()]) {
                let (piece, behind) = rest.split_at(cut.min(rest.len()));
                rest = behind;
                block.extend_from_slice(piece);
                while let Some(frame) = array.next(&block) {
                    found.push(String::from_utf8_lossy(&block[frame]).into_owned());
                }
                let done = array.needed_from();
                block.drain(..done);
                array.dropped(done);
            }
            prop_assert_eq!(found, records);
        }
    }
}
