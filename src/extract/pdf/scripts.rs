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
    names_scripts(pdf.data().as_ref())
        || pdf
            .objects()
            .into_iter()
            .any(|object| is_script(&object, MOST_NESTING))
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

/// Whether the name stands anywhere, with any of its letters as `#` and two digits (7.3.5).
fn names_scripts(bytes: &[u8]) -> bool {
    memchr_iter(b'/', bytes).any(|at| is_escaped_script(&bytes[at + 1..]))
}

fn is_escaped_script(mut bytes: &[u8]) -> bool {
    for letter in JAVASCRIPT {
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
    use super::*;

    #[test]
    fn a_name_is_found_however_it_is_written() {
        assert!(names_scripts(b"<</S/JavaScript/JS(app.alert(1))>>"));
        assert!(names_scripts(b"<</S /J#61vaScrip#74>>"));
        assert!(!names_scripts(b"JavaScript: /Java /JavaScrip"));
    }
}
