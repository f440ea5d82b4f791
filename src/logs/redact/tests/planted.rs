//! Ten thousand secrets of every promised form, in every surrounding: none leaves, whole or in pieces.

use super::*;

/// Numbers that look random and are the same each time (`SplitMix64`).
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % end as u64).unwrap()
    }

    fn of(&mut self, signs: &str, length: usize) -> String {
        (0..length).map(|_| char::from(signs.as_bytes()[self.below(signs.len())])).collect()
    }

    fn pick<'a>(&mut self, from: &[&'a str]) -> &'a str {
        from[self.below(from.len())]
    }
}

const UPPER: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
const WORD: &str = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
const DIGITS: &str = "0123456789";

const KINDS: usize = 29;
const FRAMES: usize = 9;

/// What is written down, and what of it must not leave.
fn secret(kind: usize, numbers: &mut Numbers) -> (String, String) {
    let word = numbers.of(WORD, 20);
    let whole = |text: String| (text.clone(), text);
    let long = |numbers: &mut Numbers, front: &str, length: usize| {
        let text = format!("{front}{}", numbers.of(WORD, length));
        (text.clone(), text)
    };
    match kind {
        0 => whole(format!(
            "{}.b+{}@{}.example.co.uk",
            word.to_lowercase(),
            numbers.below(99),
            numbers.of("abc", 3)
        )),
        1 => whole(format!("{word}%40mail.example")),
        2 => whole(format!("203.{}.{}.{}", numbers.below(256), numbers.below(256), numbers.below(256))),
        3 => whole(format!("2001:db8:{:x}::{:x}", numbers.below(65_536), numbers.below(65_535) + 1)),
        4 => whole(format!(
            "2001:0db8:85a3:{:04x}:0000:8a2e:{:04x}:7334",
            numbers.below(65_536),
            numbers.below(65_536)
        )),
        5 => whole(card(numbers, &[16])),
        6 => whole(card(numbers, &[4, 4, 4, 4])),
        7 => whole(card(numbers, &[4, 6, 5])),
        8 => whole(format!(
            "{}-{:02}-{:04}",
            100 + numbers.below(500),
            1 + numbers.below(99),
            1 + numbers.below(9999)
        )),
        9 => whole(format!("AKIA{}", numbers.of(UPPER, 16))),
        10 => {
            let key = numbers.of(WORD, 40);
            (format!("aws_secret_access_key = {key}"), key)
        }
        11 => {
            let (part, sign) = (numbers.of(WORD, 30), numbers.of(WORD, 30));
            whole(format!("eyJ{part}.eyJ{part}.{sign}"))
        }
        12 => long(numbers, "ghp_", 36),
        13 => long(numbers, "github_pat_", 40),
        14 => long(numbers, "glpat-", 20),
        15 => whole(format!("xoxb-{}-{word}", numbers.of(DIGITS, 12))),
        16 => long(numbers, "AIza", 35),
        17 => long(numbers, "ya29.", 40),
        18 => long(numbers, "sk_live_", 24),
        19 => long(numbers, "hvs.", 24),
        20 => long(numbers, "npm_", 36),
        21 => (format!("https://a.blob.example/c/o?sv=1&sig={word}%3D&x=1"), word),
        22 => (format!("Authorization: Bearer {word}"), word),
        23 => (format!("postgres://app:{word}@db.internal/x"), word),
        24 => (format!("password={word}"), word),
        25 => whole(format!("TKT-{}", numbers.of(DIGITS, 9))),
        26 => {
            let line = numbers.of(WORD, 64);
            (format!("-----BEGIN RSA PRIVATE KEY----- {line} -----END RSA PRIVATE KEY-----"), line)
        }
        27 => (format!("{{\"user\":{{\"name\":\"{word}\"}}}}"), word),
        _ => (format!("{{\"dbPassword\": \"{word}\"}}"), word),
    }
}

