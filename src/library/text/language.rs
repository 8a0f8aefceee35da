//! Languages whose words have stems (Snowball), and which of them a text is in.

use std::sync::LazyLock;

use rust_stemmers::{Algorithm, Stemmer};
use whatlang::{Detector, Lang};

/// A language with a Snowball stemmer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Language {
    English,
    Danish,
    Dutch,
    Finnish,
    French,
    German,
    Hungarian,
    Italian,
    Norwegian,
    Portuguese,
    Romanian,
    Spanish,
    Swedish,
    Turkish,
    Arabic,
    Greek,
    Russian,
    Tamil,
}

/// The alphabet of a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Alphabet {
    Latin,
    Arabic,
    Cyrillic,
    Greek,
    Tamil,
}

/// A set of languages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Languages(u32);

/// Bytes of a text by which its language is known: so many at its beginning, middle and end.
const SAMPLE_BYTES: usize = 600;
/// From this confidence on, a text is in one language alone; below, its words get English stems too.
const SURE: f64 = 0.5;
/// Below, a text may be in any language, or be no language at all.
const UNSURE: f64 = 0.05;
/// The same for a text of so few words that chance decides.
const UNSURE_OF_FEW: f64 = 0.12;
const FEW_WORDS: usize = 3;

/// Languages that are told from each other: those with a stemmer, and neighbours that would be
/// mistaken for them.
static DETECTOR: LazyLock<Detector> = LazyLock::new(|| {
    let neighbours = [Lang::Ukr, Lang::Bul, Lang::Pes, Lang::Pol, Lang::Ces];
    let known = LANGUAGES.iter().map(|&(_, _, lang)| lang);
    Detector::with_allowlist(known.chain(neighbours).collect())
});

const LANGUAGES: [(Language, Algorithm, Lang); 18] = [
    (Language::English, Algorithm::English, Lang::Eng),
    (Language::Danish, Algorithm::Danish, Lang::Dan),
    (Language::Dutch, Algorithm::Dutch, Lang::Nld),
    (Language::Finnish, Algorithm::Finnish, Lang::Fin),
    (Language::French, Algorithm::French, Lang::Fra),
    (Language::German, Algorithm::German, Lang::Deu),
    (Language::Hungarian, Algorithm::Hungarian, Lang::Hun),
    (Language::Italian, Algorithm::Italian, Lang::Ita),
    (Language::Norwegian, Algorithm::Norwegian, Lang::Nob),
    (Language::Portuguese, Algorithm::Portuguese, Lang::Por),
    (Language::Romanian, Algorithm::Romanian, Lang::Ron),
    (Language::Spanish, Algorithm::Spanish, Lang::Spa),
    (Language::Swedish, Algorithm::Swedish, Lang::Swe),
    (Language::Turkish, Algorithm::Turkish, Lang::Tur),
    (Language::Arabic, Algorithm::Arabic, Lang::Ara),
    (Language::Greek, Algorithm::Greek, Lang::Ell),
    (Language::Russian, Algorithm::Russian, Lang::Rus),
    (Language::Tamil, Algorithm::Tamil, Lang::Tam),
];

impl Language {
    fn entry(self) -> (Self, Algorithm, Lang) {
        LANGUAGES[self as usize]
    }

    /// By which stems of this language are told from those of others in the index.
    pub fn code(self) -> char {
        char::from(b'a' + self as u8)
    }

    pub fn from_code(code: char) -> Option<Self> {
        let of_code = |&(language, _, _): &(Self, Algorithm, Lang)| language;
        let mut all = LANGUAGES.iter().map(of_code);
        all.find(|language| language.code() == code)
    }

    fn from_lang(lang: Lang) -> Option<Self> {
        let mut all = LANGUAGES.iter();
        all.find(|entry| entry.2 == lang).map(|entry| entry.0)
    }

    pub fn alphabet(self) -> Alphabet {
        match self {
            Self::Arabic => Alphabet::Arabic,
            Self::Greek => Alphabet::Greek,
            Self::Russian => Alphabet::Cyrillic,
            Self::Tamil => Alphabet::Tamil,
            _ => Alphabet::Latin,
        }
    }

    /// Whether stemming can change how a word begins.
    pub fn has_prefixes(self) -> bool {
        matches!(self, Self::Arabic | Self::Tamil)
    }

    /// The stem of a word in lower case.
    pub fn stem(self, word: &str) -> String {
        Stemmer::create(self.entry().1).stem(word).into_owned()
    }
}

impl Alphabet {
    /// That of the letter a word begins with.
    pub fn from_word(word: &str) -> Option<Self> {
        Some(match word.chars().next()? {
            'a'..='z' | 'A'..='Z' | '\u{C0}'..='\u{24F}' | '\u{1E00}'..='\u{1EFF}' => Self::Latin,
            '\u{370}'..='\u{3FF}' | '\u{1F00}'..='\u{1FFF}' => Self::Greek,
            '\u{400}'..='\u{52F}' => Self::Cyrillic,
            '\u{620}'..='\u{6FF}' => Self::Arabic,
            '\u{B80}'..='\u{BFF}' => Self::Tamil,
            _ => return None,
        })
    }
}

impl Languages {
    pub const NONE: Self = Self(0);
    pub const ALL: Self = Self((1 << LANGUAGES.len()) - 1);

    pub fn contains(self, language: Language) -> bool {
        self.0 & (1 << language as u32) != 0
    }

