//! The Credential Access Boundary of a vended token: what Google is told that the token reaches. Pure.
//!
//! One rule for the one bucket, with one condition in CEL that names each prefix twice: for objects, and for listings.
//! Google takes ten rules and 2,048 characters for the whole boundary
//! (<https://cloud.google.com/iam/docs/reference/sts/rest/v1/Options>), so a second rule would only cost characters.

use std::fmt::Write as _;

use serde_json::json;

use crate::domain::key::Prefix;

/// The most characters that a boundary can have.
const MAX_BOUNDARY_CHARS: usize = 2048;

/// Reading and listing objects, nothing else.
const PERMISSIONS: &str = "inRole:roles/storage.objectViewer";

/// A boundary, and the folders that it lets through.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Boundary {
    pub(super) folders: Vec<Prefix>,
    /// The value of `options` in the exchange, JSON.
    pub(super) options: String,
}

/// As few boundaries as hold the prefixes in their order; the prefix that fits into none is the error.
pub(super) fn boundaries<'a>(
    bucket: &str,
    prefixes: impl IntoIterator<Item = &'a Prefix>,
) -> Result<Vec<Boundary>, Prefix> {
    let mut all = Vec::new();
    let mut open: Option<Boundary> = None;
    for prefix in prefixes {
        let mut wider = open.as_ref().map_or_else(Vec::new, |open| open.folders.clone());
        wider.push(prefix.clone());
        if let Some(boundary) = boundary(bucket, wider) {
            open = Some(boundary);
            continue;
        }
        all.extend(open.take());
        open = Some(boundary(bucket, vec![prefix.clone()]).ok_or_else(|| prefix.clone())?);
    }
    all.extend(open);
    Ok(all)
}

/// The boundary around these prefixes; `None` where it is too long, or where a prefix is the whole bucket.
fn boundary(bucket: &str, folders: Vec<Prefix>) -> Option<Boundary> {
    if folders.iter().any(|prefix| prefix.is_root() || !prefix.is_folder()) {
        return None;
    }
    let clauses: Vec<_> = folders.iter().map(|prefix| clause(bucket, prefix)).collect();
    let options = json!({"accessBoundary": {"accessBoundaryRules": [{
        "availableResource": format!("//storage.googleapis.com/projects/_/buckets/{bucket}"),
        "availablePermissions": [PERMISSIONS],
        "availabilityCondition": {"expression": clauses.join(" || ")},
    }]}})
    .to_string();
    (options.len() <= MAX_BOUNDARY_CHARS).then_some(Boundary { folders, options })
}

/// True for objects below the prefix, and for listings that ask for the prefix or something narrower.
fn clause(bucket: &str, prefix: &Prefix) -> String {
    let objects = literal(&format!("projects/_/buckets/{bucket}/objects/{}", prefix.as_str()));
    let listed = literal(prefix.as_str());
    format!(
        "resource.name.startsWith({objects}) || \
         api.getAttribute('storage.googleapis.com/objectListPrefix', '').startsWith({listed})"
    )
}

