//! What the part of a key between two slashes says of the names in a template.

use crate::logs::layout::template::Part;

/// Names and what they stand for.
pub type Names = Vec<(String, String)>;

/// The names that a text tells beside those that are known, each as short as it can be. `None` when the text does not fit, or says
/// something else of a name than is known.
pub fn told(parts: &[Part], text: &str, known: &Names) -> Option<Names> {
    let (mut told, mut parts, mut rest) = (Names::new(), parts, text);
    // What stands before the first piece that can be anything.
    let (head, open) = split(parts, known);
    let length = length_at_start(head, rest, known)?;
    (parts, rest) = (open, rest.get(length..)?);
    while let Some((Part::Any(name), behind)) = parts.split_first() {
        let (fixed, open) = split(behind, known);
        let (value, length) = if open.is_empty() {
            at_end(fixed, rest, known)?
        } else {
            let starts = rest.char_indices().map(|(at, _)| at).chain([rest.len()]);
            starts.into_iter().find_map(|at| {
                let (value, behind) = rest.split_at_checked(at)?;
                Some((value, length_at_start(fixed, behind, known)?))
            })?
        };
        rest = rest.get(value.len().saturating_add(length)..)?;
        if let Some(name) = name {
            if told.iter().any(|(other, said)| other == name && said != value) {
                return None;
            }
            told.push((name.clone(), value.to_owned()));
        }
        parts = open;
    }
    rest.is_empty().then_some(told)
}

/// The pieces in front whose text is known but for digits, and those from the first that can be anything.
fn split<'p>(parts: &'p [Part], known: &Names) -> (&'p [Part], &'p [Part]) {
    let open = |part: &Part| match part {
        Part::Any(name) => name.as_ref().is_none_or(|name| value_of(name, known).is_none()),
        Part::Text(_) | Part::Time(_) => false,
    };
    parts.split_at(parts.iter().position(open).unwrap_or(parts.len()))
}

/// How much of the text such pieces take at its beginning.
fn length_at_start(fixed: &[Part], text: &str, known: &Names) -> Option<usize> {
    let mut rest = text;
    for part in fixed {
        rest = match part {
            Part::Text(wanted) => rest.strip_prefix(wanted.as_str())?,
            Part::Any(name) => rest.strip_prefix(value_of(name.as_ref()?, known)?)?,
            Part::Time(unit) => {
                let (digits, behind) = rest.split_at_checked(unit.digits())?;
                digits.bytes().all(|b| b.is_ascii_digit()).then_some(behind)?
            }
        };
    }
    text.len().checked_sub(rest.len())
}

/// What stands before such pieces at the text's end, and how long they are.
fn at_end<'t>(fixed: &[Part], text: &'t str, known: &Names) -> Option<(&'t str, usize)> {
    let length = |part: &Part| match part {
        Part::Text(wanted) => wanted.len(),
        Part::Any(name) => name.as_ref().and_then(|name| value_of(name, known)).map_or(0, str::len),
        Part::Time(unit) => unit.digits(),
    };
    let length = fixed.iter().map(length).fold(0, usize::saturating_add);
    let (value, behind) = text.split_at_checked(text.len().checked_sub(length)?)?;
    length_at_start(fixed, behind, known).map(|length| (value, length))
}

fn value_of<'n>(name: &str, known: &'n Names) -> Option<&'n str> {
    known.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
}
