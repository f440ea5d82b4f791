//! Completions and the manual, made from the commands that there are.

use std::fs;
use std::process::{Command, Stdio};

use crate::harness::app::directory;

fn logboom(arguments: &[&str]) -> (i32, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_logboom")).args(arguments).output().expect("it starts");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("text");
    (output.status.code().expect("a code"), text(output.stdout), text(output.stderr))
}

#[test]
fn every_shell_completes_every_command_and_nothing_that_is_hidden() {
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let (code, out, err) = logboom(&["completions", shell]);
        assert_eq!((code, err.as_str()), (0, ""), "{shell}");
        for word in ["login", "search", "doctor", "no-browser"] {
            assert!(out.contains(word), "{shell}: {word}");
        }
        assert!(!out.contains("state-home"), "{shell}");
    }
    assert_eq!(logboom(&["completions", "tcsh"]).0, 2);
}

#[test]
fn bash_takes_its_completions() {
    let script = directory().join("logboom.bash");
    fs::write(&script, logboom(&["completions", "bash"]).1).expect("a file");
    let complete = "source \"$0\"; COMP_WORDS=(logboom logi); COMP_CWORD=1; _logboom logboom logi logboom; echo \"${COMPREPLY[@]}\"";
    let mut bash = Command::new("bash");
    bash.args(["--norc", "-c", complete]).arg(&script).stdin(Stdio::null());
    let output = bash.output().expect("bash starts");
    assert_eq!(String::from_utf8_lossy(&output.stdout), "login\n", "{output:?}");
}

#[test]
fn the_manual_of_a_command_is_printed_with_its_options() {
    let (code, out, _) = logboom(&["man", "login"]);
    assert_eq!(code, 0);
    assert!(out.starts_with(".ie") && out.contains(".TH") && out.contains("\\-\\-device"), "{out}");
    assert!(out.contains("LOGBOOM_SERVER") && !out.contains("state\\-home"), "{out}");
    assert!(logboom(&["man", "idp", "doctor"]).1.contains("logboom\\-idp\\-doctor"));
    assert!(logboom(&["man"]).1.contains("logboom\\-search"));
    let (code, _, err) = logboom(&["man", "nonsense"]);
    assert_eq!((code, err.contains("there is no command `nonsense`")), (2, true), "{err}");
}

#[test]
fn all_pages_go_into_a_folder() {
    let folder = directory().join("man1");
    let (code, _, err) = logboom(&["man", "--directory", folder.to_str().expect("a path")]);
    assert_eq!(code, 0, "{err}");
    for page in ["logboom.1", "logboom-login.1", "logboom-idp-doctor.1", "logboom-man.1"] {
        assert!(folder.join(page).is_file(), "{page}");
    }
}
