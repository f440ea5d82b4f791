//! `logboom layouts`.

use std::io::Write;
use std::process::{Command, Output, Stdio};

fn layouts(arguments: &[&str], input: &str) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_logboom"));
    command.arg("layouts").args(arguments);
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it starts");
    // A run that reads no key may be over already.
    let _unread = child.stdin.take().expect("a pipe").write_all(input.as_bytes());
    child.wait_with_output().expect("it ends")
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).expect("text")
}

#[test]
fn a_template_is_tried_on_keys_before_it_is_configured() {
    let template = "{service}/{yyyy}/{MM}/{dd}/{HH}/*.gz";
    let keys = ["pump/2026/11/23/14/part-1.gz", "pump/2026/11/23/notes.txt"];
    let run = layouts(&["test", template, "--slack", "15m", keys[0], keys[1]], "");
    assert_eq!(run.status.code(), Some(4));
    let wanted = "2026-11-23T13:45:00Z\t2026-11-23T15:00:00Z\tpump/2026/11/23/14/part-1.gz\n\
                  -\t-\tpump/2026/11/23/notes.txt\n";
    assert_eq!(text(&run.stdout), wanted);
    assert!(
        text(&run.stderr).starts_with("error: 1 keys are not of this layout\nhint: "),
        "{}",
        text(&run.stderr)
    );
}

#[test]
fn keys_come_from_standard_input_and_their_time_zone_is_heeded() {
    let run = layouts(&["test", "hive", "--time-zone", "-03:00"], "dt=2026-11-23/hour=14/part-0000.gz\n");
    assert_eq!(run.status.code(), Some(0), "{}", text(&run.stderr));
    assert_eq!(
        text(&run.stdout),
        "2026-11-23T17:00:00Z\t2026-11-23T18:00:00Z\tdt=2026-11-23/hour=14/part-0000.gz\n"
    );
}

#[test]
fn what_is_no_layout_is_told_with_what_there_is() {
    let run = layouts(&["test", "app/{day}/*"], "");
    assert_eq!(run.status.code(), Some(2));
    assert!(text(&run.stderr).contains("cloudtrail, elb, vpc-flow"), "{}", text(&run.stderr));
    assert!(text(&run.stderr).contains("tells at least the day"), "{}", text(&run.stderr));
    assert_eq!(layouts(&["test", "hive", "--time-zone", "CET", "x"], "").status.code(), Some(2));
    assert!(text(&layouts(&["list"], "").stdout).contains("azure-diagnostics\n"));
}
