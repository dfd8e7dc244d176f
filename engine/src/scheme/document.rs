//! The XML tree as the rest of the parser sees it: elements and attributes with their places.
//!
//! In: text that passed `scan`. Out: a tree, or the one fault that stopped the XML parser.

use std::ops::Range;

use roxmltree::{Document, Error, Node, ParsingOptions};

use super::reader::Reader;
use super::{Problem, vocabulary};

/// Parses the text, or tells why it is not XML.
pub(super) fn parse<'a>(source: &'a str, reader: &mut Reader<'_>) -> Option<Document<'a>> {
    let options = ParsingOptions {
        allow_dtd: false,
        ..ParsingOptions::default()
    };
    match Document::parse_with_options(source, options) {
        Ok(document) => Some(document),
        Err(error) => {
            let position = error.pos();
            let offset = match error {
                Error::UnexpectedEndOfStream | Error::UnclosedRootNode => source.len(),
                _ => reader.offset(position.row, position.col),
            };
            let (message, hint) = explanation(&error);
            reader.fault(
                offset..offset,
                Problem::Xml(message.into()),
                hint.map(str::to_owned),
            );
            None
        }
    }
}

fn explanation(error: &Error) -> (String, Option<&'static str>) {
    use super::fault::quoted;
    match error {
        Error::UnexpectedCloseTag(expected, found, _) => (
            format!(
                "expected the end of {}, found the end of {}",
                quoted(expected),
                quoted(found)
            ),
            None,
        ),
        Error::UnclosedRootNode | Error::UnexpectedEndOfStream => (
            "the file ends before its root element does".to_owned(),
            None,
        ),
        Error::NoRootNode => ("there is no element".to_owned(), None),
        Error::DuplicatedAttribute(name, _) => {
            (format!("attribute {} occurs twice", quoted(name)), None)
        }
        Error::UnknownEntityReference(name, _) => (
            format!("unknown entity {}", quoted(name)),
            Some("write & as &amp;, < as &lt; and \" as &quot;"),
        ),
        Error::MalformedEntityReference(_) => (
            "a lone `&` is not allowed".to_owned(),
            Some("write & as &amp;"),
        ),
        Error::InvalidAttributeValue(_) => (
            "an attribute's value cannot contain `<`".to_owned(),
            Some("write < as &lt;"),
        ),
        Error::NonXmlChar(c, _) => (
            format!("character U+{:04X} is not allowed in XML", u32::from(*c)),
            None,
        ),
        Error::InvalidChar2(expected, _, _) => {
            (format!("malformed XML: expected {expected}"), None)
        }
        Error::InvalidChar(expected, _, _) => {
            let expected = quoted(&char::from(*expected).to_string());
            (format!("malformed XML: expected {expected}"), None)
        }
        Error::DtdDetected => (Problem::Definition.to_string(), None),
        // The others name what was expected; their own place at the end is told already.
        other => {
            let message = other.to_string();
            let message = message
                .rsplit_once(" at ")
                .map_or(&*message, |(message, _)| message);
            (format!("malformed XML: {message}"), None)
        }
    }
}

/// An element. Cheap to copy.
#[derive(Clone, Copy)]
pub(super) struct Element<'a>(Node<'a, 'a>);

/// An attribute's value and the place of it.
#[derive(Clone)]
pub(super) struct Attribute<'a> {
    pub(super) value: &'a str,
    pub(super) span: Range<usize>,
}

impl<'a> Element<'a> {
    pub(super) fn root(document: &'a Document<'a>) -> Self {
        Self(document.root_element())
    }

    pub(super) fn name(self) -> &'a str {
        self.0.tag_name().name()
    }

    /// The opening bracket and the name, to mark an element without its content.
    pub(super) fn span(self) -> Range<usize> {
        let start = self.0.range().start;
        let source = self.0.document().input_text();
        let length = source[start..].find(|c: char| c.is_whitespace() || matches!(c, '>' | '/'));
        start..length.map_or(source.len(), |length| start + length)
    }

    pub(super) fn children(self) -> impl Iterator<Item = Self> {
        self.0.children().filter(Node::is_element).map(Self)
    }

    /// The first child of that name.
    pub(super) fn child(self, name: &str) -> Option<Self> {
        self.children().find(|child| child.name() == name)
    }

    /// The children of that name; others are warned about elsewhere.
    pub(super) fn each(self, name: &str) -> impl Iterator<Item = Self> {
        self.children().filter(move |child| child.name() == name)
    }

    pub(super) fn attribute(self, name: &str) -> Option<Attribute<'a>> {
        let attribute = self.0.attribute_node(name)?;
        let range = attribute.range();
        let source = self.0.document().input_text();
        // The parser's own range of the value is wrong for very long names.
        let quote = source[range.clone()].find(['"', '\'']).unwrap_or_default();
        Some(Attribute {
            value: attribute.value(),
            span: (range.start + quote + 1).min(range.end)..range.end.saturating_sub(1),
        })
    }

    /// Names and places of the attributes that belong to no namespace.
    pub(super) fn attributes(self) -> impl Iterator<Item = (&'a str, Range<usize>)> {
        self.0
            .attributes()
            .filter(|attribute| attribute.namespace().is_none())
            .map(|attribute| {
                let start = attribute.range().start;
                (attribute.name(), start..start + attribute.name().len())
            })
    }

    /// All its text, and where that begins in the source.
    pub(super) fn text(self) -> (String, usize) {
        let mut pieces = self.0.children().filter(Node::is_text);
        let first = pieces.next();
        let start = first.map_or(self.span().end, |piece| piece.range().start);
        let text = first
            .into_iter()
            .chain(pieces)
            .filter_map(|piece| piece.text());
        (text.collect(), start)
    }

    /// Where text that is more than space begins, if there is any outside of child elements.
    pub(super) fn stray_text(self) -> Option<usize> {
        let mut pieces = self.0.children().filter(Node::is_text);
        let stray =
            pieces.find(|piece| piece.text().is_some_and(|text| !text.trim().is_empty()))?;
        let start = stray.range().start;
        let source = &self.0.document().input_text()[start..];
        Some(start + (source.len() - source.trim_start().len()))
    }
}

