//! Varied files to upload: sizes from nothing to 8 MiB or to a given limit, names in many
//! scripts, and in each a word that occurs nowhere else.

use uuid::Uuid;

/// A file to upload; it is found by `word`, in its text if it has any and in its name if not.
pub struct Sample {
    /// Relative to the folder of the run.
    pub path: String,
    pub word: String,
    pub bytes: Vec<u8>,
}

/// The least limit that leaves every kind of sample what makes it that kind.
pub const LEAST_LARGEST: usize = 256 << 10;

/// Makes samples; the same seed gives the same kinds and sizes, with other words.
pub struct Samples {
    random: Random,
    /// No sample has more bytes.
    largest: usize,
    made: u32,
}

impl Samples {
    /// `largest` is in bytes; one below [`LEAST_LARGEST`] is taken for that.
    pub fn new(seed: u64, largest: Option<usize>) -> Self {
        Self {
            random: Random(seed),
            largest: largest.map_or(usize::MAX, |largest| largest.max(LEAST_LARGEST)),
            made: 0,
        }
    }

    /// The next of a round of twelve kinds.
    pub fn next_varied(&mut self) -> Sample {
        let n = self.made;
        self.made += 1;
        let word = unique_word();
        let prose = self.prose(&word);
        let (path, bytes) = match n % 12 {
            0 => (format!("empty/{word}.txt"), Vec::new()),
            1 => (format!("notes/{n} short.txt"), word.clone().into_bytes()),
            2 => (
                format!("notes/{n} log.md"),
                format!("# Harbour log\n\n{prose}\n").into_bytes(),
            ),
            3 => (
                format!("Überfahrt/{n} Möwe & Söhne.txt"),
                prose.into_bytes(),
            ),
            4 => (
                format!("港口/{n} 航海日誌.txt"),
                format!("今日の天気は晴れ。 {word} 港に着く。\n{prose}").into_bytes(),
            ),
            5 => (format!("tricky/{n} 50% of #1?+&=.txt"), prose.into_bytes()),
            6 => (format!("deep/a/b/c/d/e/{n} 🚢.html"), page(&prose)),
            7 => (
                format!("tables/{n}.csv"),
                format!("berth,ship\n{n},{word}\n{n},\"{prose}\"\n").into_bytes(),
            ),
            8 => (
                format!("tables/{n}.json"),
                serde_json::json!({ "berth": n, "note": prose })
                    .to_string()
                    .into_bytes(),
            ),
            9 => (format!("notes/{n} wide.txt"), utf16(&prose)),
            10 => (format!("crates/{word}.bin"), self.noise(1 << 20)),
            _ if n % 24 == 11 => (format!("crates/{word} big.bin"), self.noise(8 << 20)),
            _ => (format!("crates/{n} manifest.txt"), self.long_text(&word)),
        };
        Sample { path, word, bytes }
    }

    /// A text of 100 bytes to 16 KiB.
    pub fn next_small(&mut self) -> Sample {
        let n = self.made;
        self.made += 1;
        let word = unique_word();
        let mut text = self.prose(&word);
        let size = 100 + self.random.below(16 << 10);
        while text.len() < size {
            text.push('\n');
            text.push_str(SENTENCES[self.random.below(SENTENCES.len())]);
        }
        Sample {
            path: format!("small/{n}.txt"),
            word,
            bytes: text.into_bytes(),
        }
    }

    /// Noise of 1 to 4 MiB, or of a quarter of the limit up to it.
    pub fn next_large(&mut self) -> Sample {
        let word = unique_word();
        self.made += 1;
        let most = self.largest.min(4 << 20);
        let size = most / 4 + self.random.below(most - most / 4);
        Sample {
            path: format!("large/{word}.bin"),
            bytes: self.noise(size),
            word,
        }
    }

    /// A number below `n`, for whoever decides what to do next.
    pub fn below(&mut self, n: usize) -> usize {
        self.random.below(n)
    }

    fn prose(&mut self, word: &str) -> String {
        let mut pick = || SENTENCES[self.random.below(SENTENCES.len())];
        format!(
            "{} {} The crate is marked {word}. {}",
            pick(),
            pick(),
            pick()
        )
    }

