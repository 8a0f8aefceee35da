//! Layers of a document, which those who look at it can show and hide (ISO 32000-2, 8.11): what is
//! hidden until somebody shows it is not read.

use std::collections::HashSet;

use hayro_interpret::hayro_syntax::Pdf;
use hayro_interpret::hayro_syntax::object::dict::keys::{
    BASE_STATE, D, OCGS, OCMD, OCPROPERTIES, OFF, ON, P, TYPE,
};
use hayro_interpret::hayro_syntax::object::{Array, Dict, Name, ObjectIdentifier};

#[derive(Default)]
pub struct Layers {
    hidden: HashSet<ObjectIdentifier>,
}

impl Layers {
    pub fn of(pdf: &Pdf) -> Self {
        Self::as_opened(pdf).unwrap_or_default()
    }

    fn as_opened(pdf: &Pdf) -> Option<Self> {
        let catalog = pdf.xref().get::<Dict<'_>>(pdf.xref().root_id())?;
        let properties = catalog.get::<Dict<'_>>(OCPROPERTIES)?;
        let opened = properties.get::<Dict<'_>>(D)?;
        let mut hidden = HashSet::new();
        if opened.get::<Name<'_>>(BASE_STATE).as_deref() == Some(OFF) {
            hidden.extend(named(&properties, OCGS));
        }
        for shown in named(&opened, ON) {
            hidden.remove(&shown);
        }
        hidden.extend(named(&opened, OFF));
        Some(Self { hidden })
    }

    /// Whether what belongs to a layer, or to several of them, can be seen. `id` names what `content`
    /// describes, if anything does.
    pub fn shows(&self, id: Option<ObjectIdentifier>, content: &Dict<'_>) -> bool {
        let is_hidden = |layer: &ObjectIdentifier| self.hidden.contains(layer);
        let is_of_several = content.get::<Name<'_>>(TYPE).as_deref() == Some(OCMD);
        if let Some(id) = id.filter(|_| !is_of_several) {
            return !is_hidden(&id);
        }
        let layers: Vec<_> = named(content, OCGS)
            .chain(content.get_ref(OCGS).map(ObjectIdentifier::from))
            .collect();
        if layers.is_empty() {
            return true;
        }
        match content.get::<Name<'_>>(P).as_deref() {
            Some(b"AllOn") => !layers.iter().any(is_hidden),
            Some(b"AnyOff") => layers.iter().any(is_hidden),
            Some(b"AllOff") => layers.iter().all(is_hidden),
            _ => !layers.iter().all(is_hidden),
        }
    }
}

/// The objects that an array names.
fn named<'a>(dict: &Dict<'a>, key: &[u8]) -> impl Iterator<Item = ObjectIdentifier> + use<'a> {
    let array = dict.get::<Array<'_>>(key).unwrap_or_default();
    let references = array.raw_iter().filter_map(|item| item.as_obj_ref());
    references.map(ObjectIdentifier::from)
}