/// A text as a string literal of CEL, in printable ASCII (CEL specification, "String and Bytes Values").
fn literal(text: &str) -> String {
    let mut literal = String::with_capacity(text.len() + 2);
    literal.push('\'');
    for c in text.chars() {
        match c {
            '\'' | '\\' => literal.extend(['\\', c]),
            ' '..='~' => literal.push(c),
            // Writing to a `String` cannot fail.
            _ if u32::from(c) <= 0xFFFF => drop(write!(literal, "\\u{:04x}", u32::from(c))),
            _ => drop(write!(literal, "\\U{:08x}", u32::from(c))),
        }
    }
    literal.push('\'');
    literal
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn prefix(text: &str) -> Prefix {
        Prefix::parse(text).unwrap()
    }

    fn expressions(options: &str) -> String {
        let options: serde_json::Value = serde_json::from_str(options).unwrap();
        let rules = options["accessBoundary"]["accessBoundaryRules"].as_array().unwrap().clone();
        assert_eq!(rules.len(), 1);
        assert_eq!(rules[0]["availableResource"], "//storage.googleapis.com/projects/_/buckets/logs");
        assert_eq!(rules[0]["availablePermissions"], json!(["inRole:roles/storage.objectViewer"]));
        rules[0]["availabilityCondition"]["expression"].as_str().unwrap().to_owned()
    }

    /// Reads a CEL string literal as the specification has it, without any of the code above.
    fn read_literal(literal: &str) -> Option<String> {
        let inner = literal.strip_prefix('\'')?.strip_suffix('\'')?;
        let mut text = String::new();
        let mut rest = inner.chars();
        while let Some(c) = rest.next() {
            if matches!(c, '\'' | '\n' | '\r') {
                return None;
            }
            if c != '\\' {
                text.push(c);
                continue;
            }
            let digits = match rest.next()? {
                escaped @ ('\\' | '\'' | '"' | '`' | '?') => {
                    text.push(escaped);
                    continue;
                }
                'x' => 2,
                'u' => 4,
                'U' => 8,
                _ => return None,
            };
            let hex: String = rest.by_ref().take(digits).collect();
            text.push(char::from_u32(u32::from_str_radix(&hex, 16).ok().filter(|_| hex.len() == digits)?)?);
        }
        Some(text)
    }

    #[test]
    fn a_boundary_names_objects_and_listings_of_its_prefix() {
        let made = boundaries("logs", &[prefix("a/")]).unwrap();
        assert_eq!(
            expressions(&made[0].options),
            "resource.name.startsWith('projects/_/buckets/logs/objects/a/') || \
             api.getAttribute('storage.googleapis.com/objectListPrefix', '').startsWith('a/')"
        );
        assert_eq!((made.len(), &made[0].folders), (1, &vec![prefix("a/")]));
    }

    #[test]
    fn a_prefix_cannot_leave_its_literal() {
        assert_eq!(literal("it's/"), r"'it\'s/'");
        assert_eq!(literal(r"back\slash/"), r"'back\\slash/'");
        assert_eq!(literal("a\n\u{7f}é日/😀"), r"'a\u000a\u007f\u00e9\u65e5/\U0001f600'");
        let breaking = "') || true || resource.name.startsWith('/";
        let made = boundaries("logs", &[prefix(breaking)]).unwrap();
        assert!(expressions(&made[0].options).contains(r"\') || true || resource.name.startsWith(\'/'"));
    }

    #[test]
    fn a_boundary_stays_within_what_google_takes_and_the_rest_goes_to_the_next() {
        let many: Vec<_> = (0..40).map(|n| prefix(&format!("team-a/service-{n:02}/"))).collect();
        let made = boundaries("logs", &many).unwrap();
        assert!((2..10).contains(&made.len()), "{}", made.len());
        assert!(made.iter().all(|boundary| boundary.options.len() <= MAX_BOUNDARY_CHARS));
        let told: Vec<_> = made.iter().flat_map(|boundary| boundary.folders.clone()).collect();
        assert_eq!(told, many);
    }

    #[test]
    fn a_prefix_that_is_too_long_the_whole_bucket_or_no_folder_has_no_boundary() {
        let long = prefix(&format!("{}/", "x".repeat(1000)));
        assert_eq!(boundaries("logs", &[prefix("a/"), long.clone()]), Err(long));
        assert_eq!(boundaries("logs", &[Prefix::root()]), Err(Prefix::root()));
        assert_eq!(boundaries("logs", &[prefix("a")]), Err(prefix("a")));
        assert_eq!(boundaries("logs", &[]), Ok(vec![]));
    }

    proptest! {
        #[test]
        fn a_literal_of_cel_gives_its_text_back(text in any::<String>()) {
            let written = literal(&text);
            prop_assert!(written.bytes().all(|b| (b' '..=b'~').contains(&b)));
            prop_assert_eq!(read_literal(&written), Some(text));
        }

        #[test]
        fn a_condition_has_two_literals_for_each_folder_and_nothing_else(
            names in proptest::collection::vec("[^\u{0}]{0,12}", 1..5)
        ) {
            let folders: Vec<_> = names.iter().map(|name| prefix(&format!("{name}/"))).collect();
            let made = boundaries("logs", &folders).unwrap();
            let conditions: Vec<_> = made.iter().map(|boundary| expressions(&boundary.options)).collect();
            let condition = conditions.join(" || ");
            // Quotes that are not escaped divide a condition into code and texts, in turn.
            let (mut pieces, mut escaped) = (vec![String::new()], false);
            for c in condition.chars() {
                if c == '\'' && !escaped { pieces.push(String::new()) } else { pieces.last_mut().unwrap().push(c) }
                escaped = c == '\\' && !escaped;
            }
            let (code, texts): (Vec<_>, Vec<_>) = pieces.iter().enumerate().partition(|(at, _)| at % 2 == 0);
            let code: Vec<_> = code.into_iter().map(|(_, piece)| piece.as_str()).collect();
            let form = ["resource.name.startsWith(", ") || api.getAttribute(", ", ", ").startsWith("];
            let expect: Vec<_> = folders.iter().enumerate().flat_map(|(at, _)| {
                let first = if at == 0 { form[0].to_owned() } else { format!(") || {}", form[0]) };
                std::iter::once(first).chain(form[1..].iter().map(|piece| (*piece).to_owned()))
            }).chain(["\u{29}".to_owned()]).collect();
            prop_assert_eq!(code, expect);
            let texts: Vec<_> = texts.into_iter().map(|(_, text)| read_literal(&format!("'{text}'")).unwrap()).collect();
            let list = "storage.googleapis.com/objectListPrefix";
            let expect: Vec<_> = folders.iter().flat_map(|folder| {
                let name = folder.as_str().to_owned();
                [format!("projects/_/buckets/logs/objects/{name}"), list.to_owned(), String::new(), name]
            }).collect();
            prop_assert_eq!(texts, expect);
        }

        #[test]
        fn what_breaks_out_of_quotes_elsewhere_does_not_here(text in "[\\\\'\"\n\r\t)(|` u]{0,40}") {
            prop_assert_eq!(read_literal(&literal(&text)), Some(text));
        }
    }
}
