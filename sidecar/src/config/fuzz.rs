//! What a fuzz target drives: configurations of anybody's making.

use settings::{Document, Input, Program};

use super::checks;
use super::draft::Draft;

/// `data` is the content of a `config.json`: read to the end, whatever is wrong with it.
pub fn file(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    // It would read whatever file of this machine the fuzzer names.
    if text.to_ascii_lowercase().contains("file") {
        return;
    }
    let input = Input {
        file: None,
        overrides: &[],
        env: |_| None,
    };
    let (document, mut reading) = Document::parse(text, "config.json", input);
    if let Some(document) = document {
        let draft = Draft::read(&document.root(), &[], &[], &mut reading);
        document.check_names(Program::Both, &mut reading);
        checks::check(&draft, &mut reading);
    }
    let _ = reading.faults.render(false);
}

#[cfg(test)]
#[test]
fn seeds_are_judged() {
    use crate::bearer::fuzz::seeds;

    for seed in seeds("config") {
        file(&seed);
    }
}
