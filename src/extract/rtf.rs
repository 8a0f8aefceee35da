//! Rich Text Format (1.9.1): the text between its control words.

mod destinations;
mod formatting;

use encoding_rs::{Encoding, WINDOWS_1252};

use super::asides::Asides;
use super::charset;
use super::field::Field;
use super::ole::{self, code_page};
use super::sink::{Sink, Unreadable};
use destinations::{HIDDEN, SHOWN};
use formatting::{FORMATTING, is_math_property};

/// Groups nest as deeply as their writer likes; ours to remember only so deeply.
const MOST_NESTING: usize = 1024;
/// More fonts than a document has.
const MOST_FONTS: usize = 4096;
/// Longer titles and names are cut.
const MOST_OF_INFO: usize = 1024;

/// Where text goes.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Destination {
    Text,
    Hidden,
    Fonts,
    Title,
    Author,
    /// Subject, keywords and comments.
    About,
    Created,
    /// The instruction of a field.
    Instruction,
    /// A document of another program, in hexadecimal digits.
    Object,
}

/// What the bytes of text stand for: a code page of Windows or the Macintosh, or DOS.
#[derive(Clone, Copy)]
enum Page {
    Web(&'static Encoding),
    Dos,
}

impl Page {
    fn from_number(number: u16) -> Option<Self> {
        match number {
            // Their letters are the same, but for a few.
            437 | 850 | 858 => Some(Self::Dos),
            number => code_page(number).map(Self::Web),
        }
    }

    fn decode(self, bytes: &[u8]) -> String {
        match self {
            Self::Web(encoding) => encoding.decode_without_bom_handling(bytes).0.into_owned(),
            Self::Dos => charset::decode_dos(bytes),
        }
    }
}

/// What a group leaves as it found it.
#[derive(Clone, Copy)]
struct State {
    destination: Destination,
    /// Around text that is written twice, the second time in Unicode.
    around_twice: Option<Destination>,
    encoding: Page,
    /// How many characters stand in for one of Unicode.
    substitutes: usize,
    /// How many notes and text boxes are open around it.
    asides: usize,
    /// It is a header or a footer.
    is_apart: bool,
    /// It is the result of a field that refers to a note.
    is_reference: bool,
}

struct Reader<'a, 'o, 's> {
    bytes: &'a [u8],
    out: Asides<'o, 's>,
    state: State,
    states: Vec<State>,
    /// Groups that are open beyond those remembered.
    deeper: usize,
    default: Page,
    default_font: i32,
    fonts: Vec<(i32, Page)>,
    /// The font that the table of fonts is about.
    font: i32,
    /// Bytes of text that are not decoded yet: a character may have several.
    pending: Vec<u8>,
    /// Substitutes still to be skipped.
    skip: usize,
    /// The first half of a character beyond the basic plane.
    high: Option<u16>,
    created: [i32; 5],
    /// The subject, the keywords, the comment or the instruction that is being read.
    said: String,
    /// The last field instruction refers to a note.
    refers: bool,
    /// The object that is being read, and the first half of its next byte.
    object: Vec<u8>,
    nibble: Option<u8>,
    /// Objects that are read behind the paragraph that shows them.
    objects: Vec<Vec<u8>>,
    /// The details have been passed on: they come before the text.
    told: bool,
}

pub fn read(bytes: &[u8], out: &mut Sink<'_>) -> Result<(), Unreadable> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    if !bytes.trim_ascii_start().starts_with(b"{\\rtf") {
        return Err(Unreadable::Broken("it is no RTF document".into()));
    }
    let state = State {
        destination: Destination::Text,
        around_twice: None,
        encoding: Page::Web(WINDOWS_1252),
        substitutes: 1,
        asides: 0,
        is_apart: false,
        is_reference: false,
    };
    let mut reader = Reader {
        bytes,
        out: Asides::new(out),
        state,
        states: Vec::new(),
        deeper: 0,
        default: Page::Web(WINDOWS_1252),
        default_font: -1,
        fonts: Vec::new(),
        font: -1,
        pending: Vec::new(),
        skip: 0,
        high: None,
        created: [0; 5],
        said: String::new(),
        refers: false,
        object: Vec::new(),
        nibble: None,
        objects: Vec::new(),
        told: false,
    };
    reader.read();
    Ok(())
}

