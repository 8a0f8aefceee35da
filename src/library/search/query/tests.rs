//! Tests of the query language.

use super::*;

/// 2026-03-09T12:00:00Z.
const NOW: Millis = 1_773_057_600_000;

fn read(query: &str) -> String {
    let parsed = parse(query, NOW);
    assert!(parsed.notes.is_empty(), "{query}: {:?}", parsed.notes);
    parsed.read_as
}

#[test]
fn queries_are_said_back_in_words() {
    for (query, words) in [
        ("harbour", "harbour"),
        ("harbour crane", "all of: harbour, crane"),
        ("harbour AND crane", "all of: harbour, crane"),
        (
            "harbour \"quiet water\" -crane folder:reports larger:2MB",
            "all of: harbour, phrase \"quiet water\"; not: crane; in folder reports; larger than 2 MB",
        ),
        ("harb*", "words beginning with harb"),
        ("\"quiet wat\"*", "phrase beginning with \"quiet wat\""),
        ("foo_bar", "phrase \"foo_bar\" or foobar"),
        ("e-mail", "phrase \"e-mail\" or email"),
        ("\"e-mail\"", "phrase \"e-mail\""),
        ("phoneNumber", "phoneNumber or \"phone number\""),
        ("v1.2.3", "phrase \"v1.2.3\" or \"1 2 3\""),
        ("1,234.56", "phrase \"1,234.56\" or 1234.56 or \"1234 56\""),
        ("Müller", "Müller or mueller"),
        ("inv*ce", "words like inv*ce"),
        ("*5025", "words like *5025"),
        ("Inv*C*", "words like inv*c*"),
        ("name:*5025", "words like *5025 in the name"),
        ("*.pdf", "*.pdf"),
        ("--verbose", "--verbose"),
        ("--verbose -crane", "--verbose; not: crane"),
        ("3月", "phrase beginning with \"3月\""),
        (
            "invoice 2025 OR 2026",
            "all of: invoice, any of (2025, 2026)",
        ),
        ("a OR b OR c", "any of (a, b, c)"),
        ("(a b) OR c", "any of (all of (a, b), c)"),
        ("(a OR b) OR c", "any of (any of (a, b), c)"),
        ("a -(b OR -c)", "a; not: any of (b, not c)"),
        ("a NOT b", "a; not: b"),
        ("-crane", "everything; not: crane"),
        ("--(crane)", "everything; not: crane"),
        ("a - b", "all of: a, b"),
        ("name:report", "report in the name"),
        (
            "NAME:\"annual report\"",
            "phrase \"annual report\" in the name",
        ),
        (
            "folder:\"My Files/2026/\"",
            "everything; in folder my files/2026",
        ),
        ("type:image/*", "everything; of type image"),
        ("tag:Büro", "everything; tagged buro"),
        (
            "after:2026-02 before:7d",
            "everything; changed since 2026-02-01; changed before 2026-03-02",
        ),
        ("smaller:1.5MiB", "everything; smaller than 1.5 MiB"),
        ("水", "words beginning with 水"),
        ("東京都", "phrase \"東京都\""),
        ("東京", "東京"),
        ("https://example.org/a", "phrase \"https://example.org/a\""),
        ("12:30", "phrase \"12:30\""),
        ("“quiet water”", "phrase \"quiet water\""),
        ("a folder:/", "a"),
    ] {
        assert_eq!(read(query), words, "{query}");
    }
}

