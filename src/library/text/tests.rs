//! Tests of the tokenizer.

use super::*;

fn tokens(text: &str) -> Vec<(usize, String)> {
    let mut tokenizer = WordTokenizer::default();
    let mut stream = tokenizer.token_stream(text);
    let mut tokens = Vec::new();
    while let Some(token) = stream.next() {
        tokens.push((token.position, token.text.replace(STEM_MARK, "~")));
    }
    tokens
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
    assert_eq!(stem("run"), None);
    assert_eq!(stem("internationalization").as_deref(), Some("internation"));
}

#[test]
fn identifiers_paths_and_addresses_fall_into_parts() {
    assert_eq!(texts("foo_bar"), ["foo", "bar"]);
    assert_eq!(texts("v1.2.3"), ["v1", "2", "3"]);
    assert_eq!(
        texts("C++ /usr/lib x@y.org"),
        ["c", "usr", "lib", "x", "y", "org"]
    );
    let plain = |text| {
        texts(text)
            .into_iter()
            .filter(|t| !t.starts_with('~'))
            .collect::<Vec<_>>()
    };
    assert_eq!(
        plain("getHTTPServer x"),
        ["gethttpserver", "get", "http", "server", "x"]
    );
    assert_eq!(
        tokens("getUsers x")[3..5],
        [(0, "users".to_owned()), (0, "~user".to_owned())]
    );
    assert_eq!(plain("aGVsbG8gd29ybGQ"), ["agvsbg8gd29ybgq"]);
    assert_eq!(texts("NASA iPhone"), ["nasa", "iphone", "~iphon"]);
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
    let text = "Hello, wörld\u{301}! 東京タワーTokyo snake_case camelCase ปลาวาฬ 12:30 a\u{AD}b 한글 ok\u{AD}";
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
    }
}
