//! Destinations of RTF, by whether they hold text to read.

/// Destinations whose content is not text to read.
pub const HIDDEN: [&str; 27] = [
    "colortbl",
    "stylesheet",
    "listtable",
    "listoverridetable",
    "revtbl",
    "rsidtbl",
    "generator",
    "pict",
    "themedata",
    "colorschememapping",
    "datastore",
    "latentstyles",
    "xmlnstbl",
    "bkmkstart",
    "bkmkend",
    "filetbl",
    "blipuid",
    "datafield",
    "pgdsctbl",
    "fontemb",
    "fontfile",
    "panose",
    "sp",
    "listname",
    "nonshppict",
    "nonesttables",
    "objclass",
];

/// Destinations after `\*` that hold text to read.
pub const SHOWN: [&str; 12] = [
    "shptxt",
    "footnote",
    "annotation",
    "shpinst",
    "do",
    "dptxbxtext",
    "ftnalt",
    "fldinst",
    "fldrslt",
    "moMath",
    "moMathPara",
    "nesttableprops",
];
