//! Secrets to plant: one of every promised form, each time another, in the surroundings that logs have. Also for the tests of the API.

use serde_json::{Value, json};

/// Numbers that look random and are the same each time (`SplitMix64`).
pub struct Numbers(pub u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % end as u64).expect("it fits")
    }

    pub fn of(&mut self, signs: &str, length: usize) -> String {
        (0..length).map(|_| char::from(signs.as_bytes()[self.below(signs.len())])).collect()
    }

    fn pick<'a>(&mut self, from: &[&'a str]) -> &'a str {
        from[self.below(from.len())]
    }
}

const UPPER: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
const WORD: &str = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
const DIGITS: &str = "0123456789";

/// Forms of secrets.
pub const KINDS: usize = 28;
/// Forms of records.
pub const FRAMES: usize = 9;

/// What is written down, and what of it must not leave.
pub fn secret(kind: usize, numbers: &mut Numbers) -> (String, String) {
    match kind {
        0..9 => {
            let text = personal(kind, numbers);
            (text.clone(), text)
        }
        9..20 => {
            let text = token(kind, numbers);
            (text.clone(), text)
        }
        _ => named(kind, numbers),
    }
}

fn personal(kind: usize, numbers: &mut Numbers) -> String {
    let word = numbers.of(WORD, 20);
    let mut below = |end: usize| numbers.below(end);
    match kind {
        0 => format!("{}.b+{}@mail{}.example.co.uk", word.to_lowercase(), below(99), below(99)),
        1 => format!("{word}%40mail.example"),
        2 => format!("203.{}.{}.{}", below(256), below(256), below(256)),
        3 => format!("2001:db8:{:x}::{:x}", below(65_536), below(65_535) + 1),
        4 => format!("2001:0db8:85a3:{:04x}:0000:8a2e:{:04x}:7334", below(65_536), below(65_536)),
        5 => card(numbers, &[16]),
        6 => card(numbers, &[4, 4, 4, 4]),
        7 => card(numbers, &[4, 6, 5]),
        _ => format!("{}-{:02}-{:04}", 100 + below(500), 1 + below(99), 1 + below(9999)),
    }
}

/// What is a secret by its own form.
fn token(kind: usize, numbers: &mut Numbers) -> String {
    match kind {
        9 => format!("AKIA{}", numbers.of(UPPER, 16)),
        10 => format!("TKT-{}", numbers.of(DIGITS, 9)),
        11 => {
            let (part, sign) = (numbers.of(WORD, 30), numbers.of(WORD, 30));
            format!("eyJ{part}.eyJ{part}.{sign}")
        }
        12 => format!("ghp_{}", numbers.of(WORD, 36)),
        13 => format!("github_pat_{}", numbers.of(WORD, 40)),
        14 => format!("glpat-{}", numbers.of(WORD, 20)),
        15 => format!("xoxb-{}-{}", numbers.of(DIGITS, 12), numbers.of(WORD, 20)),
        16 => format!("AIza{}", numbers.of(WORD, 35)),
        17 => format!("ya29.{}", numbers.of(WORD, 40)),
        18 => format!("sk_live_{}", numbers.of(WORD, 24)),
        _ => format!("{}{}", numbers.pick(&["hvs.", "npm_"]), numbers.of(WORD, 36)),
    }
}

/// What is a secret by what stands around it.
fn named(kind: usize, numbers: &mut Numbers) -> (String, String) {
    let word = numbers.of(WORD, 40);
    let text = match kind {
        20 => format!("aws_secret_access_key = {word}"),
        21 => format!("https://a.blob.example/c/o?sv=1&sig={word}%3D&x=1"),
        22 => format!("Authorization: Bearer {word}"),
        23 => format!("postgres://app:{word}@db.internal/x"),
        24 => format!("password={word}"),
        25 => format!("-----BEGIN RSA PRIVATE KEY----- {word} -----END RSA PRIVATE KEY-----"),
        26 => json!({ "user": { "name": word, "id": 1 } }).to_string(),
        _ => json!({ "dbPassword": word }).to_string(),
    };
    (text, word)
}

/// A number with a right sum of Luhn's, in groups with the same sign between them.
fn card(numbers: &mut Numbers, groups: &[usize]) -> String {
    let length: usize = groups.iter().sum();
    let mut digits: Vec<u32> = std::iter::once(4)
        .chain((2..length).map(|_| numbers.below(10).try_into().expect("it fits")))
        .collect();
    let weighed =
        |(at, digit): (usize, &u32)| if at % 2 == 0 { (digit * 2) / 10 + (digit * 2) % 10 } else { *digit };
    let sum: u32 = digits.iter().rev().enumerate().map(weighed).sum();
    digits.push((10 - sum % 10) % 10);
    let mut digits = digits.into_iter().map(|digit| char::from_digit(digit, 10).expect("it fits"));
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
pub fn record(frame: usize, text: &str, numbers: &mut Numbers) -> String {
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
        1 => json!({ "time": noise, "msg": around }).to_string(),
        2 => json!({ "a": [{ "b": { "c": format!("{noise}{around}") } }], "n": 1 }).to_string(),
        3 => json!({ "payload": json!({ "msg": around }).to_string() }).to_string(),
        4 => format!("{{\"x\":\"{}\"}}", escaped(&text.replace('\\', "/"))),
        5 => format!("{noise}level=info msg={} x=1", Value::from(around)),
        6 => json!({ around: 1 }).to_string(),
        7 => {
            let inner = json!({ "msg": format!("first\n{text}\nlast") }).to_string();
            format!("{noise}{}", json!({ "payload": inner }).to_string().replace('@', "\\\\u0040"))
        }
        _ => format!(
            "{noise}{} was cut",
            json!({ "msg": around, "more": [1, 2] }).to_string().trim_end_matches('}')
        ),
    }
}

/// A text as JSON can write it too.
pub fn escaped(text: &str) -> String {
    text.bytes().map(|b| format!("\\u{b:04x}")).collect::<Vec<_>>().concat()
}
