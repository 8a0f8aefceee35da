//! Tests of the tokenizer.

use super::*;

/// Stems begin with `~` here, and parts with `+`.
fn tokens(text: &str) -> Vec<(usize, String)> {
    let tokens = WordTokenizer::for_short().tokens_in(Languages::usual(), text);
    let shown = |token: Token| {
        let text = match token.text.strip_prefix(STEM_MARK) {
            Some(stem) => format!("~{}", &stem[1..]),
            None => token.text.replace(PART_MARK, "+"),
        };
        (token.position, text)
    };
    tokens.tokens.into_iter().map(shown).collect()
}

fn texts(text: &str) -> Vec<String> {
    tokens(text).into_iter().map(|(_, text)| text).collect()
}

#[test]
fn case_accents_and_typography_do_not_matter() {
    for (written, folded) in [
        ("Ärger", "arger"),
        ("A\u{308}rger", "arger"),
        ("Straße", "strasse"),
        ("STRAẞE", "strasse"),
        ("Ærø", "aero"),
        ("Łódź", "lodz"),
        ("İstanbul", "istanbul"),
        ("ΟΔΟΣ", "οδοσ"),
        ("Ёлка", "елка"),
        ("ﬁn", "fin"),
        ("Ｗｉｄｅ", "wide"),
        ("m²", "m2"),
        ("do\u{AD}nau", "donau"),
        ("שָׁלוֹם", "שלום"),
        ("हिन्दी", "हिन्दी"),
        ("٢٠٢٤", "2024"),
        ("۱۴۰۲", "1402"),
        ("२०२४", "2024"),
        ("๒๕๖๗", "2567"),
        ("𝟐𝟎", "20"),
        ("𑁦𑁧", "01"),
        ("علی", "علي"),
        ("کتاب", "كتاب"),
        ("مدرسة", "مدرسه"),
        ("أحمد", "احمد"),
        ("می\u{200C}خواهم", "ميخواهم"),
        ("क्\u{200D}ष", "क्ष"),
        ("wo\u{200B}r\u{2060}d\u{34F}s", "words"),
        ("\u{202A}שלו\u{200E}ם\u{202C}", "שלום"),
        ("ﬀ\u{FEFF}x", "ffx"),
        ("ŉ", "n"),
    ] {
        let got = texts(written);
        assert_eq!(
            got.first().map(String::as_str),
            Some(folded),
            "{written}: {got:?}"
        );
    }
}

#[test]
fn a_stem_stands_beside_its_word_and_marked() {
    assert_eq!(
        tokens("running the runs"),
        [
            (0, "running"),
            (0, "~run"),
            (1, "the"),
            (2, "runs"),
            (2, "~run")
        ]
        .map(|(position, text)| (position, text.to_owned()))
    );
    let english = |word| stems(word).swap_remove(0);
    assert_eq!(english("run"), (Language::English, "run".into()));
    assert_eq!(english("internationalization").1, "internation");
    let german = Languages::NONE.with(Language::German);
    let tokens = WordTokenizer::for_short().tokens_in(german, "Häuser");
    let texts: Vec<String> = tokens.tokens.into_iter().map(|t| t.text).collect();
    let marked = stem_term(Language::German, "haus");
    assert_eq!(texts, ["hauser".into(), marked, part_term("haeuser")]);
}

#[test]
fn identifiers_paths_and_addresses_fall_into_parts() {
    let unstemmed = |text| {
        texts(text)
            .into_iter()
            .filter(|t| !t.starts_with('~'))
            .collect::<Vec<_>>()
    };
    for (text, words) in [
        ("foo_bar", "foo +foobar bar"),
        ("v1.2.3", "v1 +1 2 3"),
        ("/usr/lib x@y.org", "usr lib x y org .org"),
        ("getHTTPServer x", "gethttpserver +get +http +server x"),
        ("getUsers x", "getusers +get +users x"),
        ("aGVsbG8gd29ybGQ", "agvsbg8gd29ybgq"),
        ("NASA iPhone", "nasa iphone"),
        (
            "Invoice2024 DSC0123",
            "invoice2024 +invoice +2024 dsc0123 +dsc +0123",
        ),
        (
            "Überschrift3 größeÄndern",
            "uberschrift3 +ueberschrift3 +uberschrift +3 großeandern",
        ),
        ("A4 20kg 7f3a9c1", "a4 +4 20kg +20 +kg 7f3a9c1"),
        (
            "getAValue A4Format aB",
            "getavalue +get +value a4format +4 +format ab",
        ),
        (
            "C++ c++11 F# (.NET) asp.net a#b",
            "c c++ c c++ 11 f f# net .net asp net .net a b",
        ),
        ("x = a.b.c(); i++ + j", "x a b c i i++ j"),
        ("e-mail's wi‑fi", "e +email mail s wi +wifi fi"),
        (
            "O'Neil O’Neil OʼNeil O`Neil the harbour's",
            "o +oneil neil o +oneil neil o +oneil neil o +oneil neil the harbour s",
        ),
        ("Hawaiʻi п'ять", "hawai +hawaii i п +пять ять"),
        (
            "1,234.56 1.234,56 1\u{202F}234 1'234 1234.56",
            "1 +1234.56 +1234 234 56 1 +1234.56 +1234 234 56 1 +1234 234 1 +1234 234 1234 +1234.56 56",
        ),
        ("978-3-16-148410-0", "978 +9783161484100 3 16 148410 0"),
        (
            "12.03.2024 how-to-do-it-well",
            "12 03 2024 how to do it well",
        ),
        (
            "tele-\nphone box Wi-\nFi a - b",
            "tele telephone phone telephone box wi fi a b",
        ),
        (
            "🎉 ok👍🏽 👩\u{200D}💻 🇩🇪🇪🇸 ❤\u{FE0F}",
            "🎉 ok 👍 👩 💻 🇩🇪 🇪🇸 ❤",
        ),
    ] {
        let words = words.replace(
            "großeandern",
            "grosseandern +groesseaendern +grosse +andern",
        );
        let words: Vec<&str> = words.split(' ').collect();
        assert_eq!(unstemmed(text), words, "{text}");
    }
    assert_eq!(
        tokens("getUsers x")[3..5],
        [(0, "+users".to_owned()), (0, "~user".to_owned())]
    );
}

