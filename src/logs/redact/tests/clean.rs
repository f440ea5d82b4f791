//! Lines with nothing to hide, full of what looks like it: at most one of a thousand is touched.

use super::secrets::Numbers;
use super::*;

const HEX: &str = "0123456789abcdef";

fn uuid(numbers: &mut Numbers) -> String {
    [8, 4, 4, 4, 12].map(|length| numbers.of(HEX, length)).join("-")
}

fn line(kind: usize, numbers: &mut Numbers) -> String {
    let mut below = |end: usize| numbers.below(end);
    let (seconds, small, port) = (1_600_000_000 + below(400_000_000), below(1000), 1024 + below(60_000));
    let clock = format!("{:02}:{:02}:{:02}.{:06}", below(24), below(60), below(60), below(1_000_000));
    match kind {
        0 => format!(
            "{{\"ts\":{seconds}{small:03},\"level\":\"info\",\"took\":{port},\"msg\":\"done in {small} ms\"}}"
        ),
        1 => format!("{{\"ts\":{seconds}{:06},\"span\":\"{}\"}}", below(1_000_000), numbers.of(HEX, 16)),
        2 => {
            format!("2026-11-23T{clock}Z INFO base64::decode{{id={}}} sha2::a1 took {small}us", uuid(numbers))
        }
        3 => format!("ts={seconds}{:09} trace={} status=200", below(1_000_000_000), numbers.of(HEX, 32)),
        4 => format!("Nov 23 {clock} web-{small} app[{port}]: GET /v1/items/{port}?page={small} 200 {port}"),
        5 => format!("commit {} in v1.{small}.{} of {port} files", numbers.of(HEX, 40), numbers.below(50)),
        6 => {
            format!("mac 00:1a:2b:{}:4d:5e on eth{small}, {port} packets, window {clock}", numbers.of(HEX, 2))
        }
        7 => format!("order {seconds}-{small} of 2026-11-23 10:00, {small} items, {port} cents"),
        8 => format!(
            "{{\"id\":\"{}\",\"n\":[{small},{port},{seconds}],\"at\":\"2026-11-23T{clock}Z\"}}",
            uuid(numbers)
        ),
        _ => format!(
            "std::io::Error at src/main.rs:{small}:{}: the password was wrong, token expired",
            numbers.below(99)
        ),
    }
}

#[test]
fn at_most_one_clean_line_of_a_thousand_is_touched() {
    let mut numbers = Numbers(7);
    let mut touched = Vec::new();
    for number in 0..20_000 {
        let line = line(number % 10, &mut numbers);
        if !all().redact(line.as_bytes()).counts.is_empty() {
            touched.push(format!("{line} is {}", shown(&line)));
        }
    }
    assert!(touched.len() <= 20, "{} lines:\n{}", touched.len(), touched.join("\n"));
}