#[test]
fn broken_queries_still_search_and_say_so() {
    for (query, words, note) in [
        (
            "",
            "nothing",
            "There is nothing to search for; type a word.",
        ),
        (
            "  \t",
            "nothing",
            "There is nothing to search for; type a word.",
        ),
        (
            "++ a",
            "a",
            "\"++\" has no letters or digits; it was left out.",
        ),
        (
            "foo \"bar baz",
            "all of: foo, phrase \"bar baz\"",
            "The quote after \"foo\" is not closed; it was taken to the end.",
        ),
        (
            "\"bar baz",
            "phrase \"bar baz\"",
            "The quote at the beginning is not closed; it was taken to the end.",
        ),
        (
            "(a b",
            "all of: a, b",
            "A parenthesis is not closed; it was closed at the end.",
        ),
        (
            "a) b",
            "all of: a, b",
            "A closing parenthesis has no opening one; it was left out.",
        ),
        ("OR a", "a", "An OR has nothing before it; it was left out."),
        ("a OR", "a", "An OR has nothing after it; it was left out."),
        ("name: a", "a", "\"name:\" has no value; it was left out."),
        ("type:/ a", "a", "\"type:\" has no value; it was left out."),
        (
            "a tag:\" \"",
            "a",
            "\"tag:\" has no value; it was left out.",
        ),
        (
            "tag:tax*",
            "everything; tagged tax",
            "\"tag:\" takes no *; it was ignored.",
        ),
        (
            "東*京",
            "phrase beginning with \"東*京\"",
            "A * stands for letters of a single word outside quotes; in \"東*京\" it was ignored.",
        ),
        (
            "\"inv*ce\" a",
            "all of: phrase \"inv*ce\", a",
            "A * stands for letters of a single word outside quotes; in \"\"inv*ce\"\" it was ignored.",
        ),
        (
            "foo*-bar*baz",
            "phrase \"foo*-bar*baz\"",
            "A * stands for letters of a single word outside quotes; in \"foo*-bar*baz\" it was ignored.",
        ),
        (
            "larger:big",
            "phrase \"larger:big\"",
            "\"big\" is not a size such as 500KB or 2MiB; \"larger:\" was taken as a plain word.",
        ),
        (
            "after:never",
            "phrase \"after:never\"",
            "\"never\" is not a date such as 2026, 2026-03, 2026-03-09 or 7d (7 days ago); \"after:\" was taken as a plain word.",
        ),
        (
            "author:me",
            "phrase \"author:me\"",
            "\"author:\" is not a filter and was taken as a plain word; there are name:, folder:, type:, tag:, after:, before:, larger:, smaller:.",
        ),
    ] {
        let parsed = parse(query, NOW);
        assert_eq!(parsed.read_as, words, "{query}");
        assert!(
            parsed.notes.iter().any(|have| have == note),
            "{query}: {:?}",
            parsed.notes
        );
    }
}

#[test]
fn absurd_queries_are_bounded() {
    let parens = parse(&"(".repeat(10_000), NOW);
    assert!(parens.root.is_none());
    assert!(parens.notes.len() <= MAX_NOTES);

    let nested = format!("{}a{} b", "(".repeat(1000), ")".repeat(1000));
    assert_eq!(parse(&nested, NOW).read_as, "all of: a, b");

    let negated = format!("{}a", "-(b ".repeat(1000));
    assert!(parse(&negated, NOW).root.is_some());

    let quotes = parse(&"\"".repeat(1 << 20), NOW);
    assert!(quotes.notes[0].contains("only the first 4096"));

    let many = (0..1000).map(|n| format!("w{n} ")).collect::<String>();
    let Some(Node::All(nodes)) = parse(&many, NOW).root else {
        panic!()
    };
    assert_eq!(nodes.len(), MAX_TERMS);

    for ending in [":me", ":*"] {
        let long_key = parse(&format!("{}{ending}", "x".repeat(4000)), NOW);
        assert!(long_key.notes.iter().all(|note| note.len() < 300));
    }

    let long = parse(&"x".repeat(100_000), NOW);
    assert!(long.read_as.len() < 100);
}

proptest::proptest! {
    #[test]
    fn no_query_panics(query in "\\PC{0,80}") {
        parse(&query, NOW);
    }

    #[test]
    fn no_combination_of_operators_panics(
        pieces in proptest::collection::vec(
            proptest::sample::select(vec![
                "a", "\"", "(", ")", "-", " ", "OR", " OR ", "NOT ", "name:", "folder:", "after:", "larger:",
                "*", "2026", "7d", "水", "é", "\u{301}", ":", "/",
            ]),
            0..60,
        )
    ) {
        let query: String = pieces.concat();
        let parsed = parse(&query, NOW);
        proptest::prop_assert!(parsed.notes.len() <= MAX_NOTES);
    }
}
