//! Where a browser goes after its login: a path of this service and nothing else.

use std::fmt;

/// The longest path in bytes.
const MAX_BYTES: usize = 2048;

/// A path of this origin, query and fragment included.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReturnPath(String);

impl ReturnPath {
    /// The home page.
    #[must_use]
    pub fn home() -> Self {
        Self("/".to_owned())
    }

    /// Parses a path. It begins with one slash, so that no browser takes it for another host, and holds only
    /// printable ASCII without backslashes, which some browsers read as slashes.
    ///
    /// # Errors
    /// [`InvalidReturnPath`] otherwise, and for paths of the login itself, which would turn in a circle.
    pub fn parse(text: &str) -> Result<Self, InvalidReturnPath> {
        let rest = text.strip_prefix('/').ok_or(InvalidReturnPath)?;
        let printable = text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\');
        if rest.starts_with('/') || !printable || text.len() > MAX_BYTES || rest.starts_with("auth/") {
            return Err(InvalidReturnPath);
        }
        Ok(Self(text.to_owned()))
    }

    /// The path as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ReturnPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The text is no path of this service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a return path begins with one slash and holds printable ASCII without backslashes")]
pub struct InvalidReturnPath;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use url::Url;

    use super::*;

    #[test]
    fn paths_of_ours_survive_with_query_and_fragment() {
        for path in ["/", "/?bucket=pay&prefix=a%2Fb#line-5", "/docs", "/a//b", "/authors"] {
            assert_eq!(ReturnPath::parse(path).unwrap().as_str(), path);
        }
    }

    #[test]
    fn other_places_are_refused() {
        for text in [
            "",
            "//evil.example",
            "/\\evil.example",
            "\\/evil.example",
            "https://evil.example/x",
            "javascript:alert(1)",
            "data:text/html,x",
            "/\t/evil.example",
            "/\n",
            "/ x",
            " /",
            "/é",
            "x",
            "?a",
            "/auth/login",
            "/auth/logout",
        ] {
            assert_eq!(ReturnPath::parse(text), Err(InvalidReturnPath), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn whatever_is_taken_stays_on_this_origin(text in "[/\\\\a-z.:@?#%\\t\\n ]{0,24}|.{0,12}") {
            if let Ok(path) = ReturnPath::parse(&text) {
                let ours = Url::parse("https://logs.example/auth/callback").unwrap();
                prop_assert_eq!(ours.join(path.as_str()).unwrap().origin(), ours.origin());
            }
        }
    }
}
