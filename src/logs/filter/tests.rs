//! The filter language by examples, and what holds for every filter.

use proptest::prelude::*;

use super::*;
use crate::domain::record::RecordTime;
use crate::logs::format::Format;
use crate::logs::format::options::FormatOptions;

const LIMITS: FilterLimits = FilterLimits { text_bytes: 4096, terms: 64, depth: 16, regex_bytes: 1 << 20 };

fn parsed(text: &str) -> Filter {
    Filter::parse(text, &LIMITS).unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn error(text: &str) -> String {
    Filter::parse(text, &LIMITS).unwrap_err().to_string()
}

fn matches(filter: &str, fold: bool, record: &str) -> bool {
    let matcher = Matcher::new(&parsed(filter), fold, &LIMITS).unwrap();
    matcher.matches(
        record.as_bytes(),
        &Format::of(record.as_bytes(), &FormatOptions::default(), RecordTime::MAX),
    )
}

#[test]
fn words_stand_beside_each_other_and_bind_tighter_than_or() {
    assert_eq!(
        parsed("a b or not (c or d) e=1").to_string(),
        r#"(("a" and "b") or (not ("c" or "d") and e="1"))"#
    );
    assert_eq!(parsed("a and b and c").to_string(), r#"("a" and "b" and "c")"#);
    assert_eq!(parsed("  ").to_string(), "");
    assert_eq!(parsed("android order nothing").to_string(), r#"("android" and "order" and "nothing")"#);
    assert_eq!(parsed(r#""say \"so\" \\" /a\/b\d/"#).to_string(), r#"("say \"so\" \\" and /a\/b\d/)"#);
    assert_eq!(parsed("https://x.example/?a=b").to_string(), r#""https://x.example/?a=b""#);
    assert_eq!(parsed("@t.sub>=5 x=*").to_string(), r#"(@t.sub>="5" and x=*)"#);
}

#[test]
fn an_error_points_at_its_column() {
    for (text, wanted) in [
        ("a (b", "column 3: this ( is not closed"),
        ("a)", "column 2: expected a term before this )"),
        ("a or", "column 5: expected a word"),
        ("é \"b", "column 3: this \" is not closed"),
        ("x=/a/", "column 3: an expression goes with ~ or !~"),
        ("a /[/", "column 3: the expression is refused: unclosed character class"),
        ("a \"\"", "column 3: nothing stands between these"),
        ("/(a{1000}){1000}/", "column 1: the expression is refused"),
    ] {
        let error = error(text);
        assert!(error.starts_with(wanted), "{text}: {error}");
    }
    assert!(error(&"(".repeat(20)).contains("deeper than 16"));
    assert!(error(&"not ".repeat(20)).contains("deeper than 16"));
    assert!(error(&"a ".repeat(65)).contains("at most 64 terms"));
    assert!(error(&"a".repeat(4097)).contains("at most 4096 bytes"));
}

#[test]
fn fields_compare_by_number_where_both_sides_are_numbers() {
    let json = r#"{"a":{"b":10},"s":"10","t":"x10","n":null,"l":[1,2]}"#;
    for (filter, wanted) in [
        ("a.b=10", true),
        ("a.b=10.0", true),
        ("a.b>9", true),
        ("a.b<9", false),
        ("s>9", true),
        ("t>9", true),
        ("t=x10", true),
        ("t=X10", false),
        ("n=null", true),
        ("l.1=2", true),
        ("nothing!=1", false),
        ("not nothing=1", true),
        ("nothing=*", false),
    ] {
        assert_eq!(matches(filter, false, json), wanted, "{filter}");
    }
    assert!(matches("t=X10", true, json));
    assert!(matches(
        "level=warn msg~\"is full\"",
        false,
        r#"2026-11-23T10:00:00Z level=warn msg="disk is full" x=1"#
    ));
}

fn filters() -> impl Strategy<Value = Expr> {
    let word = prop::sample::select(vec!["err", "Err", "a", "é", "5", "x y", "=", "k", "\\n"]);
    let text = word.prop_map(|word: &str| Text::Literal(word.to_owned()));
    let regex = prop::sample::select(vec!["e.r", "^a", "[0-9]+$", "x/y"])
        .prop_map(|text| Text::Regex(text.to_owned()));
    let operator = prop::sample::select(Operator::ALL.map(|(_, operator)| operator).to_vec());
    let path = prop::sample::select(vec!["f", "g.h"]);
    let field = (path, operator, text.clone()).prop_map(|(path, operator, text)| Expr::Field {
        path: path.to_owned(),
        operator,
        text,
    });
    let leaf = prop_oneof![
        text.prop_map(Expr::Holds),
        regex.prop_map(Expr::Holds),
        field,
        Just(Expr::Has("f".to_owned()))
    ];
    leaf.prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 2..4).prop_map(Expr::All),
            prop::collection::vec(inner.clone(), 2..4).prop_map(Expr::Any),
            inner.prop_map(|part| Expr::Not(Box::new(part))),
        ]
    })
}

/// Whether the filter holds, without anything that skips ahead.
fn slowly(matcher: &Matcher, block: &[u8], format: &Format) -> Vec<bool> {
    block.split(|b| *b == b'\n').map(|line| matcher.matches(line, format)).collect()
}

/// Whether it holds, looking only at lines around candidates.
fn skipping(matcher: &Matcher, block: &[u8], format: &Format) -> Vec<bool> {
    let mut start = 0;
    block
        .split(|b| *b == b'\n')
        .map(|line| {
            let end = start + line.len();
            let candidate = matcher.candidate(block, start).is_some_and(|at| at <= end);
            start = end + 1;
            candidate && matcher.matches(line, format)
        })
        .collect()
}

proptest! {
    #[test]
    fn a_filter_reads_as_it_is_written(expr in filters()) {
        let filter = Filter { expr };
        prop_assert_eq!(parsed(&filter.to_string()), filter);
    }

    #[test]
    fn no_text_ends_the_program(text in r#"[a-z()"/=<>!~* \\é]{0,40}"#) {
        let _either = Filter::parse(&text, &LIMITS);
    }

    #[test]
    fn what_is_passed_over_would_not_have_matched(
        expr in filters(),
        fold: bool,
        records in prop::collection::vec((r#"[aeErkK59é ="xy]{0,12}"#, r"[aeErk5 ]{0,6}", any::<bool>()), 0..8),
    ) {
        let matcher = Matcher::new(&Filter { expr }, fold, &LIMITS).unwrap();
        let lines: Vec<String> = records.iter().map(|(free, field, escape)| {
            let field: String = if *escape {
                field.chars().fold(String::new(), |text, c| text + &format!("\\u{:04x}", u32::from(c)))
            } else {
                field.clone()
            };
            format!(r#"{{"m":{},"f":"{field}","g":{{"h":5}}}}"#, serde_json::Value::from(free.as_str()))
        }).collect();
        for block in [lines.join("\n"), records.iter().map(|(free, field, _)| format!("{free} f={field}")).collect::<Vec<_>>().join("\n")] {
            let format = Format::of(block.as_bytes(), &FormatOptions::default(), RecordTime::MAX);
            prop_assert_eq!(skipping(&matcher, block.as_bytes(), &format), slowly(&matcher, block.as_bytes(), &format), "{}", block);
        }
    }
}
