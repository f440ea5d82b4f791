//! What is found by a name: shapes of secrets and of personal data, and what else has to hold of them.

use std::net::Ipv6Addr;

/// Finds one kind of thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Detector {
    /// E-mail addresses.
    Email,
    /// IPv4 addresses.
    Ipv4,
    /// IPv6 addresses.
    Ipv6,
    /// Numbers of payment cards.
    Card,
    /// Tokens, keys and passwords of the usual shapes.
    Token,
    /// Social security numbers of the United States.
    NationalId,
}

/// An expression, and what else has to hold of what it finds.
pub type Expression = (&'static str, fn(&[u8]) -> bool);

impl Detector {
    /// Every detector.
    pub const ALL: [Self; 6] =
        [Self::Email, Self::Ipv4, Self::Ipv6, Self::Card, Self::Token, Self::NationalId];

    /// Its name in the configuration and in what stands in place of what it finds.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Email => "email",
            Self::Ipv4 => "ipv4",
            Self::Ipv6 => "ipv6",
            Self::Card => "card",
            Self::Token => "token",
            Self::NationalId => "national_id",
        }
    }

    /// The detector of a name.
    #[must_use]
    pub fn find(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|detector| detector.name() == name)
    }

    /// What it looks for. A group, where there is one, is what goes.
    #[must_use]
    pub const fn expressions(self) -> &'static [Expression] {
        match self {
            // Letters of other scripts are bytes above ASCII.
            Self::Email => &[(
                r"(?-u)[A-Za-z0-9._%+'\x80-\xff-]{1,64}(?:@|%40)[A-Za-z0-9\x80-\xff-]{1,63}(?:\.[A-Za-z0-9\x80-\xff-]{1,63}){1,8}",
                always,
            )],
            Self::Ipv4 => &[(
                r"(?-u:\b)(?:25[0-5]|2[0-4][0-9]|1?[0-9]{1,2})(?:\.(?:25[0-5]|2[0-4][0-9]|1?[0-9]{1,2})){3}(?-u:\b)",
                always,
            )],
            Self::Ipv6 => &[(
                r"(?i)(?:^|[^0-9a-z:_.])((?:[0-9a-f]{1,4})?(?::[0-9a-f]{0,4}){2,7}(?:(?:\.[0-9]{1,3}){3})?)",
                is_ipv6,
            )],
            Self::Card => &[(r"(?-u:\b)[0-9](?:[ -]?[0-9]){12,}(?-u:\b)", holds_card)],
            Self::Token => TOKENS,
            Self::NationalId => &[(r"(?-u:\b)[0-9]{3}-[0-9]{2}-[0-9]{4}(?-u:\b)", is_social_security)],
        }
    }
}

/// The prefixes are those that the issuers document for secret scanners.
const TOKENS: &[Expression] = &[
    // docs.aws.amazon.com: identifiers of access keys; the ids of what they belong to stay.
    (r"(?-u:\b)(?:AKIA|ASIA)[A-Z0-9]{16}(?-u:\b)", always),
    (r"(?i)aws.{0,20}(?:secret|key).{0,20}?[=:'\x22 ]([a-z0-9/+]{40})(?:[^a-z0-9/+=]|$)", always),
    // RFC 7519: two parts of JSON, which begin with `{"`, and a signature.
    (r"eyJ[A-Za-z0-9_-]{5,}\.[A-Za-z0-9_-]{5,}\.[A-Za-z0-9_-]*", always),
    (r"gh[pousr]_[A-Za-z0-9]{30,}", always),
    (r"github_pat_[A-Za-z0-9_]{22,}", always),
    (r"glpat-[A-Za-z0-9_-]{20,}", always),
    (r"xox[abeoprs]-[A-Za-z0-9-]{10,}", always),
    (r"AIza[A-Za-z0-9_-]{35}", always),
    (r"ya29\.[A-Za-z0-9_-]{20,}", always),
    (r"(?:sk|rk)_(?:live|test)_[A-Za-z0-9]{16,}", always),
    (r"hv[sb]\.[A-Za-z0-9_-]{20,}", always),
    (r"npm_[A-Za-z0-9]{36}", always),
    // Shared access signatures of Azure, and signatures of links of AWS and Google.
    (r"(?i)[?&;](?:sig|x-amz-signature|x-amz-security-token|x-goog-signature)=([a-z0-9%/+=_-]{16,})", always),
    (r"(?i)accountkey=([a-z0-9/+=]{40,})", always),
    (r"(?s)-----BEGIN [A-Z ]{0,40}PRIVATE KEY-----.*?(?:-----END [A-Z ]{0,40}PRIVATE KEY-----|$)", always),
    // RFC 9110 section 11.6.2
    (r"(?i)(?-u:\b)(?:bearer|basic|negotiate)\s+([a-z0-9._~+/=-]{8,})", always),
    // RFC 3986 section 3.2.1: a password in a URL.
    (r"(?i)[a-z][a-z0-9+.-]{1,20}://[^\s/:@\x22']{0,100}:([^\s/@\x22']{1,200})@", always),
    (
        r"(?i)(?:passw(?:or)?d|passwd|pwd|secret|api[_-]?key|access[_-]?key|token|credential)s?\\*[\x22']?\s*[=:]\s*(?:\x22((?:[^\x22\\]|\\.){1,500})|\\+[\x22']([^\x22'\\]{1,500})|'([^']{1,500})|([^\s\x22',;&}\])]{1,500}))",
        always,
    ),
];

