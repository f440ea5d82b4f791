//! From text to filter.

use regex::bytes::RegexBuilder;

use crate::logs::filter::{Expr, FilterError, FilterLimits, Operator, Text};

/// Parses a whole filter.
pub fn filter(text: &str, limits: &FilterLimits) -> Result<Expr, FilterError> {
    let mut parser = Parser { text, at: 0, terms: 0, limits };
    if text.len() > limits.text_bytes {
        return Err(parser.error(format!("a filter has at most {} bytes", limits.text_bytes)));
    }
    parser.space();
    if parser.rest().is_empty() {
        return Ok(Expr::All(Vec::new()));
    }
    let expr = parser.or(0)?;
    match parser.rest().chars().next() {
        None => Ok(expr),
        Some(_) => Err(parser.error("expected a term before this )")),
    }
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
    terms: usize,
    limits: &'a FilterLimits,
}

impl<'a> Parser<'a> {
    fn or(&mut self, depth: usize) -> Result<Expr, FilterError> {
        let mut parts = vec![self.and(depth)?];
        while self.word_is("or") {
            parts.push(self.and(depth)?);
        }
        Ok(one_or(parts, Expr::Any))
    }

    fn and(&mut self, depth: usize) -> Result<Expr, FilterError> {
        let mut parts = vec![self.not(depth)?];
        loop {
            let said = self.word_is("and");
            let more = !self.rest().is_empty() && !self.rest().starts_with(')') && !self.sees_word("or");
            if !said && !more {
                return Ok(one_or(parts, Expr::All));
            }
            parts.push(self.not(depth)?);
        }
    }

    fn not(&mut self, depth: usize) -> Result<Expr, FilterError> {
        if depth > self.limits.depth {
            return Err(self.error(format!("nothing goes deeper than {}", self.limits.depth)));
        }
        if self.word_is("not") {
            return Ok(Expr::Not(Box::new(self.not(depth.saturating_add(1))?)));
        }
        let opened = self.at;
        if !self.take("(") {
            return self.term();
        }
        self.space();
        let inner = self.or(depth.saturating_add(1))?;
        if !self.take(")") {
            self.at = opened;
            return Err(self.error("this ( is not closed"));
        }
        self.space();
        Ok(inner)
    }

    fn term(&mut self) -> Result<Expr, FilterError> {
        self.terms = self.terms.saturating_add(1);
        if self.terms > self.limits.terms {
            return Err(self.error(format!("a filter has at most {} terms", self.limits.terms)));
        }
        let start = self.at;
        let term = match self.field() {
            Some((path, Operator::Equal)) if self.sees_star() => {
                self.take("*");
                Expr::Has(path)
            }
            Some((path, operator)) => {
                let at = self.at;
                let text = self.text()?;
                let compares = !matches!(operator, Operator::Matches | Operator::MatchesNot);
                if compares && matches!(text, Text::Regex(_)) {
                    self.at = at;
                    return Err(self.error("an expression goes with ~ or !~"));
                }
                Expr::Field { path, operator, text }
            }
            None => {
                self.at = start;
                Expr::Holds(self.text()?)
            }
        };
        self.space();
        Ok(term)
    }

    /// A field's name with an operator right behind it.
    fn field(&mut self) -> Option<(String, Operator)> {
        let rest = self.rest();
        let first = rest.chars().next().filter(|c| c.is_alphabetic() || matches!(c, '_' | '@'))?;
        let inside = |c: char| c.is_alphanumeric() || matches!(c, '_' | '@' | '.' | '-' | ':');
        let end = rest.find(|c: char| !inside(c)).unwrap_or(rest.len()).max(first.len_utf8());
        let (path, behind) = rest.split_at_checked(end)?;
        let (sign, operator) = Operator::ALL.into_iter().find(|(sign, _)| behind.starts_with(sign))?;
        self.at = self.at.saturating_add(end).saturating_add(sign.len());
        Some((path.to_owned(), operator))
    }

