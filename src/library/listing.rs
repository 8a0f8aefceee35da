//! Lists, page by page: a folder, the newest files, the trash.

use rusqlite::types::Value;
use rusqlite::{Connection, params_from_iter};

use super::catalog::{self, ENTRY, FROM};
use super::entry::{Entry, Folder, Listing, Sort, Sorting};
use super::path::FolderPath;
use super::reach::{Reach, Right};
use super::seeing::Children;
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
const LISTS: [char; 9] = ['n', 'N', 't', 'T', 's', 'S', 'p', 'P', TRASH];
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

/// Where a page begins, as it is asked for.
#[derive(Clone, Copy, Debug)]
pub enum From<'a> {
    /// Behind the row that `next` of another page names; at the start without one.
    Cursor(Option<&'a str>),
    /// Behind that many rows. What is added or removed meanwhile shifts it.
    Offset(u64),
}

impl<'a> std::convert::From<Option<&'a str>> for From<'a> {
    fn from(cursor: Option<&'a str>) -> Self {
        Self::Cursor(cursor)
    }
}

impl From<'_> {
    fn is_start(self) -> bool {
        matches!(self, Self::Cursor(None) | Self::Offset(0))
    }
}

/// Where a page of a folder begins: folders come first, then files.
enum Begin {
    /// Behind that many folders, or all of them and then that many files.
    Offset(u64),
    Folder(FolderPath),
    File(Cursor),
}

impl Begin {
    fn parse(from: From<'_>, list: char) -> Result<Self> {
        let cursor = match from {
            From::Cursor(cursor) => cursor,
            From::Offset(rows) => return Ok(Self::Offset(rows)),
        };
        Ok(
            match cursor.map(|cursor| (cursor, cursor.strip_prefix(FOLDER))) {
                None => Self::Offset(0),
                Some((_, Some(path))) => Self::Folder(FolderPath::parse(path)?),
                Some((cursor, None)) => Self::File(Cursor::parse(cursor, list)?),
            },
        )
    }
}

/// What lies in a folder: rows that a listing of it has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rows {
    pub folders: u64,
    pub files: u64,
}

