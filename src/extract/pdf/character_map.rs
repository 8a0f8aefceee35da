//! Unicode for the codes of fonts where the font library has none: through the font's character
//! collection, and from a ToUnicode map that is damaged (ISO 32000-2, 9.7 and 9.10).

use std::collections::HashMap;
use std::rc::Rc;

use hayro_font::CMapResolverFn;
use hayro_interpret::hayro_cmap::{BfString, CMap, CMapName, CidFamily};
use hayro_interpret::hayro_syntax::object::dict::keys::{
    CIDSYSTEMINFO, DESCENDANT_FONTS, ENCODING, ORDERING, REGISTRY, TO_UNICODE,
};
use hayro_interpret::hayro_syntax::object::{
    Array, Dict, Name, Object, ObjectIdentifier, Stream, String as PdfString,
};
use memchr::memmem;

/// The character maps of a document, each parsed once.
pub struct CharacterMaps {
    resolver: CMapResolverFn,
    predefined: HashMap<Vec<u8>, Option<Rc<CMap>>>,
    /// Those in the document itself; `None` for a map that the library can read.
    embedded: HashMap<(ObjectIdentifier, Use), Option<Rc<CMap>>>,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Use {
    Encoding,
    ToUnicode,
}

impl CharacterMaps {
    pub fn new(resolver: CMapResolverFn) -> Self {
        Self {
            resolver,
            predefined: HashMap::new(),
            embedded: HashMap::new(),
        }
    }

    /// The maps of one font.
    pub fn for_font(&mut self, font: &Dict<'_>) -> CharacterMap {
        CharacterMap {
            repaired: self.repaired(font),
            collection: self.collection(font),
        }
    }

    /// What can be read of a ToUnicode map that the library rejects.
    fn repaired(&mut self, font: &Dict<'_>) -> Option<Rc<CMap>> {
        let stream = font.get::<Stream<'_>>(TO_UNICODE)?;
        let resolver = self.resolver.clone();
        self.embedded(font, TO_UNICODE, Use::ToUnicode, || {
            let map = stream.decoded_data().ok()?;
            match parse(&map, &resolver) {
                Some(_) => None,
                None => parse(&entries(&map), &resolver),
            }
        })
    }

    fn collection(&mut self, font: &Dict<'_>) -> Option<Collection> {
        let descendants = font.get::<Array<'_>>(DESCENDANT_FONTS)?;
        let descendant = descendants.iter::<Dict<'_>>().next()?;
        let encoding = self.encoding(font)?;
        let named = encoding.metadata().character_collection.as_ref();
        let named = named.and_then(|named| named.family.ucs2_cmap());
        let name = named.or_else(|| family(&descendant)?.ucs2_cmap())?;
        let is_unicode = font.get::<Name<'_>>(ENCODING).is_some_and(|name| {
            let form = [&b"-UCS2-"[..], b"-UTF16-"];
            name.starts_with(b"Uni") && form.iter().any(|form| memmem::find(&name, form).is_some())
        });
        Some(Collection {
            encoding,
            is_unicode,
            characters: self.predefined(name)?,
        })
    }

    fn encoding(&mut self, font: &Dict<'_>) -> Option<Rc<CMap>> {
        let resolver = self.resolver.clone();
        match font.get::<Object<'_>>(ENCODING)? {
            Object::Name(name) => self.predefined(CMapName::from_bytes(&name)),
            Object::Stream(stream) => self.embedded(font, ENCODING, Use::Encoding, || {
                parse(&stream.decoded_data().ok()?, &resolver)
            }),
            _ => None,
        }
    }

    fn predefined(&mut self, name: CMapName<'_>) -> Option<Rc<CMap>> {
        match name {
            CMapName::IdentityH => return Some(Rc::new(CMap::identity_h())),
            CMapName::IdentityV => return Some(Rc::new(CMap::identity_v())),
            CMapName::Custom(_) => return None,
            _ => {}
        }
        let resolver = &self.resolver;
        let read = || parse(resolver(name)?, resolver).map(Rc::new);
        let known = self.predefined.entry(name.to_bytes().to_vec());
        known.or_insert_with(read).clone()
    }

    fn embedded(
        &mut self,
        font: &Dict<'_>,
        key: &[u8],
        used: Use,
        read: impl FnOnce() -> Option<CMap>,
    ) -> Option<Rc<CMap>> {
        // A stream is always an indirect object.
        let id = ObjectIdentifier::from(font.get_ref(key)?);
        let known = self.embedded.entry((id, used));
        known.or_insert_with(|| read().map(Rc::new)).clone()
    }
}

