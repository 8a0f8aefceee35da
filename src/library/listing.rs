//! Lists, page by page: a folder, the newest files, the trash.

use rusqlite::params_from_iter;
use rusqlite::types::Value;

use super::catalog::{self, ENTRY, FROM};
use super::entry::{Entry, Folder, Listing, Sort, Sorting};
use super::path::FolderPath;
use super::text::fold;
use super::{Library, Page};
use crate::error::{Error, Result};

/// Most rows in one page; larger limits are lowered to it.
pub const MAX_PAGE: usize = 1000;

/// Where a page ended: the sort key and id of its last row.
///
/// Written as `<list><id>:<key>`, the list being a letter of [`LISTS`]; opaque to clients.
struct Cursor {
    id: i64,
    key: String,
}

/// One letter for each order in which files are listed, capital where it is reversed.
const LISTS: [char; 7] = ['n', 'N', 't', 'T', 's', 'S', TRASH];
const TRASH: char = 'd';

impl Cursor {
    fn parse(text: &str, list: char) -> Result<Self> {
        let parts = || {
            let rest = text.strip_prefix(LISTS)?;
            let (id, key) = rest.split_once(':')?;
            Some((id.parse().ok()?, key.to_owned()))
        };
        let (id, key) = parts().ok_or_else(made_up)?;
        if !text.starts_with(list) {
            return Err(Error::invalid(
                "The cursor belongs to another sort order; begin again without a cursor.",
            ));
        }
        Ok(Self { id, key })
    }

    fn number(&self) -> Result<i64> {
        self.key.parse().map_err(|_| made_up())
    }

    fn after(list: char, entry: &Entry, key: impl std::fmt::Display) -> String {
        format!("{list}{}:{key}", entry.id)
    }
}

fn made_up() -> Error {
    Error::invalid("The cursor is not one that this server gave; begin again without a cursor.")
}

/// What a cursor begins with that names the last folder of a page; the others begin with a letter.
const FOLDER: char = '/';

/// Where a page of a folder begins: folders come first, then files.
enum Begin {
    Start,
    Folder(FolderPath),
    File(Cursor),
}

impl Begin {
    fn parse(cursor: Option<&str>, list: char) -> Result<Self> {
        Ok(
            match cursor.map(|cursor| (cursor, cursor.strip_prefix(FOLDER))) {
                None => Self::Start,
                Some((_, Some(path))) => Self::Folder(FolderPath::parse(path)?),
                Some((cursor, None)) => Self::File(Cursor::parse(cursor, list)?),
            },
        )
    }

    fn file(&self) -> Option<&Cursor> {
        match self {
            Self::File(cursor) => Some(cursor),
            Self::Start | Self::Folder(_) => None,
        }
    }
}

impl Library {
    /// A page of a folder: at most `limit` subfolders and files together.
    ///
    /// # Errors
    /// [`Kind::NotFound`](crate::error::Kind::NotFound) for a folder with nothing in it, the
    /// root excepted.
    pub fn list(
        &self,
        folder: &FolderPath,
        sorting: impl Into<Sorting>,
        cursor: Option<&str>,
        limit: usize,
    ) -> Result<Listing> {
        let order = Order::of(sorting.into());
        let begin = Begin::parse(cursor, order.list)?;
        let limit = limit.clamp(1, MAX_PAGE);
        self.store.sql.read(|c| {
            // One row more than asked for tells whether another page follows.
            let mut folders = match &begin {
                Begin::Start => order.subfolders(c, folder, None, limit + 1)?,
                Begin::Folder(last) => order.subfolders(c, folder, Some(last), limit + 1)?,
                Begin::File(_) => Vec::new(),
            };
            let rest = limit + 1 - folders.len();
            let mut files = order.page(c, folder, begin.file(), rest)?;
            let rows = folders.len() + files.len();
            if rows == 0 && cursor.is_none() && !folder.is_root() {
                return Err(Error::not_found(format!(
                    "There is no folder {:?}.",
                    folder.as_str()
                )));
            }
            if rows > limit && files.pop().is_none() {
                folders.pop();
            }
            let last = match files.last() {
                Some(entry) => Some(Cursor::after(order.list, entry, order.key(entry))),
                None => folders.last().map(|last| format!("{FOLDER}{}", last.path)),
            };
            Ok(Listing {
                folder: folder.clone(),
                folders,
                files,
                next: last.filter(|_| rows > limit),
            })
        })
    }

    /// The files stored last, newest first.
    pub fn recent(&self, limit: usize) -> Result<Vec<Entry>> {
        let sql = format!(
            "SELECT {ENTRY} FROM {FROM} WHERE file.trashed_ms IS NULL
             ORDER BY file.modified_ms DESC, file.id DESC LIMIT ?1"
        );
        self.store
            .sql
            .read(|c| catalog::entries(c, &sql, [limit.min(MAX_PAGE)]))
    }