impl Library {
    /// A page of a folder: at most `limit` subfolders and files together.
    ///
    /// # Errors
    /// [`Kind::NotFound`](crate::error::Kind::NotFound) for a folder with nothing in it, the
    /// root excepted.
    pub fn list<'a>(
        &self,
        folder: &FolderPath,
        sorting: impl Into<Sorting>,
        from: impl Into<From<'a>>,
        limit: usize,
    ) -> Result<Listing> {
        let order = Order::of(sorting.into());
        let from = from.into();
        let begin = Begin::parse(from, order.list)?;
        let limit = limit.clamp(1, MAX_PAGE);
        self.store.sql.read(|c| {
            let reach = self.reach(c)?;
            let seen = reach.children(c, folder)?;
            // One row more than asked for tells whether another page follows.
            let mut folders = match &begin {
                Begin::Offset(rows) => {
                    order.subfolders(c, folder, &seen, None, limit + 1, *rows)?
                }
                Begin::Folder(last) => {
                    order.subfolders(c, folder, &seen, Some(last), limit + 1, 0)?
                }
                Begin::File(_) => Vec::new(),
            };
            let rest = limit + 1 - folders.len();
            let mut files = match &begin {
                // All files right in a folder are seen, or none.
                _ if reach.right(folder) < Right::Read => Vec::new(),
                Begin::File(cursor) => order.page(c, folder, &reach, Some(cursor), rest, 0)?,
                Begin::Offset(rows) if *rows > 0 && folders.is_empty() => {
                    let before = reach.count_children(c, folder)?;
                    order.page(c, folder, &reach, None, rest, rows.saturating_sub(before))?
                }
                Begin::Offset(_) | Begin::Folder(_) => {
                    order.page(c, folder, &reach, None, rest, 0)?
                }
            };
            let rows = folders.len() + files.len();
            if rows == 0 && from.is_start() && !folder.is_root() && !reach.says(folder) {
                return Err(catalog::no_folder(folder));
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

    /// A page of all files below a folder, however deep; by name means by whole path.
    ///
    /// # Errors
    /// Those of [`list`](Self::list).
    pub fn list_deep<'a>(
        &self,
        folder: &FolderPath,
        sorting: impl Into<Sorting>,
        from: impl Into<From<'a>>,
        limit: usize,
    ) -> Result<Listing> {
        let order = Order::deep(sorting.into(), folder.is_root());
        let from = from.into();
        let limit = limit.clamp(1, MAX_PAGE);
        let files = self.store.sql.read(|c| {
            let reach = self.reach(c)?;
            match Begin::parse(from, order.list)? {
                Begin::Offset(rows) => order.page(c, folder, &reach, None, limit + 1, rows),
                Begin::File(cursor) => order.page(c, folder, &reach, Some(&cursor), limit + 1, 0),
                Begin::Folder(_) => Err(made_up()),
            }
        })?;
        if files.is_empty() && from.is_start() && !folder.is_root() {
            return Err(catalog::no_folder(folder));
        }
        let (files, next) = cut(files, limit, order.list, |entry| order.key(entry));
        Ok(Listing {
            folder: folder.clone(),
            folders: Vec::new(),
            files,
            next,
        })
    }

    /// How many rows the whole listing of a folder has; `deep` as in
    /// [`list_deep`](Self::list_deep).
    pub fn rows_in(&self, folder: &FolderPath, deep: bool) -> Result<Rows> {
        self.store
            .sql
            .read(|c| self.reach(c)?.rows(c, folder, deep))
    }

    /// The files stored last, newest first.
    pub fn recent(&self, limit: usize) -> Result<Vec<Entry>> {
        let order = "ORDER BY file.modified_ms DESC, file.id DESC";
        self.store.sql.read(|c| {
            let reach = self.reach(c)?;
            let wanted = Wanted {
                scope: "file.trashed_ms IS NULL",
                order,
                parameters: Vec::new(),
                least: Right::Read,
                limit: limit.min(MAX_PAGE),
                offset: 0,
            };
            wanted.entries(c, &reach)
        })
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
        let rows = self.store.sql.read(|c| {
            let reach = self.reach(c)?;
            let wanted = Wanted {
                scope: "file.trashed_ms IS NOT NULL AND (file.trashed_ms, file.id) < (?1, ?2)",
                order: "ORDER BY file.trashed_ms DESC, file.id DESC",
                parameters: vec![key.into(), id.into()],
                least: Right::Write,
                limit: limit + 1,
                offset: 0,
            };
            wanted.entries(c, &reach)
        })?;
        let (items, next) = cut(rows, limit, TRASH, |entry| {
            entry.trashed_ms.unwrap_or_default().to_string()
        });
        Ok(Page { items, next })
    }
}

/// A page of files as it is asked of the catalog. Which they are is found out with as little of each
/// as the order needs; only those are read whole.
struct Wanted<'a> {
    scope: &'a str,
    order: &'a str,
    /// Those of the scope.
    parameters: Vec<Value>,
    /// What the viewer must at least be able to do with them.
    least: Right,
    limit: usize,
    offset: u64,
}

impl Wanted<'_> {
    fn entries(self, c: &Connection, reach: &Reach) -> Result<Vec<Entry>> {
        let Self { scope, order, .. } = self;
        let (seen, is_exact, more) = match reach.is_everything() {
            true => ("TRUE".to_owned(), true, Vec::new()),
            false => {
                let first = self.parameters.len() + 1;
                let seen = reach.condition(self.least, "file.path", first);
                (seen.text, seen.is_exact, seen.parameters)
            }
        };
        let found = format!("FROM file WHERE {scope} AND {seen} {order}");
        let (limit, offset) = (self.limit, self.offset);
        if !is_exact {
            return self.looked_at(c, reach, &found);
        }
        let parameters = self.parameters.into_iter().chain(more);
        let mut parameters: Vec<Value> = parameters.collect();
        let at = parameters.len() + 1;
        parameters.extend([whole(limit as u64), whole(offset)]);
        let sql = format!(
            "SELECT {ENTRY} FROM {FROM} WHERE file.id IN
             (SELECT file.id {found} LIMIT ?{at} OFFSET ?{}) {order}",
            at + 1
        );
        catalog::entries(c, &sql, params_from_iter(parameters))
    }

    /// The same where too many folders say something for the catalog to compare them all.
    fn looked_at(self, c: &Connection, reach: &Reach, found: &str) -> Result<Vec<Entry>> {
        let mut statement = c.prepare_cached(&format!("SELECT file.id, file.path {found}"))?;
        let mut rows = statement.query(params_from_iter(self.parameters))?;
        let (mut skipped, mut ids) = (0, Vec::new());
        while ids.len() < self.limit
            && let Some(row) = rows.next()?
        {
            // Paths are text in a strict table.
            if !reach.may(self.least, row.get_ref(1)?.as_str().unwrap_or_default()) {
                continue;
            }
            if skipped < self.offset {
                skipped += 1;
                continue;
            }
            ids.push(row.get::<_, i64>(0)?);
        }
        let sql = format!(
            "SELECT {ENTRY} FROM {FROM}
             WHERE file.id IN (SELECT value FROM json_each(?1)) {}",
            self.order
        );
        catalog::entries(c, &sql, [serde_json::Value::from(ids).to_string()])
    }
}

