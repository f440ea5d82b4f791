//! Classification: ordered labels on buckets, and the same words as a person's clearance.

use std::fmt;

/// A label together with its rank in the order that the site configured; a higher rank is more sensitive.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Label {
    name: String,
    rank: u16,
}

impl Label {
    /// The label's name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.name
    }

    /// Its place in the order, 0 for the least sensitive.
    #[must_use]
    pub const fn rank(&self) -> u16 {
        self.rank
    }
}

impl fmt::Display for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

/// The site's labels, least sensitive first. Never empty, no name twice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LabelOrder {
    lowest: Label,
    rest: Vec<Label>,
}

impl LabelOrder {
    /// Makes an order from names, least sensitive first.
    ///
    /// # Errors
    /// [`InvalidLabelOrder`] when there is none, more than 64, or a name is empty or stands twice.
    pub fn new<S: AsRef<str>>(names: &[S]) -> Result<Self, InvalidLabelOrder> {
        let mut labels: Vec<Label> = Vec::with_capacity(names.len());
        for (rank, name) in (0_u16..).zip(names) {
            let name = name.as_ref();
            if name.is_empty() || rank >= 64 || labels.iter().any(|l| l.name == name) {
                return Err(InvalidLabelOrder);
            }
            labels.push(Label { name: name.to_owned(), rank });
        }
        let mut labels = labels.into_iter();
        let lowest = labels.next().ok_or(InvalidLabelOrder)?;
        Ok(Self { lowest, rest: labels.collect() })
    }

    /// Finds a label by its exact name.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<&Label> {
        self.iter().find(|label| label.name == name)
    }

    /// The least sensitive label: what a person without any clearance claim may see.
    #[must_use]
    pub const fn lowest(&self) -> &Label {
        &self.lowest
    }

    /// All labels, least sensitive first.
    pub fn iter(&self) -> impl Iterator<Item = &Label> {
        std::iter::once(&self.lowest).chain(&self.rest)
    }
}

/// The names make no order of labels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("labels are 1 to 64 different, non-empty names, least sensitive first")]
pub struct InvalidLabelOrder;
