//! The README's table of variables is the one in the code.

use wharfside::config::VARIABLES;

#[test]
fn the_readme_lists_every_variable_as_the_code_has_it() {
    let readme = include_str!("../../README.md");
    let rows = readme
        .lines()
        .skip_while(|line| *line != "| variable | default | meaning |")
        .skip(2)
        .take_while(|line| line.starts_with('|'));
    let listed: Vec<String> = rows.map(str::to_owned).collect();
    let expected: Vec<String> = VARIABLES
        .iter()
        .map(|v| format!("| `{}` | {} | {} |", v.name, v.default, v.help))
        .collect();
    assert_eq!(listed, expected);
}
