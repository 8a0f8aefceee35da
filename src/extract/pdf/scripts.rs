//! Whether a document has scripts, which a viewer may run as soon as it is opened.

use hayro_interpret::hayro_syntax::Pdf;
use hayro_interpret::hayro_syntax::object::{Array, Dict, MaybeRef, Object};
use memchr::memchr_iter;

/// The type of action that runs a script (ISO 32000-2, 12.6.4.17), and the tree of those that a
/// document runs when it is opened (7.7.4).
const JAVASCRIPT: &[u8] = b"JavaScript";
/// Where an action has its script, and forms of another kind (XFA) have theirs.
const PLACES: [&[u8]; 2] = [b"JS", b"XFA"];
/// Direct objects lie in each other; deeper ones are nobody's.
const MOST_NESTING: usize = 64;

/// Looks at every object that is to be found, whether anything leads to it or not; and at the bytes,
/// because another reader may find other objects in a damaged document.
pub fn has_scripts(pdf: &Pdf) -> bool {
    names(pdf.data().as_ref(), &[JAVASCRIPT])
        || pdf
            .objects()
            .into_iter()
            .any(|object| may_be_script(&object) && is_script(&object, MOST_NESTING))
}

/// Whether the bytes of an object, with all that lie in it, hold any of the names. Nearly none do, and
/// taking objects apart takes longer.
fn may_be_script(object: &Object<'_>) -> bool {
    let bytes = match object {
        Object::Dict(dict) => dict.data(),
        Object::Stream(stream) => stream.dict().data(),
        Object::Array(array) => array.data(),
        _ => return false,
    };
    let [script, forms] = PLACES;
    names(bytes, &[JAVASCRIPT, script, forms])
}

fn is_script(object: &Object<'_>, depth: usize) -> bool {
    if depth == 0 {
        return true;
    }
    match object {
        Object::Dict(dict) => in_dict(dict, depth),
        Object::Stream(stream) => in_dict(stream.dict(), depth),
        Object::Array(array) => in_array(array, depth),
        _ => false,
    }
}

fn in_dict(dict: &Dict<'_>, depth: usize) -> bool {
    dict.entries().any(|(key, value)| {
        let key: &[u8] = key.as_ref();
        let is_named = |name: &[u8]| PLACES.contains(&name) || name == JAVASCRIPT;
        is_named(key)
            || match value {
                MaybeRef::Ref(_) => false,
                MaybeRef::NotRef(Object::Name(name)) => name.as_ref() == JAVASCRIPT,
                MaybeRef::NotRef(value) => is_script(&value, depth - 1),
            }
    })
}

fn in_array(array: &Array<'_>, depth: usize) -> bool {
    array.raw_iter().any(|value| match value {
        MaybeRef::Ref(_) => false,
        MaybeRef::NotRef(value) => is_script(&value, depth - 1),
    })
}

/// Whether a name stands anywhere that begins with one of these, with any of its letters as `#` and
/// two digits (7.3.5).
fn names(bytes: &[u8], these: &[&[u8]]) -> bool {
    memchr_iter(b'/', bytes).any(|at| {
        let name = &bytes[at + 1..];
        these.iter().any(|this| is_escaped(name, this))
    })
}

fn is_escaped(mut bytes: &[u8], name: &[u8]) -> bool {
    for letter in name {
        bytes = match bytes {
            [b'#', high, low, rest @ ..] if hex(*high, *low) == Some(*letter) => rest,
            [first, rest @ ..] if first == letter => rest,
            _ => return false,
        };
    }
    true
}

fn hex(high: u8, low: u8) -> Option<u8> {
    let digit = |digit: u8| char::from(digit).to_digit(16);
    u8::try_from(digit(high)? * 16 + digit(low)?).ok()
}

#[cfg(test)]
mod tests {
    use super::super::tests::{document, stream};
    use super::*;

    #[test]
    fn a_name_is_found_however_it_is_written() {
        let names_scripts = |bytes| names(bytes, &[JAVASCRIPT]);
        assert!(names_scripts(b"<</S/JavaScript/JS(app.alert(1))>>"));
        assert!(names_scripts(b"<</S /J#61vaScrip#74>>"));
        assert!(!names_scripts(b"JavaScript: /Java /JavaScrip"));
    }

    /// A document with one object more than it needs.
    fn with(object: &str) -> Pdf {
        document("", "", "", &[(10, object)])
    }

    /// An object that is in another's stream, where the bytes of the document do not show it.
    fn packed(object: &str) -> String {
        let content: String = format!("12 0 {object}")
            .bytes()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        stream(
            "/Type /ObjStm /N 1 /First 5 /Filter /ASCIIHexDecode",
            &content,
        )
    }

    #[test]
    fn scripts_are_found_wherever_they_lie() {
        let scripts = [
            "<< /S /JavaScript /JS (app.alert\\(1\\)) >>",
            "<< /S /#4aavaScrip#74 >>",
            "<< /JS 5 0 R >>",
            "<< /J#53 5 0 R >>",
            "<< /X#46A [(template) 5 0 R] >>",
            "<< /A << /Next [null [<< /#4A#53 (1) >>]] >> >>",
            "[[1 2] << /AA << /O << /JS (1) >> >> >>]",
            "<< /JS (1) /Length 1 >>\nstream\n1\nendstream",
        ];
        for script in scripts {
            assert!(has_scripts(&with(script)), "{script}");
            // A stream lies in no other.
            if !script.ends_with("endstream") {
                assert!(has_scripts(&with(&packed(script))), "{script}, packed");
            }
        }
    }

    #[test]
    fn what_only_looks_like_a_script_is_none() {
        let harmless = [
            "<< /JSON 1 /XFAB [/JS] >>",
            "<< /Contents (/JS and /XFA) >>",
            "<< /S /JS /T << /Filter /XFA >> >>",
            "<< /Length 13 >>\nstream\n<< /JS (1) >>\nendstream",
        ];
        for object in harmless {
            assert!(!has_scripts(&with(object)), "{object}");
        }
    }
}
