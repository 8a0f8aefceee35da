//! What the index holds of a file, and how a file becomes a document.

use tantivy::TantivyDocument;
use tantivy::schema::{
    FAST, Field, INDEXED, IndexRecordOption, STRING, SchemaBuilder, TextFieldIndexing, TextOptions,
};
use tantivy::tokenizer::TokenizerManager;

use super::class::Class;
use crate::library::text::{Language, Languages, STEM_MARK, TOKENIZER, WordTokenizer, fold};
use crate::library::{FileId, FilePath, FolderPath, Millis};

/// Names of the columns that are read for matches.
pub const ID: &str = "id";
pub const MODIFIED: &str = "modified";
pub const SIZE: &str = "size";
pub const CLASS: &str = "class";
pub const PLACE: &str = "place";
pub const LABEL: &str = "label";
pub const SORT_NAME: &str = "sort_name";

/// Between a tag as it is compared and as it was typed.
pub const LABEL_SEPARATOR: char = '\u{1}';
/// What follows the separator in the order of characters; no tag holds either.
pub const AFTER_LABEL: char = '\u{2}';

/// The fields of the search index. Nothing is stored in it: ids, times and sizes are columns,
/// names come from the catalog and text from the facts.
#[derive(Clone, Copy, Debug)]
pub struct Fields {
    /// The path's last segment, as words.
    pub name: Field,
    /// What stands around a file: folder names and tags, as words.
    pub around: Field,
    /// Folders that the file is in at any depth; see `folder_terms`.
    pub folder: Field,
    /// Each tag, folded.
    pub tag: Field,
    /// Media type, its group and subtype, the name's extension, the [`Class`], and the languages in
    /// which the words have stems; see `language_term`.
    pub kind: Field,
    /// The text, as words.
    pub body: Field,
    pub id: Field,
    /// Milliseconds since the epoch.
    pub modified: Field,
    /// Bytes.
    pub size: Field,
    /// Column only, as all below: the word of the [`Class`].
    class: Field,
    /// The folder right around the file; see [`exact_folder_term`].
    place: Field,
    /// Each tag, folded, and behind the separator as it was typed; of tags that fold alike, the
    /// first, so that nothing counts twice.
    label: Field,
    /// The name, folded.
    sort_name: Field,
}

/// A file as the index is told of it.
#[derive(Clone, Copy, Debug)]
pub struct Source<'a> {
    pub id: FileId,
    pub path: &'a FilePath,
    pub tags: &'a [String],
    pub media_type: &'a str,
    pub modified_ms: Millis,
    /// Bytes of the content.
    pub size: u64,
    /// What the content says; empty if only the name is known.
    pub text: &'a str,
}

impl Fields {
    pub fn add_to(schema: &mut SchemaBuilder) -> Self {
        let words = || {
            TextOptions::default().set_indexing_options(
                TextFieldIndexing::default()
                    .set_tokenizer(TOKENIZER)
                    .set_index_option(IndexRecordOption::WithFreqsAndPositions),
            )
        };
        let column = || TextOptions::default().set_fast("raw");
        Self {
            name: schema.add_text_field("name", words()),
            around: schema.add_text_field("around", words()),
            folder: schema.add_text_field("folder", STRING),
            tag: schema.add_text_field("tag", STRING),
            kind: schema.add_text_field("kind", STRING),
            body: schema.add_text_field("body", words()),
            id: schema.add_i64_field(ID, FAST | INDEXED),
            modified: schema.add_i64_field(MODIFIED, FAST),
            size: schema.add_u64_field(SIZE, FAST),
            class: schema.add_text_field(CLASS, column()),
            place: schema.add_text_field(PLACE, column()),
            label: schema.add_text_field(LABEL, column()),
            sort_name: schema.add_text_field(SORT_NAME, column()),
        }
    }

    /// Makes the tokenizer known to an index; without it neither writing nor reading works.
    pub fn register(tokenizers: &TokenizerManager) {
        tokenizers.register(TOKENIZER, WordTokenizer::default());
    }

