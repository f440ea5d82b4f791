//! Records of one object that are held back until its end, where their order needs that: when the newest come first, and in
//! formats whose objects are in no order by themselves.

use crate::logs::found::{Found, ScanOptions};
use crate::logs::merge::Order;
use crate::logs::object::ObjectError;

/// Records held back.
#[derive(Debug)]
pub struct Held {
    order: Order,
    holds: bool,
    most_bytes: usize,
    /// Only so many of the first can be asked for.
    most_records: Option<usize>,
    found: Found,
}

impl Held {
    /// Holds nothing yet.
    pub fn new(order: Order, options: &ScanOptions) -> Self {
        Self {
            order,
            holds: order == Order::Descending || options.unordered,
            most_bytes: options.held_bytes,
            most_records: options.limit.and_then(|limit| usize::try_from(limit).ok()),
            found: Found::default(),
        }
    }

    /// Whether anything is held back at all.
    pub const fn holds(&self) -> bool {
        self.holds
    }

    /// Takes records in, and gives those that may go on: all of them at the end.
    ///
    /// # Errors
    /// [`ObjectError::TooMany`] when they are more than may be held.
    pub fn pass(&mut self, found: Found, last: bool) -> Result<Found, ObjectError> {
        if !self.holds {
            return Ok(found);
        }
        self.found.append(&found);
        if self.found.bytes.len() > self.most_bytes || last {
            self.keep_first();
        }
        if self.found.bytes.len() > self.most_bytes {
            return Err(ObjectError::TooMany);
        }
        Ok(if last { std::mem::take(&mut self.found) } else { Found::default() })
    }

    /// Puts them in order, and drops what comes behind all that can be asked for.
    fn keep_first(&mut self) {
        self.found.records.sort_by_key(|record| (record.time, record.offset));
        if self.order == Order::Descending {
            self.found.records.reverse();
        }
        let Some(most) = self.most_records.filter(|most| self.found.records.len() > *most) else { return };
        self.found.records.truncate(most);
        let mut kept = Found::default();
        kept.append(&self.found);
        self.found = kept;
    }
}
