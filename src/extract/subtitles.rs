//! Subtitles in the formats of SubStation Alpha (ASS, SSA): what is said, without times and looks.

/// Fields of a line of dialogue before its text, unless the file says otherwise.
const FIELDS: usize = 9;

/// The lines of dialogue as they are read, and everything else as it stands.
pub fn text(document: &str) -> String {
    let mut out = String::with_capacity(document.len());
    let (mut fields, mut in_events) = (FIELDS, false);
    for line in document.lines() {
        if line.starts_with('[') {
            in_events = line.eq_ignore_ascii_case("[Events]");
        }
        let dialogue = line
            .strip_prefix("Dialogue:")
            .or_else(|| line.strip_prefix("Comment:"));
        match dialogue.filter(|_| in_events) {
            Some(dialogue) => {
                let said = dialogue
                    .splitn(fields + 1, ',')
                    .nth(fields)
                    .unwrap_or_default();
                push_said(said, &mut out);
            }
            None => {
                if let Some(format) = line.strip_prefix("Format:").filter(|_| in_events) {
                    fields = format.matches(',').count();
                }
                out.push_str(line);
            }
        }
        out.push('\n');
    }
    out
}

/// Without what stands in braces, and with line ends and spaces for what is written for them.
fn push_said(said: &str, out: &mut String) {
    let mut chars = said.chars().peekable();
    while let Some(character) = chars.next() {
        match (character, chars.peek()) {
            ('{', _) => {
                chars.by_ref().find(|c| *c == '}');
            }
            ('\\', Some('N' | 'n')) => {
                chars.next();
                out.push('\n');
            }
            ('\\', Some('h')) => {
                chars.next();
                out.push(' ');
            }
            (character, _) => out.push(character),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::text;

    #[test]
    fn what_is_said_is_read() {
        let file = "[Script Info]\nTitle: Tides\n[Events]\nFormat: Layer, Start, End, Style, Name, MarginL, MarginR, MarginV, Effect, Text\n\
            Dialogue: 0,0:00:01.00,0:00:02.00,Default,Ada,0,0,0,,High\\Nwater, {\\i1}qu{\\i0}ay\\hend\nDialogue: 0\n";
        let found = text(file);
        assert!(found.contains("\nHigh\nwater, quay end\n"), "{found:?}");
        assert!(found.contains("Title: Tides"));
        assert_eq!(
            text("[Events]\nFormat: Start, Text\nDialogue: 1,a\\nb"),
            "[Events]\nFormat: Start, Text\na\nb\n"
        );
    }
}
