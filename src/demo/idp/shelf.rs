//! What the identity provider remembers: names that end, and never more than a fixed number of them.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use crate::domain::time::Timestamp;

/// Values under random names, each for a while.
#[derive(Debug)]
pub struct Shelf<T> {
    capacity: usize,
    ttl: Duration,
    held: Mutex<HashMap<String, (Timestamp, T)>>,
}

/// The shelf is full of names that have not ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ShelfFull;

impl<T> Shelf<T> {
    /// An empty shelf.
    #[must_use]
    pub fn new(capacity: usize, ttl: Duration) -> Self {
        Self { capacity, ttl, held: Mutex::default() }
    }

    /// Puts a value under a name until the shelf's time has passed.
    pub fn put(&self, name: String, value: T, now: Timestamp) -> Result<(), ShelfFull> {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        if held.len() >= self.capacity {
            held.retain(|_, (ends, _)| *ends > now);
        }
        if held.len() >= self.capacity {
            return Err(ShelfFull);
        }
        held.insert(name, (now.plus(self.ttl), value));
        Ok(())
    }

    /// Takes a value away, so that its name works once.
    pub fn take(&self, name: &str, now: Timestamp) -> Option<T> {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        held.remove(name).filter(|(ends, _)| *ends > now).map(|(_, value)| value)
    }

    /// Changes a value in its place, and answers what the change does; nothing when there is none.
    pub fn change<R>(&self, name: &str, now: Timestamp, change: impl FnOnce(&mut T) -> R) -> Option<R> {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        held.get_mut(name).filter(|(ends, _)| *ends > now).map(|(_, value)| change(value))
    }

    /// Takes away every value that answers yes.
    pub fn remove_where(&self, gone: impl Fn(&T) -> bool) {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        held.retain(|_, (_, value)| !gone(value));
    }
}
