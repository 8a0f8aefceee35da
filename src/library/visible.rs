//! Whether a name shows anything on the screen.

use icu_properties::props::{
    DefaultIgnorableCodePoint, GeneralCategory, PrependedConcatenationMark,
};
use icu_properties::{CodePointMapData, CodePointSetData};

/// Whether a text has a character that can be seen.
pub(super) fn is_visible(text: &str) -> bool {
    text.chars().any(|c| c.is_ascii_graphic() || shows(c))
}

fn shows(c: char) -> bool {
    if c.is_whitespace() || is_drawn_blank(c) {
        return false;
    }
    if CodePointSetData::new::<DefaultIgnorableCodePoint>().contains(c) {
        return false;
    }
    match CodePointMapData::<GeneralCategory>::new().get(c) {
        GeneralCategory::Control | GeneralCategory::Unassigned => false,
        // A mark is drawn onto what stands before it.
        GeneralCategory::NonspacingMark | GeneralCategory::EnclosingMark => false,
        // Of the format characters, only the signs before Arabic and similar numbers are drawn.
        GeneralCategory::Format => {
            CodePointSetData::new::<PrependedConcatenationMark>().contains(c)
        }
        _ => true,
    }
}

/// Letters and symbols that fonts draw as an empty space, though no property says so.
fn is_drawn_blank(c: char) -> bool {
    matches!(
        c,
        // Braille, a note head, Egyptian blanks, the Khitan filler.
        '\u{2800}' | '\u{1D159}' | '\u{13441}' | '\u{13442}' | '\u{16FE4}'
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_drawn_is_visible() {
        let blank = [
            "",
            " ",
            "\u{a0}",
            "\u{ad}",
            "\u{34f}",
            "\u{61c}",
            "\u{115f}\u{1160}",
            "\u{180e}",
            "\u{200b}\u{200d}",
            "\u{202e}",
            "\u{2060}\u{2064}",
            "\u{2800}",
            "\u{3164}",
            "\u{fe0f}",
            "\u{feff}",
            "\u{ffa0}",
            "\u{fff9}",
            "\u{1d173}",
            "\u{301}\u{20dd}",
            "\u{fffe}\u{378}",
            "\u{e0041}\u{e007f}",
            "\u{e0100}",
        ];
        for text in blank {
            assert!(!is_visible(text), "{text:?}");
        }
        for text in [
            "a",
            ".",
            "é",
            "文",
            "👍",
            "\u{200b}a",
            "\u{601}",
            "١",
            "a\u{301}",
        ] {
            assert!(is_visible(text), "{text:?}");
        }
    }
}