    pub fn document(&self, source: &Source<'_>) -> TantivyDocument {
        let mut document = TantivyDocument::with_capacity(source.text.len() + 512);
        let spoken = Languages::from_text(source.text);
        // What is around a text is in its language.
        let named = match source.text.is_empty() {
            true => Languages::from_text(source.path.as_str()),
            false => spoken,
        };
        let mut tokenizer = WordTokenizer::for_short();
        let mut words = |text: &str| tokenizer.tokens_in(named, text);
        document.add_pre_tokenized_text(self.name, words(source.path.name()));
        let folder = source.path.folder();
        if !folder.is_root() {
            document.add_pre_tokenized_text(self.around, words(folder.as_str()));
        }
        for term in folder_terms(&folder) {
            document.add_text(self.folder, term);
        }
        let mut labelled: Vec<String> = Vec::new();
        for tag in source.tags {
            let folded = fold(tag);
            document.add_pre_tokenized_text(self.around, words(tag));
            document.add_text(self.tag, &folded);
            if !labelled.contains(&folded) {
                document.add_text(self.label, format!("{folded}{LABEL_SEPARATOR}{tag}"));
                labelled.push(folded);
            }
        }
        let class = Class::of(source.media_type, source.path.name());
        for term in kind_terms(source.media_type, source.path.name(), class) {
            document.add_text(self.kind, term);
        }
        let usual = Languages::usual();
        for language in named.iter().filter(|language| !usual.contains(*language)) {
            document.add_text(self.kind, language_term(language));
        }
        if !source.text.is_empty() {
            document.add_text(self.body, source.text);
        }
        document.add_i64(self.id, source.id);
        document.add_i64(self.modified, source.modified_ms);
        document.add_u64(self.size, source.size);
        document.add_text(self.class, class.word());
        document.add_text(self.place, exact_folder_term(&folder));
        document.add_text(self.sort_name, fold(source.path.name()));
        document
    }
}

/// The term of exactly this folder, as pages and listings name it. It begins with a slash, so
/// that it cannot be taken for one of the folded terms.
pub fn exact_folder_term(folder: &FolderPath) -> String {
    format!("/{folder}")
}

/// The term of files with stems of a language; no media type can contain it.
pub fn language_term(language: Language) -> String {
    format!("{STEM_MARK}{}", language.code())
}

/// For each folder from `folder` up: its exact term, its folded path, and its folded name alone,
/// so that `folder:2026` finds `reports/2026` too.
fn folder_terms(folder: &FolderPath) -> Vec<String> {
    let mut terms: Vec<String> = folder
        .ancestors()
        .filter(|ancestor| !ancestor.is_root())
        .flat_map(|ancestor| {
            [
                exact_folder_term(&ancestor),
                fold(ancestor.as_str()),
                fold(ancestor.name()),
            ]
        })
        .collect();
    terms.sort_unstable();
    terms.dedup();
    terms
}

/// `image/svg+xml` named `logo.svg` is `image/svg+xml`, `image`, `svg+xml` and `svg`. The word of
/// the class joins them unless it is `text`, which means every `text/…` here.
fn kind_terms(media_type: &str, name: &str, class: Class) -> Vec<String> {
    let media_type = fold(media_type.split(';').next().unwrap_or_default().trim());
    let mut terms = Vec::with_capacity(5);
    if class != Class::Text {
        terms.push(class.word().to_owned());
    }
    if let Some((class, subtype)) = media_type.split_once('/') {
        terms.extend([class.to_owned(), subtype.to_owned()]);
    }
    terms.push(media_type);
    if let Some((_, extension)) = name.rsplit_once('.') {
        terms.push(fold(extension));
    }
    terms.retain(|term| !term.is_empty());
    terms.sort_unstable();
    terms.dedup();
    terms
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_in_every_folder_above_it() {
        let terms = folder_terms(&FolderPath::parse("Büro/2026").unwrap());
        assert_eq!(terms, ["/Büro", "/Büro/2026", "2026", "buro", "buro/2026"]);
        assert!(folder_terms(&FolderPath::default()).is_empty());
    }

    #[test]
    fn a_kind_is_known_by_type_class_and_extension() {
        assert_eq!(
            kind_terms("Image/SVG+xml; charset=utf-8", "logo.SVG", Class::Image),
            ["image", "image/svg+xml", "svg", "svg+xml"]
        );
        assert_eq!(kind_terms("", "README", Class::Other), ["other"]);
        assert_eq!(kind_terms("", "README", Class::Text), [""; 0]);
    }
}