impl Reader<'_, '_, '_> {
    fn read(&mut self) {
        while let Some((&byte, rest)) = self.bytes.split_first() {
            self.bytes = rest;
            match byte {
                b'{' => self.open(),
                b'}' => self.close(),
                b'\\' => self.control(),
                b'\r' | b'\n' | 0 => {}
                _ => self.byte(byte),
            }
            if self.out.is_full() {
                return;
            }
        }
        self.decode();
        self.out.flush();
        self.read_objects();
    }

    fn open(&mut self) {
        self.decode();
        self.skip = 0;
        match self.states.len() < MOST_NESTING {
            true => self.states.push(self.state),
            false => self.deeper += 1,
        }
    }

    fn close(&mut self) {
        self.decode();
        self.skip = 0;
        let closed = self.state;
        let ended = closed.destination;
        if ended == Destination::About {
            let said = std::mem::take(&mut self.said);
            self.out.sink().about(&said);
        }
        if self.deeper > 0 {
            self.deeper -= 1;
        } else if let Some(state) = self.states.pop() {
            self.state = state;
        }
        if ended == Destination::Instruction && self.state.destination != ended {
            self.instruct();
        }
        if closed.is_reference && !self.state.is_reference {
            self.out.mark();
        }
        for _ in self.state.asides..closed.asides {
            self.out.end();
        }
        if closed.is_apart && !self.state.is_apart {
            self.out.end_paragraph();
        }
        if ended == Destination::Object && self.state.destination != ended {
            self.nibble = None;
            self.objects.push(std::mem::take(&mut self.object));
        }
        if ended == Destination::Created && self.state.destination != ended {
            let [year, month, day, hour, minute] = self.created;
            if (1..=9999).contains(&year) {
                let date = format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:00");
                self.out.sink().details.date = Some(date);
            }
        }
    }

    fn control(&mut self) {
        let Some((&first, rest)) = self.bytes.split_first() else {
            return;
        };
        if !first.is_ascii_alphabetic() {
            self.bytes = rest;
            self.symbol(first);
            return;
        }
        let length = self
            .bytes
            .iter()
            .take(32)
            .take_while(|byte| byte.is_ascii_alphabetic())
            .count();
        let (word, rest) = self.bytes.split_at(length);
        let sign = usize::from(rest.first() == Some(&b'-'));
        let digits = rest[sign..]
            .iter()
            .take(10)
            .take_while(|byte| byte.is_ascii_digit())
            .count();
        let (number, mut rest) = match digits {
            0 => (None, rest),
            _ => {
                let (number, rest) = rest.split_at(sign + digits);
                (
                    std::str::from_utf8(number)
                        .ok()
                        .and_then(|number| number.parse::<i64>().ok()),
                    rest,
                )
            }
        };
        if rest.first() == Some(&b' ') {
            rest = &rest[1..];
        }
        self.bytes = rest;
        let word = std::str::from_utf8(word).unwrap_or_default();
        let number = number.map(|number| number.clamp(i32::MIN.into(), i32::MAX.into()) as i32);
        self.word(word, number);
    }

    fn symbol(&mut self, symbol: u8) {
        match symbol {
            b'\'' => {
                let byte = self.bytes.get(..2).and_then(|digits| {
                    u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
                });
                if let Some(byte) = byte {
                    self.bytes = &self.bytes[2..];
                    self.byte(byte);
                }
            }
            b'\\' | b'{' | b'}' => self.byte(symbol),
            b'~' => self.text(" "),
            b'_' => self.text("-"),
            b'\r' | b'\n' => self.end_paragraph(),
            b'\t' => self.cell(),
            // What a reader may not know it may leave out.
            b'*' => self.unknown(),
            _ => {}
        }
    }

    /// What follows `\*`: a destination that only some readers know, with text in few of them; or,
    /// as some programs write, a word that changes how the text of the group looks.
    fn unknown(&mut self) {
        let word = self.bytes.trim_ascii_start();
        let word = word.strip_prefix(b"\\").unwrap_or_default();
        let length = word
            .iter()
            .take_while(|byte| byte.is_ascii_alphabetic())
            .count();
        let word = std::str::from_utf8(&word[..length]).unwrap_or_default();
        if !SHOWN.contains(&word) && !FORMATTING.contains(&word) {
            self.state.destination = Destination::Hidden;
        }
    }

    fn word(&mut self, word: &str, number: Option<i32>) {
        match word {
            "u" => return self.unicode(number.unwrap_or(0)),
            "bin" => {
                let length = usize::try_from(number.unwrap_or(0)).unwrap_or(0);
                let (content, rest) = self.bytes.split_at(length.min(self.bytes.len()));
                if self.state.destination == Destination::Object {
                    self.object.extend_from_slice(content);
                }
                self.bytes = rest;
                return;
            }
            _ => self.decode(),
        }
        self.high = None;
        match word {
            "par" | "sect" | "row" | "nestrow" => self.end_paragraph(),
            "line" | "page" | "column" => self.line(),
            "tab" | "cell" | "nestcell" => self.cell(),
            "emdash" => self.text("—"),
            "endash" => self.text("–"),
            "lquote" => self.text("‘"),
            "rquote" => self.text("’"),
            "ldblquote" => self.text("“"),
            "rdblquote" => self.text("”"),
            "bullet" => self.text("•"),
            "emspace" | "enspace" | "qmspace" => self.text(" "),
            "uc" => {
                self.state.substitutes = usize::try_from(number.unwrap_or(1)).unwrap_or(1).min(64)
            }
            "ansicpg" => self.default_page(number.and_then(|page| u16::try_from(page).ok())),
            "mac" => self.default_page(Some(10000)),
            "pc" => self.default_page(Some(437)),
            "pca" => self.default_page(Some(850)),
            "deff" => self.default_font = number.unwrap_or(-1),
            "f" => self.choose_font(number.unwrap_or(0)),
            "plain" => self.choose_font(self.default_font),
            "fcharset" => self.character_set(number.unwrap_or(0)),
            "fonttbl" => self.enter(Destination::Fonts),
            "info" => self.enter(Destination::Hidden),
            "objdata" => self.enter(Destination::Object),
            "title" => self.about(Destination::Title),
            "author" => self.about(Destination::Author),
            "subject" | "keywords" | "doccomm" => self.about(Destination::About),
            "creatim" => self.about(Destination::Created),
            "yr" | "mo" | "dy" | "hr" | "min" if self.state.destination == Destination::Created => {
                let at = ["yr", "mo", "dy", "hr", "min"]
                    .iter()
                    .position(|part| *part == word);
                if let Some(part) = at.and_then(|at| self.created.get_mut(at)) {
                    *part = number.unwrap_or(0).clamp(0, 9999);
                }
            }
            "header" | "footer" | "headerl" | "headerr" | "headerf" | "footerl" | "footerr"
            | "footerf" => self.stand_apart(),
            "footnote" | "annotation" | "shptxt" | "dptxbxtext" => self.begin_aside(),
            // The marks of a note and of a comment, where they are counted.
            "chftn" | "chatn" if self.state.destination == Destination::Text => self.out.mark(),
            "fldinst" if self.state.destination == Destination::Text => {
                self.said.clear();
                self.enter(Destination::Instruction);
            }
            "fldrslt" if self.state.destination == Destination::Text => {
                self.state.is_reference = std::mem::take(&mut self.refers);
            }
            "upr" if self.state.around_twice.is_none() => {
                self.state.around_twice = Some(self.state.destination);
                self.enter(Destination::Hidden);
            }
            "ud" => {
                if let Some(around) = self.state.around_twice.take() {
                    self.enter(around);
                }
            }
            // Numbers and what they are divided by are words of their own.
            "mnum" | "mden" if self.state.destination == Destination::Text => self.out.space(),
            _ if HIDDEN.contains(&word) || is_math_property(word) => {
                self.enter(Destination::Hidden)
            }
            _ => {}
        }
    }

    fn enter(&mut self, destination: Destination) {
        self.state.destination = destination;
    }

    /// A note stands behind its paragraph.
    fn begin_aside(&mut self) {
        let outer = self.states.last().map_or(0, |state| state.asides);
        if self.state.destination == Destination::Text && self.state.asides == outer {
            self.state.asides += 1;
            self.out.begin();
        }
    }

    /// A header or a footer has lines of its own.
    fn stand_apart(&mut self) {
        if self.state.destination == Destination::Text {
            self.state.is_apart = true;
            self.out.end_paragraph();
        }
    }

    /// Follows the instruction of a field.
    fn instruct(&mut self) {
        let said = std::mem::take(&mut self.said);
        match Field::from_instruction(&said) {
            Field::Link(address) => self.out.add(address),
            Field::NoteReference => {
                self.refers = true;
                self.out.mark();
            }
            Field::Other => self.refers = false,
        }
    }

    /// Details stand in a group that is hidden but for them.
    fn about(&mut self, destination: Destination) {
        if self.state.destination == Destination::Hidden && self.states.len() <= 4 {
            self.state.destination = destination;
        }
    }

    fn default_page(&mut self, page: Option<u16>) {
        if let Some(encoding) = page.and_then(Page::from_number) {
            self.default = encoding;
            self.state.encoding = encoding;
        }
    }

    fn choose_font(&mut self, number: i32) {
        if self.state.destination == Destination::Fonts {
            self.font = number;
            return;
        }
        let known = self.fonts.iter().find(|(font, _)| *font == number);
        self.state.encoding = known.map_or(self.default, |(_, encoding)| *encoding);
    }

    /// The table of fonts says which code page each is for.
    fn character_set(&mut self, set: i32) {
        let page = match set {
            77 => 10000,
            128 => 932,
            129 => 949,
            134 => 936,
            136 => 950,
            161 => 1253,
            162 => 1254,
            163 => 1258,
            177 => 1255,
            178 => 1256,
            186 => 1257,
            204 => 1251,
            222 => 874,
            238 => 1250,
            254 => 437,
            _ => return,
        };
        let encoding = Page::from_number(page).filter(|_| self.fonts.len() < MOST_FONTS);
        if let Some(encoding) = encoding.filter(|_| self.state.destination == Destination::Fonts) {
            self.fonts.push((self.font, encoding));
        }
    }

    fn unicode(&mut self, number: i32) {
        if self.pending.is_empty() {
            self.skip = 0;
        } else {
            self.decode();
        }
        self.skip = self.state.substitutes;
        let unit = number as u16;
        let character = match (self.high.take(), unit) {
            (_, 0xd800..=0xdbff) => {
                self.high = Some(unit);
                return;
            }
            (Some(high), _) => char::decode_utf16([high, unit]).next().and_then(Result::ok),
            (None, _) => char::from_u32(unit.into()),
        };
        // Symbol fonts put their signs where Unicode has none.
        let character = character.filter(|c| !('\u{e000}'..='\u{f8ff}').contains(c));
        if let Some(character) = character {
            self.text(character.encode_utf8(&mut [0; 4]));
        }
    }

    fn byte(&mut self, byte: u8) {
        if self.skip > 0 {
            self.skip -= 1;
        } else if self.state.destination == Destination::Object {
            self.digit(byte);
        } else if !matches!(
            self.state.destination,
            Destination::Hidden | Destination::Fonts
        ) {
            self.pending.push(byte);
        }
    }

    fn digit(&mut self, digit: u8) {
        let Some(value) = char::from(digit).to_digit(16) else {
            return;
        };
        let value = value as u8;
        match self.nibble.take() {
            Some(first) => self.object.push(first << 4 | value),
            None => self.nibble = Some(value),
        }
    }

    fn read_objects(&mut self) {
        for object in std::mem::take(&mut self.objects) {
            self.tell();
            ole::embedded(&object, self.out.sink());
        }
    }

    fn tell(&mut self) {
        if !std::mem::replace(&mut self.told, true) {
            self.out.sink().tell();
        }
    }

    fn decode(&mut self) {
        if !self.pending.is_empty() {
            let pending = std::mem::take(&mut self.pending);
            let text = self.state.encoding.decode(&pending);
            self.text(&text);
        }
    }

    fn text(&mut self, text: &str) {
        let into = match self.state.destination {
            Destination::Text => {
                self.decode();
                self.tell();
                return self.out.text(text);
            }
            Destination::Title => &mut self.out.sink().details.title,
            Destination::Author => &mut self.out.sink().details.author,
            Destination::About => return self.said.push_str(text),
            Destination::Instruction => {
                if self.said.len() < MOST_OF_INFO {
                    self.said.push_str(text);
                }
                return;
            }
            _ => return,
        };
        let into = into.get_or_insert_default();
        if into.len() < MOST_OF_INFO {
            into.push_str(text);
        }
    }

    fn end_paragraph(&mut self) {
        if self.state.destination == Destination::Text {
            self.out.end_paragraph();
            if self.state.asides == 0 {
                self.read_objects();
            }
        }
    }

    fn line(&mut self) {
        if self.state.destination == Destination::Text {
            self.out.line();
        }
    }

    fn cell(&mut self) {
        if self.state.destination == Destination::Text {
            self.out.cell();
        }
    }
}
