//! Field instructions of word processing documents (ECMA-376-1, 17.16.5).

/// What a field shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Field<'a> {
    /// A link to another document, with its address.
    Link(&'a str),
    /// The number of a note, which is no part of the word before it.
    NoteReference,
    Other,
}

impl<'a> Field<'a> {
    /// Reads an instruction such as `HYPERLINK "https://example.org"` or `NOTEREF _Ref9 \h`.
    pub fn from_instruction(instruction: &'a str) -> Self {
        let mut words = instruction.split_whitespace();
        let kind = words.next().unwrap_or_default();
        if ["NOTEREF", "FTNREF"]
            .iter()
            .any(|name| kind.eq_ignore_ascii_case(name))
        {
            return Self::NoteReference;
        }
        let is_link = kind.split('"').next().unwrap_or_default();
        if !is_link.eq_ignore_ascii_case("HYPERLINK") {
            return Self::Other;
        }
        let address = match instruction.split('"').nth(1) {
            Some(quoted) => quoted,
            None => words.next().unwrap_or_default(),
        };
        match address.contains(':') {
            true => Self::Link(address),
            false => Self::Other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Field;

    #[test]
    fn instructions_say_what_a_field_shows() {
        let field = Field::from_instruction;
        let link = Field::Link("https://example.org/a");
        assert_eq!(field(" HYPERLINK \"https://example.org/a\" \\h"), link);
        assert_eq!(field("hyperlink https://example.org/a"), link);
        assert_eq!(field(r#"HYPERLINK \l "chapter""#), Field::Other);
        assert_eq!(field(r" NOTEREF _Ref9 \h "), Field::NoteReference);
        assert_eq!(field("PAGE"), Field::Other);
        assert_eq!(field(""), Field::Other);
    }
}
