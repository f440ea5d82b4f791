//! What may reach a terminal: logs hold what strangers wrote, and a terminal does what control signs tell it.

use std::io::{IsTerminal, stdout};

/// A text with its control signs shown, not done; tabs stay.
pub fn safe(text: &str) -> String {
    let plain = |letter: char| letter == '\t' || !(letter.is_control() || is_invisible(letter));
    if text.chars().all(plain) {
        return text.to_owned();
    }
    let show =
        |letter: char| if plain(letter) { letter.to_string() } else { letter.escape_unicode().to_string() };
    text.chars().map(show).collect()
}

/// Letters that turn the direction of what follows, or cannot be seen.
const fn is_invisible(letter: char) -> bool {
    matches!(letter, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

/// Whether data goes to a person's terminal, not into a file or another program.
pub fn is_terminal() -> bool {
    stdout().is_terminal()
}

#[cfg(test)]
mod tests {
    use super::safe;

    #[test]
    fn what_strangers_wrote_moves_no_cursor_and_turns_no_text_around() {
        assert_eq!(safe("a\tb é 漢"), "a\tb é 漢");
        assert_eq!(safe("\u{1b}]0;title\u{7}"), "\\u{1b}]0;title\\u{7}");
        assert_eq!(safe("a\u{202e}b\u{9b}31m\r\n"), "a\\u{202e}b\\u{9b}31m\\u{d}\\u{a}");
    }
}
