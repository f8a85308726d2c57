//! Text from elsewhere, made fit for a terminal.

use std::borrow::Cow;

/// The text with every control character, and every character that changes the
/// direction of writing, replaced by its escape (`\n`, `\u{1b}`).
///
/// Window titles and the server's texts pass through here before a person sees them,
/// because a terminal obeys control characters.
#[must_use]
pub fn printable(text: &str) -> Cow<'_, str> {
    if !text.chars().any(commands_a_terminal) {
        return Cow::Borrowed(text);
    }
    let mut escaped = String::with_capacity(text.len() + 16);
    for character in text.chars() {
        if commands_a_terminal(character) {
            escaped.extend(character.escape_default());
        } else {
            escaped.push(character);
        }
    }
    Cow::Owned(escaped)
}

fn commands_a_terminal(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{061c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ordinary_text_of_any_script_is_left_alone() {
        for text in ["", "Report \"Q3\" \\ draft", "Übersicht", "概要", "مرحبا", "🙂"] {
            assert!(matches!(printable(text), Cow::Borrowed(same) if same == text));
        }
    }

    #[test]
    fn control_characters_are_escaped() {
        assert_eq!(printable("a\x1b[2Jb\r\n\tc\x7f\u{9b}"), r"a\u{1b}[2Jb\r\n\tc\u{7f}\u{9b}");
    }

    #[test]
    fn characters_that_turn_the_direction_of_writing_are_escaped() {
        assert_eq!(printable("invoice\u{202e}fdp.exe"), r"invoice\u{202e}fdp.exe");
    }
}
