//! A filter made ready to be tried on many records.

use std::ops::Range;

use aho_corasick::{AhoCorasick, AhoCorasickBuilder, MatchKind};
use memchr::memmem;
use regex::bytes::{Regex, RegexBuilder};

use crate::logs::filter::{Expr, Filter, FilterError, FilterLimits, Operator, Text};
use crate::logs::format::Format;

/// What a JSON text can write in place of a letter of ASCII.
const ESCAPED_ASCII: &str = "\\u00";

/// The most literals that are looked for at once to skip ahead.
const MAX_NEEDLES: usize = 32;

/// A filter that is ready.
#[derive(Debug)]
pub struct Matcher {
    test: Test,
    needle: Option<Needle>,
}

#[derive(Debug)]
enum Test {
    All(Vec<Test>),
    Any(Vec<Test>),
    Not(Box<Test>),
    Holds(Pattern),
    Has(String),
    Field { path: String, check: Check, negated: bool },
}

#[derive(Debug)]
enum Check {
    /// As a whole, or as numbers.
    Equal { text: String, number: Option<f64>, fold: bool },
    /// By number, or by text where one side is none.
    Compare { operator: Operator, text: String, number: Option<f64> },
    /// Inside.
    Matches(Pattern),
}

#[derive(Debug)]
enum Pattern {
    Literal(Box<memmem::Finder<'static>>),
    /// Letters of ASCII in any case.
    Folded(Box<AhoCorasick>),
    Regex(Box<Regex>),
}

/// Literals of which every matching record holds one.
#[derive(Debug)]
enum Needle {
    One(Box<memmem::Finder<'static>>),
    OneOf(Box<AhoCorasick>),
}

impl Matcher {
    /// Makes a filter ready. With `fold_case` upper and lower case are the same.
    ///
    /// # Errors
    /// [`FilterError`] when an expression grows too large.
    pub fn new(filter: &Filter, fold_case: bool, limits: &FilterLimits) -> Result<Self, FilterError> {
        let compile = Compile { fold: fold_case, limits };
        let needle = compile.needles(&filter.expr).and_then(|needles| compile.needle(&needles));
        Ok(Self { test: compile.test(&filter.expr)?, needle })
    }

    /// The same for records that are tried as something else than they stand there: nothing is skipped.
    #[must_use]
    pub fn without_skipping(self) -> Self {
        Self { needle: None, ..self }
    }

    /// The first place at or after `from` at which a matching record can hold what it must hold: whatever ends before does not
    /// match. `None` when nothing that begins in the rest of the block can match, unless it goes on behind its end.
    #[must_use]
    pub fn candidate(&self, block: &[u8], from: usize) -> Option<usize> {
        let rest = block.get(from..)?;
        let found = match &self.needle {
            None => Some(0),
            Some(Needle::One(finder)) => finder.find(rest),
            Some(Needle::OneOf(finder)) => finder.find(rest).map(|found| found.start()),
        };
        found.map(|at| from.saturating_add(at))
    }

    /// Whether records can be skipped without looking at each.
    #[must_use]
    pub const fn skips(&self) -> bool {
        self.needle.is_some()
    }

    /// Where the texts stand in a record that the filter looks for in all of it, in order and without overlaps.
    #[must_use]
    pub fn highlights(&self, frame: &[u8]) -> Vec<Range<usize>> {
        let mut found = Vec::new();
        self.test.highlights(frame, &mut found);
        found.sort_by_key(|range| (range.start, std::cmp::Reverse(range.end)));
        let mut end = 0;
        found.retain(|range| {
            let apart = range.start >= end && !range.is_empty();
            end = if apart { range.end } else { end };
            apart
        });
        found
    }

    /// Whether a record matches.
    #[must_use]
    pub fn matches(&self, frame: &[u8], format: &Format) -> bool {
        self.test.holds(frame, format)
    }
}

impl Test {
    fn holds(&self, frame: &[u8], format: &Format) -> bool {
        match self {
            Self::All(parts) => parts.iter().all(|part| part.holds(frame, format)),
            Self::Any(parts) => parts.iter().any(|part| part.holds(frame, format)),
            Self::Not(part) => !part.holds(frame, format),
            Self::Holds(pattern) => pattern.is_in(frame),
            Self::Has(path) => format.field(frame, path).is_some(),
            Self::Field { path, check, negated } => {
                format.field(frame, path).is_some_and(|value| check.holds(&value) != *negated)
            }
        }
    }
}

impl Test {
    fn highlights(&self, frame: &[u8], found: &mut Vec<Range<usize>>) {
        match self {
            Self::All(parts) | Self::Any(parts) => {
                for part in parts {
                    part.highlights(frame, found);
                }
            }
            Self::Holds(pattern) => match pattern {
                Pattern::Literal(finder) => {
                    let length = finder.needle().len();
                    found.extend(finder.find_iter(frame).map(|at| at..at.saturating_add(length)));
                }
                Pattern::Folded(finder) => found.extend(finder.find_iter(frame).map(|one| one.range())),
                Pattern::Regex(regex) => found.extend(regex.find_iter(frame).map(|one| one.range())),
            },
            Self::Not(_) | Self::Has(_) | Self::Field { .. } => {}
        }
    }
}

impl Check {
    fn holds(&self, value: &str) -> bool {
        let as_number = |number: Option<f64>| number.zip(value.parse::<f64>().ok());
        match self {
            Self::Equal { text, number, fold } => {
                value == text
                    || (*fold && value.eq_ignore_ascii_case(text))
                    || as_number(*number).is_some_and(|(wanted, found)| {
                        wanted.partial_cmp(&found) == Some(std::cmp::Ordering::Equal)
                    })
            }
            Self::Compare { operator, text, number } => {
                let order = match as_number(*number) {
                    Some((wanted, found)) => found.partial_cmp(&wanted),
                    None => Some(value.cmp(text)),
                };
                order.is_some_and(|order| match operator {
                    Operator::Less => order.is_lt(),
                    Operator::LessOrEqual => order.is_le(),
                    Operator::Greater => order.is_gt(),
                    Operator::GreaterOrEqual => order.is_ge(),
                    _ => order.is_eq(),
                })
            }
            Self::Matches(pattern) => pattern.is_in(value.as_bytes()),
        }
    }
}

impl Pattern {
    fn is_in(&self, bytes: &[u8]) -> bool {
        match self {
            Self::Literal(finder) => finder.find(bytes).is_some(),
            Self::Folded(finder) => finder.is_match(bytes),
            Self::Regex(regex) => regex.is_match(bytes),
        }
    }
}

struct Compile<'a> {
    fold: bool,
    limits: &'a FilterLimits,
}

impl Compile<'_> {
    fn test(&self, expr: &Expr) -> Result<Test, FilterError> {
        let all = |parts: &[Expr]| parts.iter().map(|part| self.test(part)).collect::<Result<Vec<_>, _>>();
        Ok(match expr {
            Expr::All(parts) => Test::All(all(parts)?),
            Expr::Any(parts) => Test::Any(all(parts)?),
            Expr::Not(part) => Test::Not(Box::new(self.test(part)?)),
            Expr::Holds(text) => Test::Holds(self.pattern(text)?),
            Expr::Has(path) => Test::Has(path.clone()),
            Expr::Field { path, operator, text } => {
                let negated = matches!(operator, Operator::NotEqual | Operator::MatchesNot);
                let check = self.check(*operator, text)?;
                Test::Field { path: path.clone(), check, negated }
            }
        })
    }

