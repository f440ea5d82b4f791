//! How the verbs of engineers show what they found.

use serde::Serialize;

use crate::cli::terminal::safe;

/// Rows under their headings, in columns. Control signs are shown, not done.
pub fn table<const N: usize>(headings: [&str; N], rows: impl IntoIterator<Item = [String; N]>) -> String {
    let rows: Vec<[String; N]> = std::iter::once(headings.map(str::to_owned))
        .chain(rows.into_iter().map(|row| row.map(|cell| safe(&cell))))
        .collect();
    let width = |column: usize| {
        rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..N).map(width).collect();
    let mut text = String::new();
    for row in &rows {
        let cells: Vec<String> =
            row.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}")).collect();
        text.push_str(cells.join("  ").trim_end());
        text.push('\n');
    }
    text
}

/// A value as JSON for programs, with a line's end.
pub fn json(value: &impl Serialize) -> String {
    // The answers of the API are plain structures, which always can be written.
    serde_json::to_string(value).unwrap_or_default() + "\n"
}

/// A number of bytes for people: `2.1 MiB`.
pub fn size(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["KiB", "MiB", "GiB", "TiB", "PiB"];
    if bytes < 1024 {
        return format!("{bytes} B");
    }
    #[expect(clippy::cast_precision_loss, reason = "one digit behind the point is shown")]
    let mut amount = bytes as f64;
    let mut unit = "B";
    for next in UNITS {
        if amount < 1024.0 {
            break;
        }
        (amount, unit) = (amount / 1024.0, next);
    }
    format!("{amount:.1} {unit}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_shown_as_people_say_them() {
        assert_eq!(
            [0, 1023, 1024, 1_600_000, u64::MAX].map(size),
            ["0 B", "1023 B", "1.0 KiB", "1.5 MiB", "16384.0 PiB"]
        );
    }

    #[test]
    fn columns_stand_under_their_headings() {
        let text = table(
            ["KEY", "SIZE"],
            [["a\u{1b}[31m".to_owned(), "1".to_owned()], ["long-key".to_owned(), "22".to_owned()]],
        );
        assert_eq!(text, "KEY          SIZE\na\\u{1b}[31m  1\nlong-key     22\n");
    }
}
