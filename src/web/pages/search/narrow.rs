//! What a search can be narrowed down to, and what it is narrowed down to already.

use super::address::Seek;
use crate::library::FolderPath;
use crate::library::search::{Class, Count, Facets, Order, SizeClass};
use crate::library::text::fold;
use crate::web::pages::rows::Link;
use crate::web::pages::show::{self, name};

/// Values of one facet.
pub struct Group {
    /// What it is called in an address, too.
    pub word: &'static str,
    pub title: &'static str,
    pub values: Vec<Value>,
}

/// A link that chooses a value, or takes the choice back.
pub struct Value {
    pub label: String,
    pub count: show::Count,
    pub url: String,
    pub is_chosen: bool,
}

/// A way to order what was found, as a link.
pub struct Way {
    pub url: String,
    pub label: &'static str,
    pub is_current: bool,
}

/// The facets in which there is something to choose or to take back.
pub fn groups(seek: &Seek, facets: &Facets) -> Vec<Group> {
    type Set = fn(&mut Seek, String);
    let group =
        |word, title, counts: &[Count], chosen: &str, label: fn(&str) -> String, set: Set| {
            let is_chosen = |value: &str| !chosen.is_empty() && fold(value) == fold(chosen);
            let value = |value: &str, count| {
                let is_chosen = is_chosen(value);
                let next = if is_chosen {
                    String::new()
                } else {
                    value.to_owned()
                };
                Value {
                    label: label(value),
                    count: show::Count(count),
                    url: seek.with(|seek| set(seek, next)).url(),
                    is_chosen,
                }
            };
            let mut values: Vec<Value> = counts
                .iter()
                .map(|count| value(&count.value, count.count))
                .collect();
            // What was chosen can be taken back though nothing else is left of it.
            if !chosen.is_empty() && !values.iter().any(|value| value.is_chosen) {
                values.push(value(chosen, 0));
            }
            Group {
                word,
                title,
                values,
            }
        };
    let all = [
        group(
            "type",
            "Type",
            &facets.types,
            &seek.r#type,
            class,
            |seek, value| {
                seek.r#type = value;
            },
        ),
        group(
            "folder",
            "Folder",
            &facets.folders,
            "",
            last_part,
            |seek, value| {
                seek.folder = value;
            },
        ),
        group(
            "tag",
            "Tag",
            &facets.tags,
            &seek.tag,
            name,
            |seek, value| {
                seek.tag = value;
            },
        ),
        group(
            "year",
            "Year",
            &facets.years,
            &seek.year,
            name,
            |seek, value| {
                seek.year = value;
            },
        ),
        group(
            "size",
            "Size",
            &facets.sizes,
            &seek.size,
            size,
            |seek, value| {
                seek.size = value;
            },
        ),
    ];
    let all = all.into_iter();
    all.filter(|group| !group.values.is_empty()).collect()
}

/// What the search is narrowed down to, each as a link that takes it back.
pub fn chosen(seek: &Seek) -> Vec<Link> {
    type Forget = fn(&mut Seek);
    let folder = format!("in {}", seek.folder);
    let all: [(&str, String, Forget); 5] = [
        (&seek.folder, folder, |seek| seek.folder.clear()),
        (&seek.r#type, class(&seek.r#type), |seek| {
            seek.r#type.clear()
        }),
        (&seek.tag, seek.tag.clone(), |seek| seek.tag.clear()),
        (&seek.year, seek.year.clone(), |seek| seek.year.clear()),
        (&seek.size, size(&seek.size), |seek| seek.size.clear()),
    ];
    let given = all.into_iter().filter(|(value, ..)| !value.is_empty());
    given
        .map(|(_, label, forget)| Link {
            url: seek.with(forget).url(),
            name: name(&label),
        })
        .collect()
}

/// The folder around the one that is searched; nothing around the library itself.
pub fn above(seek: &Seek) -> Option<Link> {
    let folder = FolderPath::parse(&seek.folder).ok()?;
    let parent = folder.parent().filter(|parent| !parent.is_root())?;
    Some(Link {
        url: seek
            .with(|seek| seek.folder = parent.as_str().to_owned())
            .url(),
        name: name(parent.name()),
    })
}

