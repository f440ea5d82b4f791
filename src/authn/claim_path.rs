//! The way to a claim inside a token: `realm_access.roles`, or `"https://logs.example/roles"` for a name with dots.

use std::fmt;

use serde_json::{Map, Value};

/// A path of member names, never empty. Names stand between dots; a name that holds dots stands in double quotes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ClaimPath {
    first: String,
    rest: Vec<String>,
}

impl ClaimPath {
    /// Parses a path.
    ///
    /// # Errors
    /// [`InvalidClaimPath`] when a name is empty or a quote does not stand around a whole name.
    pub fn parse(text: &str) -> Result<Self, InvalidClaimPath> {
        let mut names = Vec::new();
        let mut left = text;
        loop {
            let (name, after) = match left.strip_prefix('"') {
                Some(quoted) => quoted.split_once('"').ok_or(InvalidClaimPath)?,
                None => left.split_at(left.find('.').unwrap_or(left.len())),
            };
            if name.is_empty() || name.contains('"') {
                return Err(InvalidClaimPath);
            }
            names.push(name.to_owned());
            if after.is_empty() {
                break;
            }
            left = after.strip_prefix('.').ok_or(InvalidClaimPath)?;
        }
        let mut names = names.into_iter();
        Ok(Self { first: names.next().ok_or(InvalidClaimPath)?, rest: names.collect() })
    }

    /// The member of the token at the top of the path.
    #[must_use]
    pub fn first(&self) -> &str {
        &self.first
    }

    /// The value at the path.
    #[must_use]
    pub fn find<'a>(&self, claims: &'a Map<String, Value>) -> Option<&'a Value> {
        self.rest.iter().try_fold(claims.get(&self.first)?, |value, name| value.as_object()?.get(name))
    }
}

impl fmt::Display for ClaimPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, name) in std::iter::once(&self.first).chain(&self.rest).enumerate() {
            let dot = if place == 0 { "" } else { "." };
            let quote = if name.contains('.') { "\"" } else { "" };
            write!(f, "{dot}{quote}{name}{quote}")?;
        }
        Ok(())
    }
}

/// The text is no path to a claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a claim is written as names between dots; a name that holds dots stands in double quotes")]
pub struct InvalidClaimPath;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn a_path_reaches_nested_claims_and_claims_that_are_urls() {
        let claims = json!({"a": {"b": {"c": 1}}, "https://x.example/roles": {"r": 2}});
        let find = |path| ClaimPath::parse(path).unwrap().find(claims.as_object().unwrap()).cloned();
        assert_eq!(find("a.b.c"), Some(json!(1)));
        assert_eq!(find("\"https://x.example/roles\".r"), Some(json!(2)));
        assert_eq!(find("a.x"), None);
        assert_eq!(find("a.b.c.d"), None);
    }

    #[test]
    fn a_path_with_an_empty_name_or_a_loose_quote_is_none() {
        for text in ["", ".", "a.", ".a", "a..b", "\"a", "\"\"", "a\"b\"", "\"a\"b"] {
            assert_eq!(ClaimPath::parse(text), Err(InvalidClaimPath), "{text}");
        }
    }

    proptest! {
        #[test]
        fn a_path_reads_back_from_its_text(names in proptest::collection::vec("[^\"]{1,12}", 1..4)) {
            let text: Vec<_> = names.iter().map(|name| format!("\"{name}\"")).collect();
            let path = ClaimPath::parse(&text.join(".")).unwrap();
            prop_assert_eq!(ClaimPath::parse(&path.to_string()).unwrap(), path);
        }

        #[test]
        fn no_text_panics(text in ".{0,40}") {
            let _ = ClaimPath::parse(&text);
        }
    }
}