    fn sees_star(&self) -> bool {
        let rest = self.rest();
        rest.strip_prefix('*').is_some_and(|behind| behind.is_empty() || behind.starts_with([' ', '\t', ')']))
    }

    fn text(&mut self) -> Result<Text, FilterError> {
        let start = self.at;
        match self.rest().chars().next() {
            Some('"') => Ok(Text::Literal(self.quoted('"')?)),
            Some('/') => {
                let expression = self.quoted('/')?;
                let built = RegexBuilder::new(&expression).size_limit(self.limits.regex_bytes).build();
                built.map(|_| Text::Regex(expression)).map_err(|error| {
                    self.at = start;
                    self.error(format!("the expression is refused: {}", last_line(&error.to_string())))
                })
            }
            _ => {
                let rest = self.rest();
                let ends = |c: char| c.is_whitespace() || matches!(c, '(' | ')' | '"');
                let end = rest.find(ends).unwrap_or(rest.len());
                let word = rest.get(..end).unwrap_or_default();
                if word.is_empty() {
                    return Err(self.error("expected a word, \"quoted\" text, an /expression/ or ("));
                }
                self.at = self.at.saturating_add(end);
                Ok(Text::Literal(word.to_owned()))
            }
        }
    }

    /// Text between two of the same sign.
    fn quoted(&mut self, sign: char) -> Result<String, FilterError> {
        let mut text = String::new();
        let mut letters = self.rest().char_indices().skip(1);
        while let Some((at, letter)) = letters.next() {
            match letter {
                _ if letter == sign && text.is_empty() => {
                    return Err(self.error("nothing stands between these"));
                }
                _ if letter == sign => {
                    self.at = self.at.saturating_add(at).saturating_add(1);
                    return Ok(text);
                }
                '\\' => match letters.next() {
                    Some((_, next)) if next == sign => text.push(next),
                    // An expression keeps its own escapes.
                    Some((_, '\\')) if sign == '"' => text.push('\\'),
                    Some((_, next)) => text.extend(['\\', next]),
                    None => break,
                },
                _ => text.push(letter),
            }
        }
        Err(self.error(format!("this {sign} is not closed")))
    }

    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn space(&mut self) {
        let rest = self.rest();
        self.at = self.at.saturating_add(rest.len().saturating_sub(rest.trim_start().len()));
    }

    fn take(&mut self, sign: &str) -> bool {
        let there = self.rest().starts_with(sign);
        if there {
            self.at = self.at.saturating_add(sign.len());
        }
        there
    }

    fn sees_word(&self, word: &str) -> bool {
        let rest = self.rest();
        let head = rest.get(..word.len());
        let behind = rest.get(word.len()..).and_then(|behind| behind.chars().next());
        head.is_some_and(|head| head.eq_ignore_ascii_case(word))
            && behind.is_none_or(|next| next.is_whitespace() || matches!(next, '(' | ')'))
    }

    /// Takes a word and the space behind it, if it is the next.
    fn word_is(&mut self, word: &str) -> bool {
        let there = self.sees_word(word);
        if there {
            self.at = self.at.saturating_add(word.len());
            self.space();
        }
        there
    }

    fn error(&self, message: impl Into<String>) -> FilterError {
        let before = self.text.get(..self.at).unwrap_or_default();
        FilterError { column: before.chars().count().saturating_add(1), message: message.into() }
    }
}

fn one_or(mut parts: Vec<Expr>, many: impl Fn(Vec<Expr>) -> Expr) -> Expr {
    match parts.pop() {
        Some(only) if parts.is_empty() => only,
        last => {
            parts.extend(last);
            many(parts)
        }
    }
}

/// The regex crate draws a picture of the place; its last line says what is wrong.
fn last_line(text: &str) -> &str {
    let line = text.lines().last().unwrap_or_default();
    line.strip_prefix("error: ").unwrap_or(line)
}