/// Whether a member's name says that its value is secret.
#[must_use]
pub fn names_a_secret(name: &str) -> bool {
    const NAMES: [&str; 12] = [
        "password",
        "passwd",
        "pwd",
        "passphrase",
        "secret",
        "apikey",
        "accesskey",
        "privatekey",
        "authorization",
        "cookie",
        "token",
        "credential",
    ];
    let plain: String =
        name.chars().filter(char::is_ascii_alphanumeric).map(|letter| letter.to_ascii_lowercase()).collect();
    NAMES.iter().any(|known| {
        plain.ends_with(known) || plain.strip_suffix('s').is_some_and(|one| one.ends_with(known))
    })
}

const fn always(_: &[u8]) -> bool {
    true
}

/// A time such as 14:05:06 is none, and a path of modules such as `a::b` is none either.
fn is_ipv6(text: &[u8]) -> bool {
    let shaped = text.iter().any(u8::is_ascii_digit) || text.split(|b| *b == b':').count() > 4;
    shaped && std::str::from_utf8(text).is_ok_and(|text| text.parse::<Ipv6Addr>().is_ok())
}

/// Whether digits are a card's number, or hold one beside other numbers: then all of them go.
fn holds_card(text: &[u8]) -> bool {
    let groups: Vec<&[u8]> = text.split(|b| !b.is_ascii_digit()).collect();
    let printed =
        |count: usize| groups.windows(count).any(|part| is_grouped(part) && is_card(&part.concat()));
    is_card(&groups.concat()) || (1..=5).any(printed)
}

/// Whether digits are grouped as cards have them printed: in one, by four, or as those with 14 and 15 digits.
fn is_grouped(groups: &[&[u8]]) -> bool {
    match groups {
        [one] => (13..=19).contains(&one.len()),
        [a, b, c] => (a.len(), b.len()) == (4, 6) && matches!(c.len(), 4 | 5),
        [fours @ .., last] => {
            fours.len() > 2 && fours.iter().all(|group| group.len() == 4) && (1..=4).contains(&last.len())
        }
        [] => false,
    }
}

/// Whether a card can have this number: by its length, its first digits, and Luhn's sum (ISO/IEC 7812-1 annex B). Times in
/// milliseconds and finer begin with 1, as airlines' cards of 15 digits alone do; a few national networks begin with 8 and 9.
fn is_card(digits: &[u8]) -> bool {
    let issued = match digits {
        [b'2'..=b'6', ..] => (13..=19).contains(&digits.len()),
        [b'1', ..] => digits.len() == 15,
        [b'8', b'1' | b'2', ..] | [b'9', b'7', b'9', b'2', ..] => digits.len() == 16,
        _ => false,
    };
    let digits = digits.iter().rev().map(|b| u32::from(b.saturating_sub(b'0')));
    let sum: u32 = (0_u32..)
        .zip(digits)
        .map(|(place, digit)| match place % 2 {
            1 if digit > 4 => digit * 2 - 9,
            1 => digit * 2,
            _ => digit,
        })
        .sum();
    issued && sum.is_multiple_of(10)
}

/// ssa.gov: no area is 000, 666 or from 900 on, no group is 00, no serial number 0000.
fn is_social_security(text: &[u8]) -> bool {
    let part = |range: std::ops::Range<usize>| text.get(range).unwrap_or_default();
    let area = part(0..3);
    area != b"000"
        && area != b"666"
        && !area.starts_with(b"9")
        && part(4..6) != b"00"
        && part(7..11) != b"0000"
}