    #[must_use]
    pub fn with(self, language: Language) -> Self {
        Self(self.0 | 1 << language as u32)
    }

    #[must_use]
    pub fn without(self, language: Language) -> Self {
        Self(self.0 & !(1 << language as u32))
    }

    /// Those of one alphabet.
    #[must_use]
    pub fn of_alphabet(self, alphabet: Alphabet) -> Self {
        let first = |language: Language| 1_u32 << language as u32;
        Self(
            self.0
                & match alphabet {
                    Alphabet::Latin => first(Language::Arabic) - 1,
                    Alphabet::Arabic => first(Language::Arabic),
                    Alphabet::Greek => first(Language::Greek),
                    Alphabet::Cyrillic => first(Language::Russian),
                    Alphabet::Tamil => first(Language::Tamil),
                },
        )
    }

    pub fn iter(self) -> impl Iterator<Item = Language> {
        let all = LANGUAGES.iter().map(|&(language, _, _)| language);
        all.filter(move |&language| self.contains(language))
    }

    /// Those whose words need no knowledge of the text that they are in: English, which every text
    /// may have, and those with an alphabet of their own.
    pub fn usual() -> Self {
        Self::ALL
            .iter()
            .filter(|language| language.alphabet() != Alphabet::Latin)
            .fold(Self::NONE.with(Language::English), Self::with)
    }

    /// Those in which the words of a text are stemmed: of languages that share an alphabet, the one
    /// that the text is in, and English beside it as long as that is not certain.
    pub fn from_text(text: &str) -> Self {
        let usual = Self::usual();
        let words = sample(text);
        let Some(info) = DETECTOR.detect(&words.join(" ")) else {
            return usual;
        };
        let unsure = if words.len() < FEW_WORDS {
            UNSURE_OF_FEW
        } else {
            UNSURE
        };
        let is_sure = info.is_reliable() || info.confidence() >= SURE;
        let language = Language::from_lang(info.lang());
        match (language, info.lang()) {
            (_, Lang::Pes) => usual.without(Language::Arabic),
            (_, Lang::Ukr | Lang::Bul) if is_sure => usual.without(Language::Russian),
            (None, Lang::Pol | Lang::Ces) if is_sure => usual.without(Language::English),
            (Some(language), _) if language.alphabet() == Alphabet::Latin => match () {
                () if is_sure => usual.without(Language::English).with(language),
                () if info.confidence() >= unsure => usual.with(language),
                () => usual,
            },
            _ => usual,
        }
    }
}

/// Each word once of the beginning, the middle and the end of a text, or of all of a short one, so
/// that a word that is repeated, as in tables, counts as one.
fn sample(text: &str) -> Vec<&str> {
    let middle = (text.len() / 2).saturating_sub(SAMPLE_BYTES / 2);
    let (starts, length) = match text.len() <= 3 * SAMPLE_BYTES {
        true => ([0; 3], text.len()),
        false => ([0, middle, text.len() - SAMPLE_BYTES], SAMPLE_BYTES),
    };
    let mut words: Vec<&str> = Vec::new();
    for start in starts {
        let (from, to) = (
            text.floor_char_boundary(start),
            text.floor_char_boundary(start + length),
        );
        for word in text[from..to].split_whitespace() {
            if !words.contains(&word) {
                words.push(word);
            }
        }
        if length == text.len() {
            break;
        }
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_that_of_one_language() {
        for language in Languages::ALL.iter() {
            assert_eq!(Language::from_code(language.code()), Some(language));
            assert_eq!(LANGUAGES[language as usize].0, language);
            let alike = Languages::ALL.of_alphabet(language.alphabet());
            assert!(alike.contains(language));
            assert!(alike.iter().all(|l| l.alphabet() == language.alphabet()));
        }
    }

    #[test]
    fn a_text_is_in_its_language_and_a_short_one_may_be_english_too() {
        let of = |text: &str| {
            let latin = |language: &Language| language.alphabet() == Alphabet::Latin;
            Languages::from_text(text)
                .iter()
                .filter(latin)
                .collect::<Vec<_>>()
        };
        let german = "Die Überweisung wurde gestern ausgeführt, und die Rechnungen liegen bei. ";
        assert_eq!(of(german), [Language::German]);
        assert_eq!(of(&german.repeat(1000)), [Language::German]);
        assert_eq!(
            of("Die Rechnungen sind bezahlt").last(),
            Some(&Language::German)
        );
        let spanish = "Las facturas fueron pagadas";
        assert_eq!(of(spanish), [Language::English, Language::Spanish]);
        assert_eq!(of("Rechnungen"), [Language::English, Language::German]);
        let table = "words other words other ".repeat(100);
        assert!(of(&table).contains(&Language::English));
        for english in ["harbour", "quiet water", "the harbour and the lantern", ""] {
            assert_eq!(of(english), [Language::English], "{english}");
        }
        assert!(Languages::from_text("корабли").contains(Language::Russian));
    }

    proptest::proptest! {
        #[test]
        fn no_word_makes_a_stemmer_panic(
            word in "\\PC{0,12}|[a-zäöüßéèàçñőűışğţ]{0,14}|[а-яё]{0,14}|[α-ωάέήίόύώς]{0,14}|[\u{620}-\u{652}]{0,14}|[\u{B82}-\u{BCD}]{0,14}",
        ) {
            for language in Languages::ALL.iter() {
                language.stem(&word);
            }
        }
    }
}