fn parse(map: &[u8], resolver: &CMapResolverFn) -> Option<CMap> {
    let resolver = resolver.clone();
    CMap::parse(map, move |name| resolver(name))
}

fn family(descendant: &Dict<'_>) -> Option<CidFamily> {
    let info = descendant.get::<Dict<'_>>(CIDSYSTEMINFO)?;
    let registry = info.get::<PdfString<'_>>(REGISTRY)?;
    let ordering = info.get::<PdfString<'_>>(ORDERING)?;
    Some(CidFamily::from_registry_ordering(&registry, &ordering))
}

/// The maps of one font that its library does not use.
#[derive(Default)]
pub struct CharacterMap {
    repaired: Option<Rc<CMap>>,
    collection: Option<Collection>,
}

impl CharacterMap {
    /// Looks a code up in the font's ToUnicode map, if that is damaged.
    pub fn in_damaged_map(&self, code: u32) -> Option<BfString> {
        self.repaired.as_ref()?.lookup_bf_string(code)
    }

    /// Looks a code up through its CID in the font's character collection.
    pub fn in_collection(&self, code: u32) -> Option<BfString> {
        self.collection.as_ref()?.lookup(code)
    }
}

/// One of Adobe's character collections for Chinese, Japanese or Korean, where a CID names a character.
struct Collection {
    /// From codes to CIDs.
    encoding: Rc<CMap>,
    /// The codes are UTF-16.
    is_unicode: bool,
    /// From CIDs to characters.
    characters: Rc<CMap>,
}

impl Collection {
    fn lookup(&self, code: u32) -> Option<BfString> {
        if self.is_unicode {
            let units = [(code >> 16) as u16, code as u16];
            let units = units.into_iter().skip_while(|unit| *unit == 0);
            let character = char::decode_utf16(units).next()?.ok()?;
            return Some(BfString::Char(character));
        }
        let cid = (1..=4).find_map(|length| self.encoding.lookup_cid_code(code, length))?;
        self.characters.lookup_bf_string(cid)
    }
}

/// The entries of a ToUnicode map that are well formed, without everything around them.
fn entries(map: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let starts: Vec<usize> = memmem::find_iter(map, b"beginbf").collect();
    let ends = starts.iter().skip(1).copied().chain([map.len()]);
    for (start, end) in starts.iter().zip(ends) {
        let section = &map[*start..end];
        let section = &section[..memmem::find(section, b"endbf").unwrap_or(section.len())];
        if let Some(section) = section.strip_prefix(b"beginbfchar") {
            let mut tokens = Tokens(section);
            while let (Some(code), Some(text)) = (tokens.next(), tokens.next()) {
                if let (Some(code), Token::Hex(text)) = (code.code(), text) {
                    push_entry(code, code, text, &mut out);
                }
            }
        } else if let Some(section) = section.strip_prefix(b"beginbfrange") {
            push_ranges(Tokens(section), &mut out);
        }
    }
    out
}

