//! Which characters PDF's bytes, and glyphs that are not quite characters, stand for.

use encoding_rs::{UTF_8, UTF_16BE, UTF_16LE};
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::compose;

/// A text string outside of a page (ISO 32000-2, 7.9.2.2); nothing when it is blank.
pub fn text_string(bytes: &[u8]) -> Option<String> {
    let text = match bytes {
        [0xfe, 0xff, rest @ ..] => UTF_16BE.decode_without_bom_handling(rest).0,
        [0xff, 0xfe, rest @ ..] => UTF_16LE.decode_without_bom_handling(rest).0,
        [0xef, 0xbb, 0xbf, rest @ ..] => UTF_8.decode_without_bom_handling(rest).0,
        _ => document_encoding(bytes).into(),
    };
    let gap = |c| {
        if matches!(c, '\t' | '\n' | '\r') {
            ' '
        } else {
            c
        }
    };
    let text: String = text.chars().map(gap).filter(|c| !c.is_control()).collect();
    let text = text.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

/// PDFDocEncoding: windows-1252, but for what stands where that and ISO 8859-1 have controls.
fn document_encoding(bytes: &[u8]) -> String {
    const ACCENTS: [char; 8] = ['˘', 'ˇ', 'ˆ', '˙', '˝', '˛', '˚', '˜'];
    const MARKS: [char; 33] = [
        '•', '†', '‡', '…', '—', '–', 'ƒ', '⁄', '‹', '›', '−', '‰', '„', '“', '”', '‘', '’', '‚',
        '™', 'ﬁ', 'ﬂ', 'Ł', 'Œ', 'Š', 'Ÿ', 'Ž', 'ı', 'ł', 'œ', 'š', 'ž', '\u{fffd}', '€',
    ];
    let character = |byte: &u8| match *byte {
        byte @ 0x18..=0x1f => ACCENTS[usize::from(byte - 0x18)],
        byte @ 0x80..=0xa0 => MARKS[usize::from(byte - 0x80)],
        byte => char::from(byte),
    };
    bytes.iter().map(character).collect()
}

/// The ideographs of the radicals from U+2E80 on (Unicode's `Equivalent_Unified_Ideograph`), which
/// NFKC leaves alone.
const RADICALS: &str = "⺀厂乛乚乙亻冂𠘨刀刂卜㔾小小兀尣尢𡯂巳幺彑彐忄心扌攵⺚旡日月歺母民氵氺灬爫爫丬牛\
    犭王𤴔目示礻𥫗糹纟罓罒㓁冗𦉫羊𦍌𦍋耂肀聿肉𦥑艹艹艹虎衤覀西见角𧢲讠贝𧾷车辶辶辶邑\
    钅長镸长门𨸏阝雨青韦页风飞食𩙿飠饣𩠐马骨鬼鱼鸟卤麦黄黾斉齐歯齿竜龙龜亀龟";

/// Appends what a glyph stands for, as it is searched for: ligatures and other forms that letters
/// take on a page become the letters.
pub fn push_plain(character: char, out: &mut String) {
    match character {
        '\u{2e80}'..='\u{2ef3}' => {
            let number = character as usize - 0x2e80;
            out.extend(RADICALS.chars().nth(number));
        }
        '\u{2f00}'..='\u{2fdf}'
        | '\u{f900}'..='\u{fdff}'
        | '\u{fe30}'..='\u{fefc}'
        | '\u{ff01}'..='\u{ffee}'
        | '\u{1d400}'..='\u{1d7ff}' => out.extend(std::iter::once(character).nfkc()),
        // Ours to use, but not to read.
        '\u{e000}'..='\u{f8ff}' | '\u{f0000}'.. | '\u{fffd}' => {}
        '\u{a0}' | '\u{2000}'..='\u{200a}' | '\u{202f}' | '\u{3000}' => out.push(' '),
        // Joiners, marks of direction, and byte order marks.
        '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}' | '\u{feff}' => {}
        // Some fonts say that their space is a tab.
        '\t' | '\n' | '\r' => out.push(' '),
        other if other.is_control() => {}
        other => out.push(other),
    }
}

/// A text in such letters.
pub fn plain(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    text.chars()
        .for_each(|character| push_plain(character, &mut plain));
    plain
}

/// What is drawn for a code whose font says nothing about characters: most such fonts keep ASCII
/// where it is, and those of TeX their ligatures in one of two rows before it.
pub fn push_code(code: u32, out: &mut String) {
    match code {
        0x20..=0x7e | 0xa1..=0xff => out.extend(char::from_u32(code)),
        0x0b | 0x1b => out.push_str("ff"),
        0x0c | 0x1c => out.push_str("fi"),
        0x0d | 0x1d => out.push_str("fl"),
        0x0e | 0x1e => out.push_str("ffi"),
        0x0f | 0x1f => out.push_str("ffl"),
        _ => {}
    }
}

/// The accent that is drawn over a letter by itself, as it is written behind that letter.
pub fn combining(accent: char) -> Option<char> {
    Some(match accent {
        '`' => '\u{300}',
        '´' => '\u{301}',
        'ˆ' | '^' => '\u{302}',
        '˜' | '~' => '\u{303}',
        '¯' => '\u{304}',
        '˘' => '\u{306}',
        '˙' => '\u{307}',
        '¨' => '\u{308}',
        '˚' => '\u{30a}',
        '˝' => '\u{30b}',
        'ˇ' => '\u{30c}',
        '¸' => '\u{327}',
        '˛' => '\u{328}',
        '\u{300}'..='\u{36f}' => accent,
        _ => return None,
    })
}

/// The letter with an accent over it, if there is one.
pub fn accented(letter: char, accent: char) -> Option<char> {
    let letter = match letter {
        'ı' => 'i',
        'ȷ' => 'j',
        other => other,
    };
    compose(letter, combining(accent)?)
}

/// Whether the character is written from right to left: Hebrew to Arabic, and their forms.
pub fn runs_leftward(character: char) -> bool {
    matches!(character, '\u{590}'..='\u{8ff}' | '\u{fb1d}'..='\u{fdff}' | '\u{fe70}'..='\u{fefc}')
}

#[cfg(test)]
mod tests {
    use super::{accented, plain, text_string};

    #[test]
    fn text_strings_in_every_encoding() {
        let text = |bytes: &[u8]| text_string(bytes);
        assert_eq!(text(b"Plain").as_deref(), Some("Plain"));
        assert_eq!(text(b"\xfe\xff\0H\0\xe9").as_deref(), Some("Hé"));
        assert_eq!(text(b"\xff\xfeH\0\xe9\0").as_deref(), Some("Hé"));
        assert_eq!(text(b"\xef\xbb\xbfH\xc3\xa9").as_deref(), Some("Hé"));
        assert_eq!(text(b"\x84 \x92\xa0\xe9").as_deref(), Some("— ™€é"));
        assert_eq!(text(b" \0 "), None);
    }

    #[test]
    fn forms_become_letters() {
        assert_eq!(plain("o\u{fb03}ce \u{1d434}\u{ff21}m²"), "office AAm²");
        assert_eq!(plain("\u{2ed1}\u{2f64}\u{2e9f}\u{2ef3}"), "長用母龟");
        assert_eq!(plain("a\tb"), "a b");
        assert_eq!(plain("a\u{f0b7}\u{a0}b\u{200b}"), "a b");
    }

    #[test]
    fn accents_join_letters() {
        assert_eq!(accented('e', '´'), Some('é'));
        assert_eq!(accented('ı', '¨'), Some('ï'));
        assert_eq!(accented('(', '´'), None);
    }
}
