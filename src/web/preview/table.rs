//! A table: the rows of cells that were read in it.

use crate::library::search::{Marker, Parsed};

const MOST_ROWS: usize = 500;
const MOST_CELLS: usize = 60;

/// The rows of a table whose cells have tabs between them; the first is its head.
pub fn html(text: &str, parsed: &Parsed) -> String {
    let mut marker = Marker::new(parsed);
    let mut html = String::with_capacity(2 * text.len());
    let mut lines = text.lines().filter(|line| !line.is_empty());
    if let Some(head) = lines.next() {
        html.push_str("<thead>");
        row(head, "th scope=\"col\"", "th", &mut marker, &mut html);
        html.push_str("</thead>");
    }
    html.push_str("<tbody>");
    for line in lines.take(MOST_ROWS) {
        row(line, "td", "td", &mut marker, &mut html);
    }
    html.push_str("</tbody>");
    html
}

fn row(line: &str, open: &str, close: &str, marker: &mut Marker, html: &mut String) {
    html.push_str("<tr>");
    for cell in line.split('\t').take(MOST_CELLS) {
        let cell = marker.mark(cell);
        *html += &format!("<{open}>{cell}</{close}>");
    }
    html.push_str("</tr>");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::library::search::parse;

    #[test]
    fn cells_are_inert_and_marked() {
        let made = html("name\t<b>dues\nquay\t12 & 3\n", &parse("quay", 0));
        assert_eq!(
            made,
            "<thead><tr><th scope=\"col\">name</th><th scope=\"col\">&lt;b&gt;dues</th></tr></thead>\
             <tbody><tr><td><mark>quay</mark></td><td>12 &amp; 3</td></tr></tbody>"
        );
    }
}
