//! Reading typed settings out of TOML and environment, collecting every problem instead of stopping at the first.
//!
//! A [`Section`] hands out its keys one by one; what nobody took by the time it is closed is an unknown key.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use toml::{Table, Value};

/// One thing that is wrong, with the setting's path.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ConfigProblem {
    /// Where: `http.listen`, `buckets.payments.label`.
    pub path: String,
    /// What is wrong and what was expected. Never the value, which may be a secret put in the wrong place.
    pub message: String,
}

/// The problems found so far, shared by all sections of one reading.
#[derive(Debug, Clone, Default)]
pub struct Problems(Rc<RefCell<Vec<ConfigProblem>>>);

impl Problems {
    /// Notes a problem.
    pub fn add(&self, path: impl Into<String>, message: impl Into<String>) {
        self.0.borrow_mut().push(ConfigProblem { path: path.into(), message: message.into() });
    }

    /// Takes what was noted, in the order of paths.
    #[must_use]
    pub fn take(&self) -> Vec<ConfigProblem> {
        let mut all = std::mem::take(&mut *self.0.borrow_mut());
        all.sort();
        all.dedup();
        all
    }
}

/// A value that a setting can hold.
pub trait Setting: Sized {
    /// What a reader of the error is told to write instead.
    const EXPECTED: &'static str;

    /// Reads the value; `None` when it is not of this kind.
    fn read(value: &Value) -> Option<Self>;
}

/// A table of settings on its way into a typed struct.
#[derive(Debug)]
pub struct Section {
    path: String,
    table: Table,
    problems: Problems,
}

impl Section {
    /// The whole configuration.
    #[must_use]
    pub const fn root(table: Table, problems: Problems) -> Self {
        Self { path: String::new(), table, problems }
    }

    /// The full path of a key in this section; the section's own for the empty key.
    #[must_use]
    pub fn path_of(&self, key: &str) -> String {
        match (self.path.as_str(), key) {
            ("", key) => key.to_owned(),
            (path, "") => path.to_owned(),
            (path, key) => format!("{path}.{key}"),
        }
    }

    /// A setting that must be there.
    pub fn required<T: Setting>(&mut self, key: &str) -> Option<T> {
        let Some(value) = self.table.remove(key) else {
            self.problem(key, format!("is missing; expected {}", T::EXPECTED));
            return None;
        };
        self.read(key, &value)
    }

    /// A setting that may be absent: `Some(None)` when it is, `None` when it is there but wrong.
    pub fn optional<T: Setting>(&mut self, key: &str) -> Option<Option<T>> {
        match self.table.remove(key) {
            Some(value) => self.read(key, &value).map(Some),
            None => Some(None),
        }
    }

    /// A setting parsed by a constructor of the domain.
    pub fn parsed<T, E: std::fmt::Display>(
        &mut self,
        key: &str,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Option<T> {
        let text: String = self.required(key)?;
        match parse(&text) {
            Ok(value) => Some(value),
            Err(error) => {
                self.problem(key, error.to_string());
                None
            }
        }
    }

    /// A sub-table; an absent one reads as empty, so that its own required keys report themselves.
    pub fn section(&mut self, key: &str) -> Self {
        let table = match self.table.remove(key) {
            Some(Value::Table(table)) => table,
            None => Table::new(),
            Some(_) => {
                self.problem(key, "expected a table");
                Table::new()
            }
        };
        Self { path: self.path_of(key), table, problems: self.problems.clone() }
    }

    /// A sub-table that may be absent altogether.
    pub fn optional_section(&mut self, key: &str) -> Option<Self> {
        self.table.contains_key(key).then(|| self.section(key))
    }

    /// Every sub-table of a table of tables, by name.
    pub fn sections(&mut self, key: &str) -> BTreeMap<String, Self> {
        let mut outer = self.section(key);
        let names: Vec<String> = outer.table.keys().cloned().collect();
        names.into_iter().map(|name| (name.clone(), outer.section(&name))).collect()
    }

    /// The texts of a table of texts, by name.
    pub fn texts(&mut self, key: &str) -> BTreeMap<String, String> {
        let mut outer = self.section(key);
        let names: Vec<String> = outer.table.keys().cloned().collect();
        names.into_iter().filter_map(|name| outer.required(&name).map(|text| (name, text))).collect()
    }

    /// Notes a problem with one key.
    pub fn problem(&self, key: &str, message: impl Into<String>) {
        self.problems.add(self.path_of(key), message);
    }

    /// Leaves a key unread, because what it means hangs on another setting that is wrong.
    pub fn pass_over(&mut self, key: &str) {
        self.table.remove(key);
    }

    /// Leaves every key unread that nobody took yet.
    pub fn pass_over_rest(&mut self) {
        self.table.clear();
    }

    /// Whether no key is left that nobody took.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.table.is_empty()
    }

    /// Reports every key that nobody took.
    pub fn close(self) {
        for key in self.table.keys() {
            self.problems.add(self.path_of(key), "is not a setting that Logboom knows");
        }
    }

    fn read<T: Setting>(&self, key: &str, value: &Value) -> Option<T> {
        let read = T::read(value);
        if read.is_none() {
            self.problem(key, format!("expected {}", T::EXPECTED));
        }
        read
    }
}