/// Where in the source the byte of a decoded text is, of a text that begins at `start`.
///
/// Walks the markup as the parser did: CDATA brackets are nothing, a reference is a character,
/// a line break is one byte.
pub(super) fn source_offset(source: &str, start: usize, decoded: usize) -> usize {
    let (mut at, mut done) = (start, 0);
    let mut in_cdata = false;
    while at < source.len() {
        let rest = &source[at..];
        if !in_cdata && rest.starts_with("<![CDATA[") {
            at += "<![CDATA[".len();
            in_cdata = true;
        } else if in_cdata && rest.starts_with("]]>") {
            at += "]]>".len();
            in_cdata = false;
        } else if !in_cdata && rest.starts_with("<!--") {
            at += rest.find("-->").map_or(rest.len(), |end| end + "-->".len());
        } else if done >= decoded || (!in_cdata && rest.starts_with('<')) {
            break;
        } else if !in_cdata && rest.starts_with('&') {
            let reference = &rest[..rest.find(';').map_or(1, |end| end + 1)];
            at += reference.len();
            done += referenced(reference);
        } else if rest.starts_with("\r\n") {
            at += 2;
            done += 1;
        } else {
            let length = rest.chars().next().map_or(1, char::len_utf8);
            at += length;
            done += length;
        }
    }
    at.min(source.len())
}

/// How many bytes a character reference stands for.
fn referenced(reference: &str) -> usize {
    let digits = reference.trim_start_matches("&#").trim_end_matches(';');
    let code = match digits.strip_prefix('x') {
        Some(digits) => u32::from_str_radix(digits, 16),
        None => digits.parse(),
    };
    // The five named ones are ASCII.
    let character = code.ok().and_then(char::from_u32);
    character.map_or(1, char::len_utf8)
}

impl Reader<'_> {
    /// An attribute that must be there and not be empty.
    pub(super) fn required<'a>(
        &mut self,
        element: Element<'a>,
        attribute: &'static str,
    ) -> Option<Attribute<'a>> {
        let found = element.attribute(attribute);
        let is_empty = found.is_some();
        let found = found.filter(|found| !found.value.is_empty());
        if found.is_none() {
            let problem = Problem::MissingAttribute {
                element: element.name().into(),
                attribute,
                is_empty,
            };
            // `nameref` for `NameRef`, say.
            let known = vocabulary::attributes(element.name());
            let names = element.attributes().map(|(name, _)| name);
            let mut strange = names.filter(|name| !known.contains(name));
            let slip = strange.find(|name| super::reader::are_similar(name, attribute));
            let hint = slip.map(|slip| {
                let slip = super::fault::quoted(slip);
                format!("{slip} should be `{attribute}`")
            });
            self.fault(element.span(), problem, hint);
        }
        found
    }

    /// A Boolean attribute: `true` or `false`, also with a capital; absent is false.
    pub(super) fn boolean(&mut self, element: Element<'_>, attribute: &'static str) -> bool {
        self.optional_boolean(element, attribute).unwrap_or(false)
    }

    pub(super) fn optional_boolean(
        &mut self,
        element: Element<'_>,
        attribute: &'static str,
    ) -> Option<bool> {
        let found = element.attribute(attribute)?;
        if found.value.eq_ignore_ascii_case("true") {
            Some(true)
        } else if found.value.eq_ignore_ascii_case("false") {
            Some(false)
        } else {
            self.outside(&found, attribute, &["true", "false"]);
            None
        }
    }

    /// An attribute whose value is one of a set; `None` when it is absent or wrong.
    pub(super) fn choice<T: Copy>(
        &mut self,
        element: Element<'_>,
        attribute: &'static str,
        set: &[(&'static str, T)],
    ) -> Option<T> {
        let found = element.attribute(attribute)?;
        let chosen = set.iter().find(|(value, _)| *value == found.value);
        if chosen.is_none() {
            let known: Vec<_> = set.iter().map(|&(value, _)| value).collect();
            self.outside(&found, attribute, &known);
        }
        chosen.map(|&(_, chosen)| chosen)
    }

    /// The `Type` of an element that must have one.
    pub(super) fn kind<T: Copy>(
        &mut self,
        element: Element<'_>,
        kinds: &[(&'static str, T)],
    ) -> Option<T> {
        if element.attribute("Type").is_none() {
            self.required(element, "Type");
        }
        self.choice(element, "Type", kinds)
    }

    fn outside(&mut self, found: &Attribute<'_>, attribute: &'static str, known: &[&'static str]) {
        let hint = self.nearest(found.value, known.iter().copied());
        let problem = Problem::Outside {
            attribute,
            value: found.value.into(),
            known: known.into(),
        };
        self.fault(found.span.clone(), problem, hint);
    }
}
