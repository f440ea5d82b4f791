//! What goes on from one line to the next: private keys, and values of JSON that a path names.

use std::sync::Arc;

use crate::logs::redact::detect::Detector;
use crate::logs::redact::value::{Open, Reach};
use crate::logs::redact::{BY_PATH, Redacted, Redactor};

/// What is known from the lines before.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Across {
    inside: Inside,
    /// Whether the last line lay inside of what goes, so that nothing of it is left.
    hidden: bool,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
enum Inside {
    #[default]
    Nothing,
    /// A private key, which stands on lines of its own.
    Key(Arc<str>),
    /// A value that begins on the next line.
    Before(Arc<str>),
    /// An object or a list that goes on.
    Value(Arc<str>, Open),
}

impl Across {
    /// Whether the last line lay inside of what goes, so that nothing of it is left.
    #[must_use]
    pub const fn hid(&self) -> bool {
        self.hidden
    }
}

impl Redactor {
    /// The same as [`Redactor::redact`] for the next of several lines, of which each is a record.
    #[must_use]
    pub fn redact_next<'r>(&self, record: &'r [u8], across: &mut Across) -> Redacted<'r> {
        let inside = std::mem::take(across).inside;
        let (rule, open) = match inside {
            Inside::Nothing => return self.next(record, across),
            Inside::Key(rule) => {
                let redacted = Redacted::whole(Detector::Token.name(), &rule);
                let ends = holds(record, b"-----END ");
                *across =
                    Across { inside: if ends { Inside::Nothing } else { Inside::Key(rule) }, hidden: true };
                return redacted;
            }
            Inside::Before(rule) => match record.trim_ascii_start().first() {
                None => {
                    across.inside = Inside::Before(rule);
                    return Redacted::untouched(record);
                }
                Some(b'{' | b'[') => (rule, Open::new(0)),
                Some(_) => return hide(&rule, Inside::Nothing, across),
            },
            Inside::Value(rule, open) => (rule, open),
        };
        self.in_value(record, &rule, open, across)
    }

    fn in_value<'r>(
        &self,
        record: &'r [u8],
        rule: &Arc<str>,
        mut open: Open,
        across: &mut Across,
    ) -> Redacted<'r> {
        match open.read(record) {
            Reach::Open => hide(rule, Inside::Value(Arc::clone(rule), open), across),
            Reach::Closed(end) => match record.get(end..) {
                Some(rest) if !rest.trim_ascii().is_empty() => self.next(rest, across),
                Some(_) | None => hide(rule, Inside::Nothing, across),
            },
            // The document broke off before: this line is another's.
            Reach::Broken(at) if record.get(..at).is_some_and(|before| before.trim_ascii().is_empty()) => {
                self.next(record, across)
            }
            Reach::Broken(_) => hide(rule, Inside::Nothing, across),
        }
    }

    fn next<'r>(&self, record: &'r [u8], across: &mut Across) -> Redacted<'r> {
        across.inside = self.goes_on(record);
        self.redact(record)
    }

    /// What is not at its end where the line is.
    fn goes_on(&self, record: &[u8]) -> Inside {
        let key = self.secret_names.as_ref().filter(|_| {
            holds(record, b"-----BEGIN ")
                && holds(record, b"PRIVATE KEY-----")
                && !holds(record, b"-----END ")
        });
        if let Some(rule) = key {
            return Inside::Key(Arc::clone(rule));
        }
        let values = self.last_names.iter().flat_map(|name| {
            let mut done = 0;
            name.opens.captures_iter(record).filter_map(move |found| {
                let at = found.get(2).filter(|at| at.start() >= done)?;
                if at.is_empty() {
                    return Some((at.start(), Inside::Before(Arc::clone(&name.scalar.name))));
                }
                let mut open = Open::new(found.get(1)?.len());
                match open.read(record.get(at.start()..)?) {
                    Reach::Open => Some((at.start(), Inside::Value(Arc::clone(&name.scalar.name), open))),
                    Reach::Closed(end) | Reach::Broken(end) => {
                        // What lies inside of it ends there too, and is not read again.
                        done = at.start().saturating_add(end);
                        None
                    }
                }
            })
        });
        values.min_by_key(|(at, _)| *at).map_or(Inside::Nothing, |(_, inside)| inside)
    }
}

fn hide(rule: &Arc<str>, inside: Inside, across: &mut Across) -> Redacted<'static> {
    *across = Across { inside, hidden: true };
    Redacted::whole(BY_PATH, rule)
}

fn holds(record: &[u8], text: &[u8]) -> bool {
    memchr::memmem::find(record, text).is_some()
}
