//! `[buckets.ID.redaction]`: what people who may not see everything do not get.

use std::sync::Arc;

use crate::config::reader::Section;
use crate::logs::redact::detect::Detector;
use crate::logs::redact::{RedactionRules, Redactor};

/// Reads the rules. `None` when something is wrong with them, which is reported.
pub fn redactor(mut section: Section) -> Option<Arc<Redactor>> {
    let names = section.optional::<Vec<String>>("detectors").flatten().unwrap_or_default();
    let json_paths = section.optional::<Vec<String>>("json_paths").flatten().unwrap_or_default();
    let patterns: Vec<(String, String)> = section.texts("patterns").into_iter().collect();
    let mut detectors = Vec::new();
    for name in names {
        match Detector::find(&name) {
            Some(detector) => detectors.push(detector),
            None => section.problem("detectors", format!("expected names of these: {}", known())),
        }
    }
    for (name, pattern) in &patterns {
        let alone =
            RedactionRules { patterns: vec![(name.clone(), pattern.clone())], ..RedactionRules::default() };
        if let Err(error) = Redactor::new(&alone) {
            section.problem(&format!("patterns.{name}"), error.to_string());
        }
        if !is_name(name) {
            section.problem(&format!("patterns.{name}"), "expected a name of small letters, digits, - and _");
        }
    }
    if detectors.is_empty() && patterns.is_empty() && json_paths.is_empty() {
        section.problem("", "has no rule; expected detectors, patterns or json_paths");
    }
    section.close();
    Redactor::new(&RedactionRules { detectors, patterns, json_paths }).ok().map(Arc::new)
}

fn known() -> String {
    Detector::ALL.map(Detector::name).join(", ")
}

/// It stands in what is shown in place of something.
fn is_name(name: &str) -> bool {
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'-' | b'_');
    !name.is_empty() && name.len() <= 32 && name.bytes().all(plain)
}
