//! `Content-Disposition`: a file name that is only a file name (RFC 6266, RFC 8187).

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::domain::key::ObjectKey;

/// What RFC 8187 `attr-char` lets stand as it is.
const ATTR_CHAR: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'!')
    .remove(b'#')
    .remove(b'$')
    .remove(b'&')
    .remove(b'+')
    .remove(b'-')
    .remove(b'.')
    .remove(b'^')
    .remove(b'_')
    .remove(b'`')
    .remove(b'|')
    .remove(b'~');

/// The longest file name that common file systems take, in bytes.
const MAX_NAME_BYTES: usize = 255;

/// `attachment` with a name made from the key's last part.
#[must_use]
pub fn attachment(key: &ObjectKey) -> String {
    let name = file_name(key);
    let ascii: String = name.chars().map(|c| if plain(c) { c } else { '_' }).collect();
    format!("attachment; filename=\"{ascii}\"; filename*=UTF-8''{}", utf8_percent_encode(&name, ATTR_CHAR))
}

fn plain(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_' | ' ' | '(' | ')' | '=' | '+' | ',')
}

/// The key's last part, without what a file name must not have: separators, control and direction-changing characters,
/// characters that Windows forbids, dots and blanks at the edges.
fn file_name(key: &ObjectKey) -> String {
    let last = key.as_str().rsplit('/').find(|part| !part.is_empty()).unwrap_or_default();
    let kept: String = last.chars().map(|c| if hostile(c) { '_' } else { c }).collect();
    let trimmed = kept.trim_matches(['.', ' ']);
    let mut end = trimmed.len().min(MAX_NAME_BYTES);
    while !trimmed.is_char_boundary(end) {
        end = end.saturating_sub(1);
    }
    match trimmed.get(..end) {
        Some(name) if !name.is_empty() => name.to_owned(),
        _ => "object".to_owned(),
    }
}

fn hostile(c: char) -> bool {
    let bidi =
        matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}');
    c.is_control() || bidi || matches!(c, '\\' | ':' | '*' | '?' | '"' | '<' | '>' | '|' | ';')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn of(key: &str) -> String {
        attachment(&ObjectKey::parse(key).unwrap())
    }

    #[test]
    fn hostile_keys_become_one_safe_name() {
        assert_eq!(of("a/app.log"), "attachment; filename=\"app.log\"; filename*=UTF-8''app.log");
        assert_eq!(
            of("a/a\"; filename=\"evil.exe"),
            "attachment; filename=\"a__ filename=_evil.exe\"; filename*=UTF-8''a__%20filename%3D_evil.exe"
        );
        assert!(of("a/日本.log").ends_with("filename*=UTF-8''%E6%97%A5%E6%9C%AC.log"));
        assert!(!of("a/\u{202E}gpj.exe").contains("%E2%80%AE"));
        assert!(of("..").contains("filename=\"object\""));
    }

    proptest! {
        #[test]
        fn no_key_makes_a_second_header_or_a_path(key in "[^\\x00]{1,400}") {
            let value = of(&key);
            prop_assert!(value.bytes().all(|b| (0x20..0x7f).contains(&b)));
            prop_assert!(!value.contains(['/', '\\']));
            prop_assert_eq!(value.matches('"').count(), 2);
        }
    }
}
