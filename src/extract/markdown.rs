//! Markdown as text: as written, except for the marks that would become parts of words.

/// Drops underscores that emphasise and backslashes that escape, outside of code. All other marks
/// separate words anyway, and help a reader of snippets.
pub fn text(markdown: String) -> String {
    if !markdown.contains(['_', '\\']) {
        return markdown;
    }
    let mut out = String::with_capacity(markdown.len());
    let mut in_fence = false;
    for line in markdown.split_inclusive('\n') {
        let start = line.trim_start();
        let is_fence = start.starts_with("```") || start.starts_with("~~~");
        in_fence ^= is_fence;
        if in_fence || is_fence {
            out.push_str(line);
        } else {
            push_line(line, &mut out);
        }
    }
    out
}

fn push_line(line: &str, out: &mut String) {
    // Between an odd and an even backquote stands code.
    for (index, part) in line.split('`').enumerate() {
        if index > 0 {
            out.push('`');
        }
        match index % 2 {
            0 => push_prose(part, out),
            _ => out.push_str(part),
        }
    }
}

fn push_prose(mut prose: &str, out: &mut String) {
    while let Some(at) = prose.find(['_', '\\']) {
        out.push_str(&prose[..at]);
        let mark = &prose[at..];
        if let Some(escaped) = mark.strip_prefix('\\') {
            let length = usize::from(escaped.starts_with(|c: char| c.is_ascii_punctuation()));
            out.push_str(if length == 0 { "\\" } else { &escaped[..1] });
            prose = &escaped[length..];
            continue;
        }
        let after = mark.trim_start_matches('_');
        let run = &mark[..mark.len() - after.len()];
        // Within a word underscores do not emphasise (CommonMark 6.2).
        let is_within = out.ends_with(char::is_alphanumeric)
            && after.starts_with(|next: char| next.is_alphanumeric());
        if is_within {
            out.push_str(run);
        }
        prose = after;
    }
    out.push_str(prose);
}

#[cfg(test)]
mod tests {
    use super::text;

    #[test]
    fn emphasis_does_not_become_part_of_words() {
        let read = text("An _old_ __boat__, snake_case and \\_init\\_ \\x.\n".to_owned());
        assert_eq!(read, "An old boat, snake_case and _init_ \\x.\n");
    }

    #[test]
    fn code_stays_as_written() {
        let code = "`_a_`\n```\n_b_ \\*\n```\n";
        assert_eq!(text(format!("{code}_c_")), format!("{code}c"));
    }

    #[test]
    fn links_and_tables_stay_as_written() {
        let plain = "[quay](https://example.org/a-b) **bold** | cell |";
        assert_eq!(text(plain.to_owned()), plain);
    }
}