    fn check(&self, operator: Operator, text: &Text) -> Result<Check, FilterError> {
        let literal = match text {
            Text::Literal(literal) => literal.clone(),
            Text::Regex(_) => return Ok(Check::Matches(self.pattern(text)?)),
        };
        let number = literal.parse().ok();
        Ok(match operator {
            Operator::Equal | Operator::NotEqual => Check::Equal { text: literal, number, fold: self.fold },
            Operator::Matches | Operator::MatchesNot => Check::Matches(self.pattern(text)?),
            _ => Check::Compare { operator, text: literal, number },
        })
    }

    fn pattern(&self, text: &Text) -> Result<Pattern, FilterError> {
        Ok(match text {
            Text::Literal(literal) if !self.fold => {
                Pattern::Literal(Box::new(memmem::Finder::new(literal.as_bytes()).into_owned()))
            }
            Text::Literal(literal) if literal.is_ascii() => match self.automaton(&[literal.as_str()]) {
                Some(automaton) => Pattern::Folded(Box::new(automaton)),
                None => self.regex(&regex::escape(literal))?,
            },
            Text::Literal(literal) => self.regex(&regex::escape(literal))?,
            Text::Regex(expression) => self.regex(expression)?,
        })
    }

    fn regex(&self, expression: &str) -> Result<Pattern, FilterError> {
        let mut builder = RegexBuilder::new(expression);
        builder.case_insensitive(self.fold).size_limit(self.limits.regex_bytes);
        let built = builder.build().map_err(|_too_large| FilterError {
            column: 1,
            message: "an expression grows too large when upper and lower case are the same".to_owned(),
        })?;
        Ok(Pattern::Regex(Box::new(built)))
    }

    /// Literals of which every matching record holds one; `None` when there are none such.
    fn needles(&self, expr: &Expr) -> Option<Vec<String>> {
        match expr {
            Expr::All(parts) => parts.iter().filter_map(|part| self.needles(part)).max_by_key(|needles| {
                // Few and long ones are the rarest.
                let shortest = needles.iter().map(String::len).min().unwrap_or(0);
                (std::cmp::Reverse(needles.len().min(2)), shortest)
            }),
            Expr::Any(parts) => {
                let each: Option<Vec<_>> = parts.iter().map(|part| self.needles(part)).collect();
                each.map(|each| each.concat()).filter(|needles| needles.len() <= MAX_NEEDLES)
            }
            Expr::Holds(Text::Literal(literal)) => self.plain(literal).then(|| vec![literal.clone()]),
            Expr::Field { operator: Operator::Equal, text: Text::Literal(literal), .. }
            | Expr::Field { operator: Operator::Matches, text: Text::Literal(literal), .. } => {
                // A number can be written in other ways, and a field's letters can be escaped.
                let sure = literal.is_ascii()
                    && literal.parse::<f64>().is_err()
                    && literal
                        .bytes()
                        .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.' | b' '));
                sure.then(|| vec![literal.clone(), ESCAPED_ASCII.to_owned()])
            }
            _ => None,
        }
    }

    const fn plain(&self, literal: &str) -> bool {
        !self.fold || literal.is_ascii()
    }

    fn needle(&self, needles: &[String]) -> Option<Needle> {
        match needles {
            [only] if !self.fold => {
                Some(Needle::One(Box::new(memmem::Finder::new(only.as_bytes()).into_owned())))
            }
            many => self.automaton(many).map(|automaton| Needle::OneOf(Box::new(automaton))),
        }
    }

    fn automaton<T: AsRef<[u8]>>(&self, literals: &[T]) -> Option<AhoCorasick> {
        let mut builder = AhoCorasickBuilder::new();
        builder.ascii_case_insensitive(self.fold).match_kind(MatchKind::LeftmostFirst);
        builder.build(literals).ok()
    }
}
