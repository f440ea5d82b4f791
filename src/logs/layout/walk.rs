//! From a template and a span of time to the prefixes that have to be listed.

use jiff::civil::DateTime;

use crate::logs::layout::names::Names;
use crate::logs::layout::template::{self, Segment, Template};

/// A place on the way down: what is known of the key so far.
#[derive(Debug, Clone)]
pub struct Walk<'l> {
    segments: &'l [Segment],
    /// What the caller wants to stay below.
    scope: &'l str,
    /// The key so far; ends in `/` or is empty.
    path: String,
    names: Names,
    /// The times that can stand in the key from here on, both included.
    span: (DateTime, DateTime),
    /// Those that could at the beginning.
    whole: (DateTime, DateTime),
}

/// What has to be asked of the cloud next.
#[derive(Debug)]
pub enum Leaf<'l> {
    /// List the objects that begin so.
    Objects(String),
    /// List the folders that begin so, and go on with [`Walk::enter`].
    Folders(String, Walk<'l>),
}

impl<'l> Walk<'l> {
    /// Begins at a template's first folder.
    #[must_use]
    pub fn new(template: &'l Template, scope: &'l str, span: (DateTime, DateTime)) -> Self {
        Self {
            segments: &template.segments,
            scope,
            path: String::new(),
            names: Names::new(),
            span,
            whole: span,
        }
    }

    /// Goes down as far as it can without asking. At most `most` ways are found; `None` when there are more.
    #[must_use]
    pub fn descend(self, most: usize) -> Option<Vec<Leaf<'l>>> {
        let mut leaves = Vec::new();
        let mut ways = vec![self];
        while let Some(way) = ways.pop() {
            match way.segments {
                [] => {}
                [name] => {
                    // The date in a name can be that of the day before or after its folder's.
                    let span = if name.has_year() { way.whole } else { way.span };
                    let head = name.head(&way.names, span.0, span.1);
                    leaves.extend(way.below_scope(format!("{}{head}", way.path)).map(Leaf::Objects));
                }
                [folder, ..] if folder.is_known(&way.names) => ways.extend(way.times(folder, most)?),
                [folder, ..] => {
                    if let Some(name) = way.named_by_scope() {
                        ways.extend(way.enter(&name));
                    } else {
                        let head = folder.head(&way.names, way.span.0, way.span.1);
                        let prefix = way.below_scope(format!("{}{head}", way.path));
                        leaves.extend(prefix.map(|prefix| Leaf::Folders(prefix, way)));
                    }
                }
            }
            if leaves.len().saturating_add(ways.len()) > most {
                return None;
            }
        }
        Some(leaves)
    }

    /// Goes on in a folder that is there, given by its whole path; `None` when it does not fit.
    #[must_use]
    pub fn enter(&self, folder: &str) -> Option<Self> {
        let (segment, segments) = self.segments.split_first()?;
        let name = folder.strip_prefix(&self.path)?.strip_suffix('/')?;
        let mut names = segment.names(name, &self.names)?;
        names.extend(self.names.iter().cloned());
        let span = if segment.finest().is_none() { self.span } else { self.fitting(segment, name)? };
        Some(Self { segments, scope: self.scope, path: folder.to_owned(), names, span, whole: self.whole })
    }

    /// The folders of a segment that is known but for its date.
    fn times(&self, folder: &Segment, most: usize) -> Option<Vec<Self>> {
        let segments = self.segments.get(1..).unwrap_or_default();
        let way = |span: (DateTime, DateTime)| {
            let path = format!("{}{}/", self.path, folder.head(&self.names, span.0, span.0));
            let kept = self.scope.starts_with(&path) || path.starts_with(self.scope);
            kept.then(|| Self {
                segments,
                scope: self.scope,
                path,
                names: self.names.clone(),
                span,
                whole: self.whole,
            })
        };
        let Some(unit) = folder.finest() else { return Some(way(self.span).into_iter().collect()) };
        let mut ways = Vec::new();
        let (mut at, last) = self.span;
        for _ in 0..=most {
            let next = template::next(at, unit);
            let end = before(next).min(last);
            ways.extend(way((at, end.max(at))));
            if next > last || next <= at {
                return Some(ways);
            }
            at = next;
        }
        None
    }

    /// The part of the span whose times are written so in the folder's name.
    fn fitting(&self, segment: &Segment, name: &str) -> Option<(DateTime, DateTime)> {
        let unit = segment.finest()?;
        let (mut at, last) = self.span;
        loop {
            let next = template::next(at, unit);
            if segment.says(name, at) {
                return Some((at, before(next).min(last).max(at)));
            }
            if next > last || next <= at {
                return None;
            }
            at = next;
        }
    }

    /// The folder that the scope names at this place.
    fn named_by_scope(&self) -> Option<String> {
        let rest = self.scope.strip_prefix(&self.path)?;
        let end = rest.find('/')?.saturating_add(1);
        Some(format!("{}{}", self.path, rest.get(..end)?))
    }

    /// The prefix, kept below the scope; `None` when it lies beside it.
    fn below_scope(&self, prefix: String) -> Option<String> {
        if prefix.starts_with(self.scope) {
            Some(prefix)
        } else {
            self.scope.starts_with(&prefix).then(|| self.scope.to_owned())
        }
    }
}

/// The last time before this one, to the second.
fn before(time: DateTime) -> DateTime {
    time.checked_sub(jiff::Span::new().seconds(1)).unwrap_or(time)
}
