//! Pages as programs write them, and as none should.

use hayro_interpret::hayro_syntax::Pdf;

use super::content;
use super::face::Faces;
use super::layers::Layers;

/// A font of standard widths, and two layers of which the second is hidden.
const COMMON: &[(u32, &str)] = &[
    (3, "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>"),
    (4, "<< /Type /OCG /Name (seen) >>"),
    (5, "<< /Type /OCG /Name (hidden) >>"),
];
const RESOURCES: &str = "/Font << /F 3 0 R >> /XObject << /X 10 0 R >> \
    /ExtGState << /G << /Font [3 0 R 12] >> >> \
    /Properties << /Seen 4 0 R /Hidden 5 0 R /Any << /Type /OCMD /OCGs [4 0 R 5 0 R] >> \
    /All 11 0 R >>";

/// A document of one page: what stands in its catalog, in its page and on it, and more objects.
pub fn document(catalog: &str, page: &str, content: &str, objects: &[(u32, &str)]) -> Pdf {
    let mut all = vec![
        (1, format!("<< /Type /Catalog /Pages 2 0 R {catalog} >>")),
        (2, "<< /Type /Pages /Count 1 /Kids [6 0 R] >>".to_owned()),
        (
            6,
            format!(
                "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 300 300] /Contents 7 0 R /Resources << {RESOURCES} >> {page} >>"
            ),
        ),
        (7, stream("", content)),
    ];
    let more = COMMON.iter().chain(objects);
    all.extend(more.map(|(number, object)| (*number, (*object).to_owned())));
    let mut file = "%PDF-1.7\n".to_owned();
    for (number, object) in all {
        file += &format!("{number} 0 obj\n{object}\nendobj\n");
    }
    Pdf::new((file + "trailer << /Root 1 0 R >>").into_bytes()).unwrap()
}

pub fn stream(dict: &str, content: &str) -> String {
    let length = content.len();
    format!("<< /Length {length} {dict} >>\nstream\n{content}\nendstream")
}

fn text(pdf: &Pdf) -> String {
    let (mut faces, layers) = (Faces::default(), Layers::of(pdf));
    content::text(&pdf.pages()[0], &mut faces, &layers)
}

fn drawn(content: &str) -> String {
    text(&document("", "", content, &[]))
}

/// Text at a place, and what comes around it.
fn at(y: u32, text: &str) -> String {
    format!("BT /F 12 Tf 20 {y} Td ({text}) Tj ET ")
}

const LAYERED: &str =
    "/OCProperties << /OCGs [4 0 R 5 0 R] /D << /BaseState /OFF /ON [4 0 R] >> >>";

#[test]
fn every_operator_that_moves_the_pen_moves_it() {
    let moves = "BT /F 12 Tf 12 TL 20 250 Td (one) Tj T* (two) Tj (three) ' \
        2 1 (four) \" 0 -20 TD (five) Tj T* (six) Tj ET";
    assert_eq!(drawn(moves), "one\ntwo\nthree\nfour\nfive\nsix");
    let matrix = "BT /F 12 Tf 1 0 0 1 20 100 Tm (up) Tj 1 0 0 1 20 80 Tm (down) Tj ET";
    assert_eq!(drawn(matrix), "up\ndown");
    let words = "BT /F 12 Tf 20 250 Td [(a) -500 (b) 20 (c)] TJ 8 Tc ( de) Tj ET";
    assert_eq!(drawn(words), "a bc d e");
    let set = "/G gs BT 20 250 Td (as set) Tj ET";
    assert_eq!(drawn(set), "as set");
}

#[test]
fn states_are_restored_as_often_as_they_were_saved() {
    let restored = format!(
        "q 1 0 0 1 0 -400 cm {} Q {}",
        at(200, "below"),
        at(200, "on")
    );
    assert_eq!(drawn(&restored), "on");
    let unbalanced = format!("Q Q {} {} Q", at(200, "quay"), "q ".repeat(20_000));
    assert_eq!(drawn(&unbalanced), "quay");
}

#[test]
fn what_lies_outside_of_the_page_is_not_read() {
    assert_eq!(drawn(&(at(400, "above") + &at(200, "on"))), "on");
}

#[test]
fn the_outline_of_a_text_is_no_other_text() {
    let outlined =
        "BT /F 12 Tf 20 200 Td (bold) Tj ET BT /F 12 Tf 1 Tr 20 200 Td (bold) Tj (er) Tj ET";
    assert_eq!(drawn(outlined), "bolder");
}

#[test]
fn marked_content_stands_for_what_it_says() {
    let spoken = "BT /F 12 Tf 20 200 Td (o) Tj /Span << /ActualText (ffi) >> BDC (\\002) Tj (x) Tj EMC (ce) Tj ET";
    assert_eq!(drawn(spoken), "office");
}

#[test]
fn forms_have_places_and_resources_of_their_own() {
    let form = |dict: &str, content: &str| {
        stream(
            &format!("/Type /XObject /Subtype /Form /BBox [0 0 300 300] {dict}"),
            content,
        )
    };
    let shown = |form: &str| {
        text(&document(
            LAYERED,
            "",
            &format!("{} /X Do", at(200, "page")),
            &[(10, form)],
        ))
    };
    let own = form(
        "/Matrix [1 0 0 1 0 -50] /Resources << /Font << /F 3 0 R >> >>",
        &at(200, "form"),
    );
    assert_eq!(shown(&own), "page\nform");
    assert_eq!(shown(&form("", &at(100, "borrowed"))), "page\nborrowed");
    assert_eq!(shown(&form("/OC 5 0 R", &at(100, "hidden"))), "page");
    // One that draws itself ends, and what it left open is closed.
    let endless = form(
        "",
        &format!("q /OC /Hidden BDC EMC {} /X Do", at(100, "again")),
    );
    assert!(shown(&endless).starts_with("page\nagain"));
    let open = form("", "/OC /Hidden BDC q 1 0 0 1 0 -400 cm");
    let behind = format!("/X Do {}", at(200, "behind"));
    assert_eq!(
        text(&document(LAYERED, "", &behind, &[(10, &open)])),
        "behind"
    );
}

#[test]
fn hidden_layers_are_not_read() {
    let layered = |layer: &str| {
        let content = format!(
            "/OC /{layer} BDC {} EMC {}",
            at(200, "layer"),
            at(100, "page")
        );
        let all = "<< /Type /OCMD /OCGs [4 0 R 5 0 R] /P /AllOn >>";
        text(&document(LAYERED, "", &content, &[(11, all)]))
    };
    for (layer, is_seen) in [
        ("Seen", true),
        ("Hidden", false),
        ("All", false),
        ("None", true),
    ] {
        let expected = if is_seen { "layer\npage" } else { "page" };
        assert_eq!(layered(layer), expected, "{layer}");
    }
}

#[test]
fn annotations_are_read_as_they_look() {
    let annotated = |flags: &str| {
        let page = format!(
            "/Annots [<< /Type /Annot /Subtype /Widget /Rect [20 20 120 40] /AP << /N 10 0 R >> {flags} >>]"
        );
        let form = stream(
            "/Subtype /Form /BBox [0 0 100 20] /Resources << /Font << /F 3 0 R >> >>",
            "BT /F 12 Tf 2 5 Td (a field) Tj ET",
        );
        text(&document("", &page, &at(200, "page"), &[(10, &form)]))
    };
    assert_eq!(annotated(""), "page\na field");
    assert_eq!(annotated("/F 2"), "page");
}