    /// The trash, most recently deleted first.
    pub fn trashed(&self, cursor: Option<&str>, limit: usize) -> Result<Page<Entry>> {
        let cursor = cursor.map(|cursor| Cursor::parse(cursor, TRASH));
        let cursor = cursor.transpose()?;
        let (key, id) = match &cursor {
            Some(cursor) => (cursor.number()?, cursor.id),
            None => (i64::MAX, i64::MAX),
        };
        let limit = limit.clamp(1, MAX_PAGE);
        let sql = format!(
            "SELECT {ENTRY} FROM {FROM}
             WHERE file.trashed_ms IS NOT NULL AND (file.trashed_ms, file.id) < (?1, ?2)
             ORDER BY file.trashed_ms DESC, file.id DESC LIMIT ?3"
        );
        let rows = self
            .store
            .sql
            .read(|c| catalog::entries(c, &sql, (key, id, limit + 1)))?;
        let (items, next) = cut(rows, limit, TRASH, |entry| {
            entry.trashed_ms.unwrap_or_default().to_string()
        });
        Ok(Page { items, next })
    }
}

/// One sort order as SQL: each has an index that ends in the file's id.
struct Order {
    sort: Sort,
    list: char,
    column: &'static str,
    direction: &'static str,
    comparison: &'static str,
}

impl Order {
    fn of(sorting: Sorting) -> Self {
        let (list, column, rises) = match sorting.by {
            Sort::Name => ('n', "file.sort_name", true),
            Sort::Time => ('t', "file.modified_ms", false),
            Sort::Size => ('s', "file.size", false),
        };
        let (list, rises) = match sorting.reversed {
            true => (list.to_ascii_uppercase(), !rises),
            false => (list, rises),
        };
        let (direction, comparison) = if rises { ("ASC", ">") } else { ("DESC", "<") };
        Self {
            sort: sorting.by,
            list,
            column,
            direction,
            comparison,
        }
    }

    fn key(&self, entry: &Entry) -> String {
        match self.sort {
            Sort::Name => fold(entry.path.name()),
            Sort::Time => entry.modified_ms.to_string(),
            Sort::Size => entry.size.to_string(),
        }
    }

    fn page(
        &self,
        c: &rusqlite::Connection,
        folder: &FolderPath,
        cursor: Option<&Cursor>,
        limit: usize,
    ) -> Result<Vec<Entry>> {
        let Self {
            column,
            direction,
            comparison,
            ..
        } = self;
        let tail = format!("ORDER BY {column} {direction}, file.id {direction} LIMIT ?2");
        let scope = "file.folder = ?1 AND file.trashed_ms IS NULL";
        let Some(cursor) = cursor else {
            let sql = format!("SELECT {ENTRY} FROM {FROM} WHERE {scope} {tail}");
            return catalog::entries(c, &sql, (folder.as_str(), limit));
        };
        let sql = format!(
            "SELECT {ENTRY} FROM {FROM} WHERE {scope} AND ({column}, file.id) {comparison} (?3, ?4) {tail}"
        );
        if self.sort == Sort::Name {
            catalog::entries(c, &sql, (folder.as_str(), limit, &cursor.key, cursor.id))
        } else {
            catalog::entries(
                c,
                &sql,
                (folder.as_str(), limit, cursor.number()?, cursor.id),
            )
        }
    }

    /// At most `limit` folders right inside `folder`, those behind `last` if it is given: by
    /// name, whatever the files are ordered by, and from the end only if those are by name, too.
    fn subfolders(
        &self,
        c: &rusqlite::Connection,
        folder: &FolderPath,
        last: Option<&FolderPath>,
        limit: usize,
    ) -> Result<Vec<Folder>> {
        let (direction, comparison) = match self.sort {
            Sort::Name => (self.direction, self.comparison),
            Sort::Time | Sort::Size => ("ASC", ">"),
        };
        let mut parameters: Vec<Value> = vec![
            folder.as_str().to_owned().into(),
            i64::try_from(limit).unwrap_or(i64::MAX).into(),
        ];
        let mut behind = String::new();
        if let Some(last) = last {
            behind = format!("AND (sort_name, path) {comparison} (?3, ?4)");
            parameters.extend([fold(last.name()).into(), last.as_str().to_owned().into()]);
        }
        let mut statement = c.prepare_cached(&format!(
            "SELECT path, files, bytes FROM folder WHERE parent = ?1 {behind}
             ORDER BY sort_name {direction}, path {direction} LIMIT ?2"
        ))?;
        let mut rows = statement.query(params_from_iter(parameters))?;
        let mut folders = Vec::new();
        while let Some(row) = rows.next()? {
            folders.push(Folder {
                path: FolderPath::parse(&row.get::<_, String>(0)?)?,
                files: row.get(1)?,
                bytes: row.get(2)?,
            });
        }
        Ok(folders)
    }
}

fn cut(
    mut rows: Vec<Entry>,
    limit: usize,
    list: char,
    key: impl Fn(&Entry) -> String,
) -> (Vec<Entry>, Option<String>) {
    if rows.len() <= limit {
        return (rows, None);
    }
    rows.truncate(limit);
    let next = rows.last().map(|last| Cursor::after(list, last, key(last)));
    (rows, next)
}