fn push_ranges(mut tokens: Tokens<'_>, out: &mut Vec<u8>) {
    while let (Some(first), Some(last), Some(text)) = (tokens.next(), tokens.next(), tokens.next())
    {
        let range = first.code().zip(last.code());
        match text {
            Token::Hex(text) => {
                if let Some((first, last)) = range {
                    push_entry(first, last, text, out);
                }
            }
            Token::Open => {
                let mut codes = range.into_iter().flat_map(|(first, last)| first..=last);
                for token in tokens.by_ref().take_while(|token| *token != Token::Close) {
                    if let (Some(code), Token::Hex(text)) = (codes.next(), token) {
                        push_entry(code, code, text, out);
                    }
                }
            }
            Token::Close => {}
        }
    }
}

/// Writes an entry whose text is given in hexadecimal digits.
fn push_entry(first: u32, last: u32, text: &[u8], out: &mut Vec<u8>) {
    let is_space = |byte: &u8| byte.is_ascii_whitespace();
    if text.iter().all(is_space) || !text.iter().all(|b| b.is_ascii_hexdigit() || is_space(b)) {
        return;
    }
    out.extend(format!("1 beginbfrange\n<{first:08x}> <{last:08x}> <").bytes());
    out.extend(text);
    out.extend(b">\nendbfrange\n");
}

#[derive(Clone, Copy, PartialEq)]
enum Token<'a> {
    /// What stands between `<` and `>`.
    Hex(&'a [u8]),
    Open,
    Close,
}

impl Token<'_> {
    fn code(self) -> Option<u32> {
        let Self::Hex(digits) = self else { return None };
        u32::from_str_radix(std::str::from_utf8(digits).ok()?.trim(), 16).ok()
    }
}

/// The strings and brackets of a map.
struct Tokens<'a>(&'a [u8]);

impl<'a> Iterator for Tokens<'a> {
    type Item = Token<'a>;

    fn next(&mut self) -> Option<Token<'a>> {
        let at = self.0.iter().position(|byte| b"<[]".contains(byte))?;
        let (sign, rest) = (self.0[at], &self.0[at + 1..]);
        let length = match sign {
            // One that is not closed is the last.
            b'<' => rest.iter().position(|byte| *byte == b'>')?,
            _ => 0,
        };
        let (inside, after) = rest.split_at(length);
        self.0 = match sign {
            b'<' => &after[1..],
            _ => after,
        };
        Some(match sign {
            b'<' => Token::Hex(inside),
            b'[' => Token::Open,
            _ => Token::Close,
        })
    }
}

#[cfg(test)]
mod tests {
    use hayro_interpret::hayro_cmap::{BfString, CMap};

    use super::entries;

    #[test]
    fn a_damaged_map_is_read_as_far_as_it_goes() {
        let map = b"/CMapName /Broken> def\n2 beginbfchar\n<01> <0041>\n<02> <>\n<03> <0042 0301>\n<zz> <0043>\n<04> <00440>\n\
            2 beginbfrange\n<0010> <0012> <0061>\n<20> <22> [<0078> <oops> <007A> <0030>]\n<30> <31> <0070>\nendbfrange\n\
            3 beginbfrange\n<40> <41> [<0071>";
        let map = CMap::parse(&entries(map), |_| None).unwrap();
        let text = |code: u32| match map.lookup_bf_string(code) {
            Some(BfString::Char(character)) => character.to_string(),
            Some(BfString::String(text)) => text,
            None => String::new(),
        };
        let read: Vec<String> = [1, 2, 3, 0x10, 0x12, 0x20, 0x21, 0x22, 0x23, 0x31, 0x40]
            .map(text)
            .to_vec();
        let expected = ["A", "", "B\u{301}", "a", "c", "x", "", "z", "", "q", "q"];
        assert_eq!(read, expected);
        assert_eq!(entries(b"beginbf beginbfchar < beginbfrange [[]]<<>>"), b"");
        let open = ["beginbfchar", &"<".repeat(4 << 20)].concat();
        assert_eq!(entries(open.as_bytes()), b"");
    }
}
