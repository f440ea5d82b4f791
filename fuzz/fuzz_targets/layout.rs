//! Layouts: an object that can hold records of a span is found by the way down to that span.
#![no_main]

use std::time::Duration;

use libfuzzer_sys::fuzz_target;
use logboom::domain::key::ObjectKey;
use logboom::domain::record::RecordTime;
use logboom::domain::time_range::TimeRange;
use logboom::logs::layout::presets::PRESETS;
use logboom::logs::layout::{Layout, LayoutOptions, Leaf, Walk};

const MOST: usize = 2000;

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let mut lines = text.splitn(3, '\n');
    let (template, key, scope) = (lines.next(), lines.next(), lines.next().unwrap_or_default());
    let offset_seconds = i32::from(data.first().copied().unwrap_or(0)) * 700 - 89_000;
    let slack = scope.len().is_multiple_of(2).then(|| Duration::from_secs(scope.len() as u64));
    let options = LayoutOptions { root: String::new(), offset_seconds, slack };
    let Ok(layout) = Layout::parse(template.unwrap_or_default(), &options) else { return };
    let Ok(key) = ObjectKey::parse(key.unwrap_or_default()) else { return };
    let Some(window) = layout.window(&key) else { return };
    let Ok(range) = TimeRange::new(window.earliest, window.end) else { return };
    assert!(window.meets(range));
    // Keys can tell years that the time of a record cannot.
    if window.earliest == RecordTime::MIN || window.end == RecordTime::MAX {
        return;
    }
    // Vendors write a date into folder and name, and the two can lie a day apart: how far is the slack's business.
    let repeats = |unit: &&str| text.matches(*unit).count() > 1;
    if ["{yyyy}", "{MM}", "{dd}", "{HH}", "{mm}", "{ss}"].iter().any(repeats)
        || PRESETS.iter().any(|preset| preset.name == layout.to_string())
    {
        return;
    }
    // Asked for the whole bucket, for a folder of the key's, and for what the input says.
    let folder = key.as_str().rfind('/').map_or("", |at| &key.as_str()[..=at]);
    for scope in ["", folder, scope] {
        if key.as_str().starts_with(scope) {
            let found = layout.walk(scope, range).into_iter().any(|walk| finds(walk, key.as_str()));
            assert!(found, "{key:?} is not found below {scope:?} in {range:?}");
        }
    }
});

/// Whether a cloud that has this object alone tells it; what would take too many calls is refused elsewhere, and not silently.
fn finds(walk: Walk<'_>, key: &str) -> bool {
    let Some(leaves) = walk.descend(MOST) else { return true };
    leaves.into_iter().any(|leaf| match leaf {
        Leaf::Objects(prefix) => key.starts_with(&prefix),
        Leaf::Folders(prefix, walk) => {
            let folder = key
                .strip_prefix(&prefix)
                .and_then(|rest| rest.find('/'))
                .map(|at| &key[..=prefix.len() + at]);
            folder.and_then(|folder| walk.enter(folder)).is_some_and(|walk| finds(walk, key))
        }
    })
}
