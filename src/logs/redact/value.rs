//! Where an object or a list of JSON ends that stands in text: on one line or over several, and in a string of other JSON too.

/// Objects and lists within each other that are looked at.
const MAX_DEPTH: usize = 256;

/// An object or a list that is being read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Open {
    /// How many backslashes stand before each quote, because it stands in a string itself.
    slashes: usize,
    /// What is open within each other.
    brackets: Vec<u8>,
    last: Last,
}

/// What came last; a text of which this does not hold is no JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Last {
    Bracket,
    Name,
    Colon,
    Value,
    Comma,
}

/// How far a text belongs to what is open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// Up to here, where it ends.
    Closed(usize),
    /// All of it; more may follow on the next line.
    Open,
    /// Up to here, where it cannot go on.
    Broken(usize),
}

impl Open {
    /// Before its bracket.
    pub const fn new(slashes: usize) -> Self {
        Self { slashes, brackets: Vec::new(), last: Last::Colon }
    }

    /// Reads on.
    pub fn read(&mut self, text: &[u8]) -> Reach {
        let mut at = 0;
        while let Some(byte) = text.get(at).copied() {
            let rest = text.get(at..).unwrap_or_default();
            let next = match byte {
                b' ' | b'\t' | b'\r' | b'\n' => Some(1),
                b'{' | b'[' => self.opens(byte),
                b'}' | b']' => self.closes(byte),
                b':' => self.follows(Last::Name, Last::Colon),
                b',' => self.follows(Last::Value, Last::Comma),
                b'"' | b'\\' => self.string(rest),
                _ => self.word(rest),
            };
            let Some(length) = next else { return Reach::Broken(at) };
            at = at.saturating_add(length);
            if self.brackets.is_empty() && self.last == Last::Value {
                return Reach::Closed(at);
            }
        }
        Reach::Open
    }

    fn follows(&mut self, before: Last, now: Last) -> Option<usize> {
        let fits = self.last == before;
        self.last = now;
        fits.then_some(1)
    }

    fn opens(&mut self, bracket: u8) -> Option<usize> {
        let fits = self.takes_value() && self.brackets.len() < MAX_DEPTH;
        self.brackets.push(bracket);
        self.last = Last::Bracket;
        fits.then_some(1)
    }

    fn closes(&mut self, bracket: u8) -> Option<usize> {
        let opened = self.brackets.pop()?;
        let fits = matches!((opened, bracket), (b'{', b'}') | (b'[', b']'));
        let ends = matches!(self.last, Last::Bracket | Last::Value | Last::Comma);
        self.last = Last::Value;
        (fits && ends).then_some(1)
    }

    /// Whether a value can stand here; names of members are none.
    fn takes_value(&self) -> bool {
        match self.last {
            Last::Colon => true,
            Last::Bracket | Last::Comma => self.brackets.last() == Some(&b'['),
            Last::Name | Last::Value => false,
        }
    }

    fn word(&mut self, text: &[u8]) -> Option<usize> {
        let inside = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.');
        let length = text.iter().position(|b| !inside(b)).unwrap_or(text.len());
        let word = text.get(..length)?;
        let number = |b: &u8| b.is_ascii_digit() || matches!(b, b'+' | b'-' | b'.' | b'e' | b'E');
        let known = matches!(word, b"true" | b"false" | b"null");
        let fits = known
            || (word.first().is_some_and(|b| b.is_ascii_digit() || *b == b'-') && word.iter().all(number));
        let fits = fits && self.takes_value();
        self.last = Last::Value;
        fits.then_some(length)
    }

    /// A string, or white space that is escaped since all of this stands in a string.
    fn string(&mut self, text: &[u8]) -> Option<usize> {
        let slashes = text.iter().take_while(|b| **b == b'\\').count();
        let sign = *text.get(slashes)?;
        if self.slashes > 0 && matches!(sign, b'n' | b't' | b'r') {
            return slashes.checked_add(1);
        }
        if sign != b'"' || slashes != self.slashes {
            return None;
        }
        let is_name = matches!(self.last, Last::Bracket | Last::Comma) && self.brackets.last() == Some(&b'{');
        let fits = is_name || self.takes_value();
        self.last = if is_name { Last::Name } else { Last::Value };
        let begin = slashes.checked_add(1)?;
        let length = self.length_of_string(text.get(begin..)?)?;
        fits.then_some(begin.checked_add(length)?)
    }

    /// How long a string is behind its quote, with the quote that ends it. It holds no end of a line.
    fn length_of_string(&self, text: &[u8]) -> Option<usize> {
        let mut slashes = 0_usize;
        for (at, byte) in text.iter().enumerate() {
            match byte {
                b'\\' => slashes = slashes.saturating_add(1),
                b'"' if slashes < self.slashes => return None,
                // Each depth doubles the backslashes and adds one: others belong to what the string says.
                b'"' if slashes % (self.slashes.saturating_add(1).saturating_mul(2)) == self.slashes => {
                    return at.checked_add(1);
                }
                b'\n' => return None,
                _ => slashes = 0,
            }
        }
        None
    }
}
