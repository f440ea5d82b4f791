//! The filter language: one line that says which records are wanted, the same in the API, on the command line and on the page.
//!
//! ```text
//! filter     = or
//! or         = and { "or" and }
//! and        = not { [ "and" ] not }
//! not        = "not" not | "(" or ")" | term
//! term       = text | field operator text | field "=*"
//! text       = word | "quoted" | /regular expression/
//! operator   = "=" | "!=" | "<" | "<=" | ">" | ">=" | "~" | "!~"
//! field      = name { "." name }
//! ```
//!
//! A text alone is looked for in the whole record, as its bytes stand there. `=` compares a field as a whole, by number where both
//! sides are numbers; `~` looks for a text or an expression inside it. A comparison with a field that a record does not have is false,
//! `!=` and `!~` included. In quotes `\"` and `\\` stand for themselves; in an expression `\/` for `/`. The empty filter wants everything.

use std::fmt;

mod compile;
mod parse;

#[cfg(test)]
mod tests;

pub use compile::Matcher;

/// How large a filter can be.
#[derive(Debug, Clone, Copy)]
pub struct FilterLimits {
    /// Its text, in bytes.
    pub text_bytes: usize,
    /// Terms.
    pub terms: usize,
    /// Parentheses and `not` within each other.
    pub depth: usize,
    /// A compiled regular expression, in bytes.
    pub regex_bytes: usize,
}

/// A filter.
#[derive(Debug, Clone, PartialEq)]
pub struct Filter {
    expr: Expr,
}

/// What a filter says.
#[derive(Debug, Clone, PartialEq)]
enum Expr {
    /// All of these; everything, when there are none.
    All(Vec<Expr>),
    /// One of these.
    Any(Vec<Expr>),
    /// Not this.
    Not(Box<Expr>),
    /// The record holds the text.
    Holds(Text),
    /// The record has the field.
    Has(String),
    /// The field compares so with the text.
    Field { path: String, operator: Operator, text: Text },
}

/// A text or a regular expression.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Text {
    Literal(String),
    Regex(String),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operator {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Matches,
    MatchesNot,
}

impl Operator {
    /// Longer ones before those that they begin with.
    const ALL: [(&'static str, Self); 8] = [
        ("!=", Self::NotEqual),
        ("!~", Self::MatchesNot),
        ("<=", Self::LessOrEqual),
        (">=", Self::GreaterOrEqual),
        ("=", Self::Equal),
        ("<", Self::Less),
        (">", Self::Greater),
        ("~", Self::Matches),
    ];

    fn as_str(self) -> &'static str {
        Self::ALL.iter().find(|(_, operator)| *operator == self).map_or("=", |(text, _)| text)
    }
}

/// Why a text is no filter.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("column {column}: {message}")]
pub struct FilterError {
    /// Where, in characters, from 1.
    pub column: usize,
    /// What is wrong there.
    pub message: String,
}

impl Filter {
    /// Parses a filter.
    ///
    /// # Errors
    /// [`FilterError`] with the place.
    pub fn parse(text: &str, limits: &FilterLimits) -> Result<Self, FilterError> {
        parse::filter(text, limits).map(|expr| Self { expr })
    }
}

impl fmt::Display for Filter {
    /// Text that parses to the same filter.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.expr {
            Expr::All(parts) if parts.is_empty() => Ok(()),
            expr => write!(f, "{expr}"),
        }
    }
}

impl fmt::Display for Expr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let joined = |f: &mut fmt::Formatter<'_>, parts: &[Self], word: &str| {
            f.write_str("(")?;
            for (at, part) in parts.iter().enumerate() {
                write!(f, "{}{part}", if at == 0 { "" } else { word })?;
            }
            f.write_str(")")
        };
        match self {
            Self::All(parts) => joined(f, parts, " and "),
            Self::Any(parts) => joined(f, parts, " or "),
            Self::Not(part) => write!(f, "not {part}"),
            Self::Holds(text) => write!(f, "{text}"),
            Self::Has(path) => write!(f, "{path}=*"),
            Self::Field { path, operator, text } => write!(f, "{path}{}{text}", operator.as_str()),
        }
    }
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Literal(text) => write!(f, "\"{}\"", text.replace('\\', r"\\").replace('"', "\\\"")),
            Self::Regex(text) => write!(f, "/{}/", text.replace('/', r"\/")),
        }
    }
}