/// A number with a right sum of Luhn's, in groups with the same sign between them.
fn card(numbers: &mut Numbers, groups: &[usize]) -> String {
    let length: usize = groups.iter().sum();
    let mut digits: Vec<u32> =
        std::iter::once(4).chain((2..length).map(|_| numbers.below(10).try_into().unwrap())).collect();
    let weighed =
        |(at, digit): (usize, &u32)| if at % 2 == 0 { (digit * 2) / 10 + (digit * 2) % 10 } else { *digit };
    let sum: u32 = digits.iter().rev().enumerate().map(weighed).sum();
    digits.push((10 - sum % 10) % 10);
    let mut digits = digits.into_iter().map(|digit| char::from_digit(digit, 10).unwrap());
    let groups: Vec<String> = groups.iter().map(|length| digits.by_ref().take(*length).collect()).collect();
    groups.join(numbers.pick(&[" ", "-"]))
}

/// What may stand right before a secret, and right behind it.
const BEFORE: [&str; 24] = [
    "", " ", "\t", "\"", "'", "(", "[", "<", ",", ";", "=", "|", "/", "é", "漢字", "🙂", "«", "\u{a0}",
    "id ", "42 ", "7 8 ", "x=", "to: ", "{",
];
const BEHIND: [&str; 22] = [
    "", " ", "\t", "\"", "'", ")", "]", ">", ",", ";", "|", "é", "漢字", "🙂", "»", "\u{a0}", " 42", " 7 8",
    ". ", "&x=1", "\\", "}",
];

/// A record around a secret, as logs have them.
fn record(frame: usize, text: &str, numbers: &mut Numbers) -> String {
    let (before, behind) = (numbers.pick(&BEFORE), numbers.pick(&BEHIND));
    let around = format!("{before}{text}{behind}");
    let noise = numbers.pick(&[
        "",
        "2026-11-23T10:00:00Z INFO ",
        "naïve 漢字 🙂 ",
        "GET /a/b?c=d HTTP/1.1 ",
        "<34>1 host app - ",
    ]);
    match frame {
        0 => format!("{noise}{around} end"),
        1 => serde_json::json!({ "time": noise, "msg": around }).to_string(),
        2 => serde_json::json!({ "a": [{ "b": { "c": format!("{noise}{around}") } }], "n": 1 }).to_string(),
        3 => serde_json::json!({ "payload": serde_json::json!({ "msg": around }).to_string() }).to_string(),
        4 => format!("{{\"x\":\"{}\"}}", escaped(&text.replace('\\', "/"))),
        5 => format!("{noise}level=info msg={} x=1", Value::from(around)),
        6 => serde_json::json!({ around: 1 }).to_string(),
        7 => {
            let inner = serde_json::json!({ "msg": format!("first\n{text}\nlast") }).to_string();
            format!(
                "{noise}{}",
                serde_json::json!({ "payload": inner }).to_string().replace('@', "\\\\u0040")
            )
        }
        _ => format!(
            "{noise}{} was cut",
            serde_json::json!({ "msg": around, "more": [1, 2] }).to_string().trim_end_matches('}')
        ),
    }
}

#[test]
fn of_ten_thousand_planted_secrets_none_leaves() {
    let mut numbers = Numbers(15);
    let mut left = Vec::new();
    for number in 0..FRAMES * KINDS * 40 {
        let (text, needle) = secret(number % KINDS, &mut numbers);
        let record = record(number / KINDS % FRAMES, &text, &mut numbers);
        let out = shown(&record);
        if out.contains(&needle) || out.contains(&escaped(&needle)) {
            left.push(format!("{needle} in {record}"));
        }
    }
    assert!(left.is_empty(), "{} left:\n{}", left.len(), left.join("\n"));
}

#[test]
fn no_secret_leaves_at_any_place_around_the_end_of_a_piece() {
    const PIECE: usize = 512;
    let mut numbers = Numbers(64);
    for kind in 0..KINDS {
        for place in PIECE - 64..=PIECE + 64 {
            let (text, needle) = secret(kind, &mut numbers);
            let record = record(place % FRAMES, &text, &mut numbers);
            let front = place.saturating_sub(record.find(&needle).unwrap_or(0) + 1);
            let object = format!("{}{}\n{record}\nend\n", "é".repeat(front / 2), ".".repeat(front % 2));
            let mut stream = RedactStream::new(all());
            let mut out: Vec<u8> =
                object.as_bytes().chunks(PIECE).flat_map(|piece| stream.push(piece)).collect();
            out.extend(stream.finish());
            let out = String::from_utf8(out).unwrap();
            assert!(!out.contains(&needle) && out.ends_with("\nend\n"), "{needle} in {out}");
            assert_eq!(out, streamed(object.as_bytes()));
        }
    }
}
