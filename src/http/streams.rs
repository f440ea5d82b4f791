//! How many bodies a principal may have under way, so that one caller cannot take the whole service.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Arc, Mutex, PoisonError};

use crate::domain::principal::PrincipalId;
use crate::http::problem::{Problem, Slug};

type Counts = Arc<Mutex<HashMap<PrincipalId, usize>>>;

/// Counts of bodies under way.
#[derive(Debug, Clone)]
pub struct Streams {
    counts: Counts,
    limit: usize,
}

/// One body under way; dropping it frees its place.
#[derive(Debug)]
pub struct StreamSlot {
    counts: Counts,
    principal: PrincipalId,
}

impl Streams {
    /// At most `limit` bodies at once for each principal.
    #[must_use]
    pub fn new(limit: usize) -> Self {
        Self { counts: Counts::default(), limit }
    }

    /// Takes a place for one body.
    pub fn open(&self, principal: &PrincipalId) -> Result<StreamSlot, Problem> {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        let count = counts.entry(principal.clone()).or_insert(0);
        if *count >= self.limit {
            let detail =
                format!("You already have {} downloads under way, the most allowed at once", self.limit);
            return Err(Problem::new(Slug::RateLimited, detail)
                .hint("Let one of them end, then go on")
                .retry_after(5));
        }
        *count = count.saturating_add(1);
        Ok(StreamSlot { counts: Arc::clone(&self.counts), principal: principal.clone() })
    }

    /// All bodies under way.
    #[must_use]
    pub fn total(&self) -> usize {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner).values().sum()
    }
}

impl Drop for StreamSlot {
    fn drop(&mut self) {
        let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        if let Entry::Occupied(mut entry) = counts.entry(self.principal.clone()) {
            let left = entry.get().saturating_sub(1);
            if left == 0 {
                entry.remove();
            } else {
                entry.insert(left);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_free_again_when_its_body_ends() {
        let ana = PrincipalId { issuer: "https://idp".to_owned(), subject: "ana".to_owned() };
        let bob = PrincipalId { subject: "bob".to_owned(), ..ana.clone() };
        let streams = Streams::new(2);
        let first = streams.open(&ana).unwrap();
        let _second = streams.open(&ana).unwrap();
        assert_eq!(streams.open(&ana).unwrap_err().slug(), Slug::RateLimited);
        assert!(streams.open(&bob).is_ok(), "another person is not held up");
        drop(first);
        assert!(streams.open(&ana).is_ok());
    }
}
