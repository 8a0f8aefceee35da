//! How a folder is looked at: in which order, with or without what lies deeper, in which shape.
//!
//! It travels in the address, so that links, the back button and pages without scripts keep it.

use crate::library::{FolderPath, Sort, Sorting};
use crate::web::selection::Fields;

use super::show::folder_url;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct View {
    pub sort: Sort,
    pub reverse: bool,
    /// All files below the folder, however deep, and no folders.
    pub flat: bool,
    pub grid: bool,
}

impl View {
    pub fn sorting(self) -> Sorting {
        Sorting {
            by: self.sort,
            reversed: self.reverse,
        }
    }

    /// The address of a folder, looked at like this.
    pub fn of(self, folder: &FolderPath) -> String {
        let page = folder_url(folder);
        match self.query() {
            query if query.is_empty() => page,
            query => format!("{page}?{query}"),
        }
    }

    /// Only what differs from how a folder is shown at first.
    fn query(self) -> String {
        self.fields()
            .map(|(name, value)| format!("{name}={value}"))
            .collect::<Vec<_>>()
            .join("&")
    }

    /// As fields of a form or an address.
    pub fn fields(self) -> impl Iterator<Item = (&'static str, &'static str)> {
        let sort = (self.sort != Sort::default()).then(|| ("sort", word(self.sort)));
        let flags = [
            ("reverse", self.reverse),
            ("flat", self.flat),
            ("grid", self.grid),
        ];
        let set = flags.into_iter().filter(|(_, is_set)| *is_set);
        sort.into_iter().chain(set.map(|(name, _)| (name, "true")))
    }

    /// From the fields of a form; what is none of ours is passed over.
    pub fn among(fields: &Fields) -> Self {
        let value = |wanted: &str| {
            let found = fields.iter().find(|(name, _)| name == wanted);
            found.map(|(_, value)| value.as_str())
        };
        let sorts = [Sort::Name, Sort::Time, Sort::Size];
        let sort = sorts
            .into_iter()
            .find(|sort| value("sort") == Some(word(*sort)));
        Self {
            sort: sort.unwrap_or_default(),
            reverse: value("reverse") == Some("true"),
            flat: value("flat") == Some("true"),
            grid: value("grid") == Some("true"),
        }
    }
}

/// As it stands in the address.
fn word(sort: Sort) -> &'static str {
    match sort {
        Sort::Name => "name",
        Sort::Time => "time",
        Sort::Size => "size",
    }
}

/// A way to look at the same folder, as a link unless it is the current one.
pub struct Way {
    pub url: String,
    pub label: &'static str,
    pub current: bool,
}

impl Way {
    /// The orders; choosing the current one again turns it round.
    pub fn orders(folder: &FolderPath, view: View) -> [Self; 3] {
        let labels = |sort| match (sort, view.sort == sort && view.reverse) {
            (Sort::Name, false) => "name",
            (Sort::Name, true) => "name, from the end",
            (Sort::Time, false) => "newest",
            (Sort::Time, true) => "oldest",
            (Sort::Size, false) => "largest",
            (Sort::Size, true) => "smallest",
        };
        [Sort::Name, Sort::Time, Sort::Size].map(|sort| {
            let current = sort == view.sort;
            let reverse = current && !view.reverse;
            Self {
                url: View {
                    sort,
                    reverse,
                    ..view
                }
                .of(folder),
                label: labels(sort),
                current,
            }
        })
    }

    pub fn depths(folder: &FolderPath, view: View) -> [Self; 2] {
        [(false, "folders"), (true, "all files")].map(|(flat, label)| Self {
            url: View { flat, ..view }.of(folder),
            label,
            current: flat == view.flat,
        })
    }

    pub fn shapes(folder: &FolderPath, view: View) -> [Self; 2] {
        [(false, "list"), (true, "grid")].map(|(grid, label)| Self {
            url: View { grid, ..view }.of(folder),
            label,
            current: grid == view.grid,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_view_survives_its_address() {
        let view = View {
            sort: Sort::Size,
            reverse: true,
            flat: true,
            grid: true,
        };
        let folder = FolderPath::parse("a b").unwrap();
        assert_eq!(
            view.of(&folder),
            "/browse/a%20b?sort=size&reverse=true&flat=true&grid=true"
        );
        let fields = view
            .fields()
            .map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(View::among(&fields.collect()), view);
        assert_eq!(View::default().of(&FolderPath::default()), "/");
    }

    #[test]
    fn the_current_order_is_turned_round() {
        let folder = FolderPath::default();
        let [name, newest, _] = Way::orders(&folder, View::default());
        assert!(name.current);
        assert_eq!(name.url, "/?reverse=true");
        assert_eq!(
            (newest.current, newest.url.as_str()),
            (false, "/?sort=time")
        );
    }
}