    /// 200 KB in which the word stands near the end, so that finding it needs the whole text.
    fn long_text(&mut self, word: &str) -> Vec<u8> {
        let mut text = String::with_capacity(210_000);
        while text.len() < 200_000 {
            text.push_str(SENTENCES[self.random.below(SENTENCES.len())]);
            text.push('\n');
        }
        text.push_str(word);
        text.push('\n');
        text.into_bytes()
    }

    fn noise(&mut self, size: usize) -> Vec<u8> {
        let size = size.min(self.largest);
        let mut bytes: Vec<u8> = Vec::with_capacity(size + 8);
        while bytes.len() < size {
            bytes.extend_from_slice(&self.random.next().to_le_bytes());
        }
        bytes.truncate(size);
        bytes
    }
}

const SENTENCES: [&str; 8] = [
    "The tide turned before noon and the pilot came aboard.",
    "Two lighters lay alongside with salt and timber.",
    "Nobody had counted the barrels since the last voyage.",
    "The crane stood idle while the fog held.",
    "Rope, tar and canvas were carried to the loft.",
    "A bell rang twice and the ferry cast off.",
    "The ledger was kept dry in the harbour office.",
    "Ships come and go, and the goods stay where they are.",
];

fn page(prose: &str) -> Vec<u8> {
    format!("<!doctype html>\n<title>Arrivals</title>\n<h1>Arrivals</h1>\n<p>{prose}</p>\n")
        .into_bytes()
}

fn utf16(text: &str) -> Vec<u8> {
    let units = std::iter::once(0xFEFF).chain(text.encode_utf16());
    units.flat_map(u16::to_le_bytes).collect()
}

/// Sixteen letters from a to p: 64 random bits, and one word to every tokenizer.
pub fn unique_word() -> String {
    let bytes = Uuid::new_v4().into_bytes();
    let letter = |four_bits: u8| char::from(b'a' + four_bits);
    // Bytes 6 and 8 hold the UUID's version and variant; the first six and last two do not.
    let random = bytes[..6].iter().chain(&bytes[14..]);
    random
        .flat_map(|byte| [letter(byte >> 4), letter(byte & 15)])
        .collect()
}

/// SplitMix64 (Steele, Lea and Flood, "Fast splittable pseudorandom number generators", 2014).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    fn below(&mut self, n: usize) -> usize {
        (self.next() % n.max(1) as u64) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::library::FilePath;

    #[test]
    fn two_rounds_hold_every_kind_under_valid_and_different_paths() {
        let mut samples = Samples::new(7, None);
        let round: Vec<Sample> = (0..24).map(|_| samples.next_varied()).collect();
        for sample in &round {
            assert!(FilePath::parse(&sample.path).is_ok(), "{:?}", sample.path);
            let text = String::from_utf8_lossy(&sample.bytes).replace('\0', "");
            assert!(
                text.contains(&sample.word) || sample.path.contains(&sample.word),
                "{:?} cannot be found by its word",
                sample.path
            );
        }
        let paths: std::collections::BTreeSet<_> = round.iter().map(|s| &s.path).collect();
        assert_eq!(paths.len(), round.len());
        assert_eq!(round.iter().map(|s| s.bytes.len()).min(), Some(0));
        assert_eq!(round.iter().map(|s| s.bytes.len()).max(), Some(8 << 20));
    }

    #[test]
    fn no_sample_is_larger_than_the_limit() {
        let mut samples = Samples::new(7, Some(300_000));
        let sizes: Vec<usize> = (0..24)
            .flat_map(|_| [samples.next_varied(), samples.next_large()])
            .map(|sample| sample.bytes.len())
            .collect();
        assert!(sizes.iter().all(|size| *size <= 300_000), "{sizes:?}");
        assert!(sizes.contains(&300_000), "{sizes:?}");
    }

    #[test]
    fn the_seed_decides_sizes_and_not_words() {
        let sizes = |seed| {
            let mut samples = Samples::new(seed, None);
            (0..20)
                .map(|_| samples.next_small().bytes.len())
                .collect::<Vec<_>>()
        };
        assert_eq!(sizes(1), sizes(1));
        assert_ne!(sizes(1), sizes(2));
        assert_ne!(unique_word(), unique_word());
    }
}
