//! A selection as forms and addresses name it: `id=` for each file, `folder=` for each folder; or
//! `everything=yes` for all that lies `here`, of which a page may show only the beginning, but for
//! the files and folders that `but=` and `butfolder=` name.

use std::collections::BTreeSet;

use crate::error::{Error, Result};
use crate::library::{FileId, FolderPath, Selection, Within};

pub type Fields = Vec<(String, String)>;

/// Takes the selection out of the fields of a form; answers it and the other fields.
///
/// # Errors
/// [`Kind::Invalid`](crate::error::Kind::Invalid) for what is no id or no folder.
pub fn selection(fields: Fields) -> Result<(Selection, Fields)> {
    let mut selection = Selection::default();
    let mut others = Fields::new();
    let mut is_everything = false;
    let (mut but_files, mut but_folders) = (BTreeSet::new(), BTreeSet::new());
    for (name, value) in fields {
        match name.as_str() {
            "everything" => is_everything = value == "yes",
            "folder" => selection.folders.push(FolderPath::parse(&value)?),
            "id" => selection.files.push(id(&value)?),
            "but" => drop(but_files.insert(id(&value)?)),
            "butfolder" => drop(but_folders.insert(FolderPath::parse(&value)?)),
            _ => others.push((name, value)),
        }
    }
    if is_everything {
        let value = |wanted: &str| {
            let found = others.iter().find(|(name, _)| name == wanted);
            found.map(|(_, value)| value.as_str())
        };
        let here = value("here").ok_or_else(|| {
            Error::invalid("Everything of what? Name the folder by here=; the library is empty.")
        })?;
        selection.within = Some(Within {
            folder: FolderPath::parse(here)?,
            flat: value("flat") == Some("true"),
            but_files,
            but_folders,
        });
        // What is ticked as well is among it.
        (selection.files, selection.folders) = Default::default();
    }
    Ok((selection, others))
}

fn id(value: &str) -> Result<FileId> {
    let number = value.parse();
    number.map_err(|_| {
        Error::invalid(format!(
            "{value:?} is no id; an id is a whole number below 2^63."
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_selection_is_told_from_what_else_a_form_says() {
        let fields = [("id", "7"), ("do", "trash"), ("folder", "a/b"), ("id", "9")];
        let fields = fields.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let (selection, others) = selection(fields.into()).unwrap();
        assert_eq!(selection.files, [7, 9]);
        assert_eq!(selection.folders, [FolderPath::parse("a/b").unwrap()]);
        assert_eq!(others, [("do".to_owned(), "trash".to_owned())]);
    }

    #[test]
    fn everything_is_all_that_lies_here() {
        let read = |fields: &[(&str, &str)]| {
            let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
            selection(fields.iter().map(owned).collect()).map(|(selection, _)| selection.within)
        };
        let fields = [("everything", "yes"), ("flat", "true"), ("here", "a/b")];
        let within = read(&fields).unwrap().unwrap();
        assert_eq!((within.folder.as_str(), within.flat), ("a/b", true));
        assert_eq!(read(&fields[1..]).unwrap(), None);
        assert!(read(&fields[..1]).is_err());
    }

    #[test]
    fn what_names_nothing_is_refused() {
        for (name, value) in [("id", "seven"), ("id", ""), ("folder", "../a")] {
            assert!(
                selection(vec![(name.into(), value.into())]).is_err(),
                "{value}"
            );
        }
    }
}