#[test]
fn dense_scripts_become_pairs_that_keep_positions() {
    assert_eq!(
        tokens("東京都 2026年"),
        [(0, "東京"), (1, "京都"), (2, "都"), (3, "2026"), (4, "年")]
            .map(|(position, text)| (position, text.to_owned()))
    );
    assert_eq!(texts("한국어"), ["한국", "국어", "어"]);
    assert_eq!(texts("ｶﾞｽ"), texts("ガス"));
    assert_eq!(texts("か\u{3099}く"), texts("がく"));
    assert_eq!(
        query_words("東京都x"),
        [(0, "東京"), (1, "京都"), (3, "x")].map(|(at, word)| (at, word.to_owned()))
    );
    let spread = [
        (0, "海岸"),
        (1, "岸線"),
        (2, "線"),
        (3, "x"),
        (4, "海"),
        (5, "岸"),
    ];
    let spread = spread.map(|(position, text)| (position, text.to_owned()));
    assert_eq!(tokens("海\n岸  \r\n\u{3000}線x海\n\n岸"), spread);
    assert_eq!(texts("한국\n어"), ["한국", "국", "어"]);
    // SARA AM, composed or not, with the tone before or behind its mark.
    for (composed, others) in [
        ("น้ำใจ", ["น้\u{E4D}าใจ", "น\u{E4D}้าใจ"]),
        ("ນ້ຳ", ["ນ້\u{ECD}າ", "ນ\u{ECD}້າ"]),
    ] {
        for other in others {
            assert_eq!(texts(composed), texts(other));
        }
    }
    assert_ne!(texts("ทำ"), texts("ทา"));
    assert_eq!(texts("⼭⽔"), texts("山水"));
    assert_eq!(texts("ភាសា\u{200B}ខ្មែរ"), texts("ភាសាខ្មែរ"));
    assert_eq!(texts("葛\u{E0100}城"), texts("葛城"));
    assert!(is_lone("水"));
    assert!(!is_lone("水道"));
    assert!(!is_lone("w"));
}

#[test]
fn long_words_are_cut_and_keep_their_position() {
    let long = format!("a {} b", "ü".repeat(5000));
    let got = tokens(&long);
    assert_eq!(got[1], (1, "u".repeat(MAX_WORD_BYTES)));
    assert_eq!(got[2].0, 2);
}

#[test]
fn counting_agrees_with_tokenizing() {
    let text = "Hello, wörld\u{301}! 東京タワーTokyo snake_case camelCase ปลาวาฬ 12:30 a\u{AD}b 한글 ok\u{AD} 🎉🎉 海\n岸 tele-\nphone می\u{200C}خواهم น้ำ e-mail C++";
    let mut starts: Vec<usize> = Vec::new();
    let mut tokenizer = WordTokenizer::default();
    let mut stream = tokenizer.token_stream(text);
    while let Some(token) = stream.next() {
        if token.position == starts.len() {
            starts.push(token.offset_from);
        }
    }
    assert_eq!(starts, positions(text).collect::<Vec<_>>());
    assert_eq!(count(text), starts.len() as u64);
}

#[test]
fn a_cut_splits_a_word_only_inside_one() {
    assert!(splits_word("ab", 1));
    assert!(!splits_word("a b", 1));
    assert!(!splits_word("東京", 3));
    assert!(!splits_word("a京", 1));
    assert!(!splits_word("ab", 2));
}

proptest::proptest! {
    #[test]
    fn any_text_is_counted_as_it_is_tokenized(text in "\\PC{0,200}") {
        let highest = tokens(&text).last().map_or(0, |(position, _)| position + 1);
        let sources = WordTokenizer::default().tokens_in(Languages::ALL, &text).tokens;
        for token in sources {
            proptest::prop_assert!(text.get(token.offset_from..token.offset_to).is_some());
        }
        // Words of nothing but dropped marks have a position and no token.
        proptest::prop_assert!(highest as u64 <= count(&text));
        for (_, token) in tokens(&text) {
            proptest::prop_assert!(!token.is_empty() && token.len() <= MAX_WORD_BYTES);
        }
    }

    #[test]
    fn folding_twice_changes_nothing(text in "\\PC{0,60}") {
        let once = fold(&text);
        proptest::prop_assert_eq!(fold(&once), once);
        let once = fold_word(&text);
        proptest::prop_assert_eq!(fold_word(&once), once);
    }
}