/// One sort order as SQL: each has an index that ends in the file's id.
struct Order {
    sort: Sort,
    list: char,
    /// Which files there are; `?1` and `?2` stand for the folder, see [`Order::scope_of`].
    scope: &'static str,
    column: &'static str,
    direction: &'static str,
    comparison: &'static str,
}

const IN_FOLDER: &str = "file.folder = ?1 AND ?2 IS NOT NULL AND file.trashed_ms IS NULL";
const IN_LIBRARY: &str = "?1 IS NOT NULL AND ?2 IS NOT NULL AND file.trashed_ms IS NULL";

impl Order {
    fn of(sorting: Sorting) -> Self {
        let (list, column) = match sorting.by {
            Sort::Name => ('n', "file.sort_name"),
            Sort::Time => ('t', "file.modified_ms"),
            Sort::Size => ('s', "file.size"),
        };
        Self::new(sorting, list, IN_FOLDER, column)
    }

    fn deep(sorting: Sorting, in_root: bool) -> Self {
        let (list, column) = match (sorting.by, in_root) {
            (Sort::Name, _) => ('p', "file.path"),
            (Sort::Time, true) => ('t', "file.modified_ms"),
            // Only the index over paths knows what lies below a folder: the sign keeps those
            // over the whole library from being walked for a few files.
            (Sort::Time, false) => ('t', "+file.modified_ms"),
            (Sort::Size, _) => ('s', "+file.size"),
        };
        let scope = if in_root { IN_LIBRARY } else { catalog::BELOW };
        Self::new(sorting, list, scope, column)
    }

    fn new(sorting: Sorting, list: char, scope: &'static str, column: &'static str) -> Self {
        let rises = (sorting.by == Sort::Name) != sorting.reversed;
        let (direction, comparison) = if rises { ("ASC", ">") } else { ("DESC", "<") };
        Self {
            sort: sorting.by,
            list: match sorting.reversed {
                true => list.to_ascii_uppercase(),
                false => list,
            },
            scope,
            column,
            direction,
            comparison,
        }
    }

    fn is_deep(&self) -> bool {
        self.scope != IN_FOLDER
    }