/// The orders; choosing the current one again turns it round.
pub fn orders(seek: &Seek) -> [Way; 4] {
    [Order::Relevance, Order::Newest, Order::Name, Order::Largest].map(|order| {
        let is_current = seek.sort == order || seek.sort == order.reversed();
        let shown = if is_current { seek.sort } else { order };
        let next = if is_current { shown.reversed() } else { order };
        Way {
            url: seek.with(|seek| seek.sort = next).url(),
            label: match shown {
                Order::Relevance => "relevance",
                Order::Newest => "newest",
                Order::Oldest => "oldest",
                Order::Name => "name",
                Order::NameReversed => "name, from the end",
                Order::Largest => "largest",
                Order::Smallest => "smallest",
            },
            is_current,
        }
    })
}

fn last_part(folder: &str) -> String {
    name(folder.rsplit('/').next().unwrap_or(folder))
}

fn class(word: &str) -> String {
    let label = match Class::from_word(word) {
        Some(Class::Pdf) => "PDF",
        Some(Class::Document) => "Documents",
        Some(Class::Spreadsheet) => "Spreadsheets",
        Some(Class::Presentation) => "Presentations",
        Some(Class::Book) => "Books",
        Some(Class::Mail) => "E-mail",
        Some(Class::Web) => "Web pages",
        Some(Class::Text) => "Text",
        Some(Class::Code) => "Code",
        Some(Class::Data) => "Data",
        Some(Class::Image) => "Images",
        Some(Class::Audio) => "Audio",
        Some(Class::Video) => "Video",
        Some(Class::Archive) => "Archives",
        Some(Class::Other) => "Other",
        None => word,
    };
    label.to_owned()
}

fn size(word: &str) -> String {
    let label = match SizeClass::from_word(word) {
        Some(SizeClass::Tiny) => "under 100\u{a0}KB",
        Some(SizeClass::Small) => "100\u{a0}KB to 1\u{a0}MB",
        Some(SizeClass::Medium) => "1 to 10\u{a0}MB",
        Some(SizeClass::Large) => "10 to 100\u{a0}MB",
        Some(SizeClass::Huge) => "100\u{a0}MB and more",
        None => word,
    };
    label.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(values: &[(&str, u64)]) -> Vec<Count> {
        let count = |&(value, count): &(&str, u64)| Count {
            value: value.to_owned(),
            count,
        };
        values.iter().map(count).collect()
    }

    #[test]
    fn a_chosen_value_is_taken_back_and_another_takes_its_place() {
        let seek = Seek {
            q: "crane".into(),
            tag: "PAID".into(),
            year: "1999".into(),
            ..Seek::default()
        };
        let facets = Facets {
            tags: counts(&[("Paid", 3), ("open", 2)]),
            ..Facets::default()
        };
        let [tags, years] = &groups(&seek, &facets)[..] else {
            panic!("only what can be chosen or taken back")
        };
        let urls: Vec<_> = tags.values.iter().map(|value| value.url.as_str()).collect();
        let chosen: Vec<_> = tags.values.iter().map(|value| value.is_chosen).collect();
        assert_eq!(chosen, [true, false]);
        assert_eq!(
            urls,
            [
                "/search?q=crane&year=1999",
                "/search?q=crane&tag=open&year=1999"
            ]
        );
        assert_eq!(
            (years.values[0].count.0, years.values[0].is_chosen),
            (0, true)
        );
    }

    #[test]
    fn orders_turn_round_except_relevance() {
        let seek = Seek {
            q: "a".into(),
            sort: Order::Oldest,
            ..Seek::default()
        };
        let [relevance, newest, name, _] = orders(&seek);
        assert_eq!(
            (relevance.url.as_str(), relevance.is_current),
            ("/search?q=a", false)
        );
        assert_eq!((newest.label, newest.is_current), ("oldest", true));
        assert_eq!(newest.url, "/search?q=a&sort=newest");
        assert_eq!(name.url, "/search?q=a&sort=name");
        let [relevance, ..] = orders(&seek.with(|seek| seek.sort = Order::Relevance));
        assert_eq!(
            (relevance.url.as_str(), relevance.is_current),
            ("/search?q=a", true)
        );
    }

    #[test]
    fn a_folder_is_left_for_the_one_above() {
        let seek = |folder: &str| Seek::default().with(|seek| seek.folder = folder.into());
        assert_eq!(above(&seek("a/b")).unwrap().url, "/search?folder=a");
        assert!(above(&seek("a")).is_none() && above(&seek("")).is_none());
        assert_eq!(chosen(&seek("a/b"))[0].name, "in a/b");
    }
}