    fn key(&self, entry: &Entry) -> String {
        match self.sort {
            Sort::Name if self.is_deep() => entry.path.to_string(),
            Sort::Name => fold(entry.path.name()),
            Sort::Time => entry.modified_ms.to_string(),
            Sort::Size => entry.size.to_string(),
        }
    }

    /// What `?1` and `?2` of the scope are.
    fn scope_of(&self, folder: &FolderPath) -> [Value; 2] {
        if self.is_deep() {
            let (from, to) = catalog::bounds(folder);
            return [from.into(), to.into()];
        }
        [folder.as_str().to_owned(), String::new()].map(Value::from)
    }

    /// At most `limit` files behind a cursor, or behind `offset` others. Which they are is found
    /// out with as little of each as the order needs; only those are read whole.
    fn page(
        &self,
        c: &rusqlite::Connection,
        folder: &FolderPath,
        reach: &Reach,
        cursor: Option<&Cursor>,
        limit: usize,
        offset: u64,
    ) -> Result<Vec<Entry>> {
        let Self {
            scope,
            column,
            direction,
            comparison,
            ..
        } = self;
        let mut parameters = Vec::from(self.scope_of(folder));
        let mut scope = (*scope).to_owned();
        if let Some(cursor) = cursor {
            scope += &format!(" AND ({column}, file.id) {comparison} (?3, ?4)");
            parameters.push(match self.sort {
                Sort::Name => cursor.key.clone().into(),
                Sort::Time | Sort::Size => cursor.number()?.into(),
            });
            parameters.push(cursor.id.into());
        }
        let wanted = Wanted {
            scope: &scope,
            order: &format!("ORDER BY {column} {direction}, file.id {direction}"),
            parameters,
            least: Right::Read,
            limit,
            offset,
        };
        match self.is_deep() {
            true => wanted.entries(c, reach),
            // All files right in a folder are seen, or none.
            false => wanted.entries(c, &Reach::everything()),
        }
    }

    /// At most `limit` folders right inside `folder`, behind `last` or behind `offset` others: by
    /// name, whatever the files are ordered by, and from the end only if those are by name, too.
    fn subfolders(
        &self,
        c: &rusqlite::Connection,
        folder: &FolderPath,
        seen: &Children,
        last: Option<&FolderPath>,
        limit: usize,
        offset: u64,
    ) -> Result<Vec<Folder>> {
        let (direction, comparison) = match self.sort {
            Sort::Name => (self.direction, self.comparison),
            Sort::Time | Sort::Size => ("ASC", ">"),
        };
        if let Some(page) = seen.page(direction == "ASC", last, limit, offset) {
            return Ok(page);
        }
        let mut parameters: Vec<Value> = vec![folder.as_str().to_owned().into()];
        let mut behind = String::new();
        if let Some(last) = last {
            behind = format!("AND (sort_name, path) {comparison} (?2, ?3)");
            parameters.extend([fold(last.name()).into(), last.as_str().to_owned().into()]);
        }
        let mut statement = c.prepare_cached(&format!(
            "SELECT path, files, bytes FROM folder WHERE parent = ?1 {behind}
             ORDER BY sort_name {direction}, path {direction}"
        ))?;
        let mut rows = statement.query(params_from_iter(parameters))?;
        let (mut skipped, mut folders) = (0, Vec::new());
        while folders.len() < limit
            && let Some(row) = rows.next()?
        {
            if !seen.shows(row.get_ref(0)?.as_str().unwrap_or_default()) {
                continue;
            }
            if skipped < offset {
                skipped += 1;
                continue;
            }
            folders.push(seen.seen(Folder {
                path: FolderPath::parse(&row.get::<_, String>(0)?)?,
                files: row.get(1)?,
                bytes: row.get(2)?,
            }));
        }
        Ok(folders)
    }
}

/// A number as SQLite takes it.
fn whole(number: u64) -> Value {
    i64::try_from(number).unwrap_or(i64::MAX).into()
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
