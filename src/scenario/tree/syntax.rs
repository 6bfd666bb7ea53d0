//! Syntax errors in words.

use serde_saphyr::granit_parser::{ErrorKind, ScanError, Span as Marks};

use super::build::place;
use crate::scenario::mistake::{Mistakes, quoted};

/// Notes a syntax error at its place, with what is allowed there.
pub fn tell(error: &ScanError, text: &str, mistakes: &mut Mistakes) {
    let span = place(&Marks::empty(*error.marker()));
    let line = text.lines().nth(error.marker().line().saturating_sub(1)).unwrap_or_default().trim();
    let (message, allowed) = words(error);
    let mistake = mistakes.error(span, line, message);
    if let Some(allowed) = allowed {
        mistake.allow(allowed);
    }
    if let Some(hint) = hint(error, line) {
        mistake.hint(hint);
    }
}

fn words(error: &ScanError) -> (String, Option<&'static str>) {
    use ErrorKind as E;
    let (message, allowed) = match error.kind() {
        E::TabNotAllowed | E::TabInBlockIndentation | E::TabInIndentation | E::TabAtBlockScalarStart | E::TabInPlainScalar => {
            ("a tab stands where only spaces may", Some("spaces"))
        }
        E::MappingValueNotAllowed => (
            "a second `:` in one line, or a value where none may stand",
            Some("one `key: value` a line; text with `: ` in it goes between quotes"),
        ),
        E::ExpectedBlockMappingKey | E::SimpleKeyExpected | E::MappingKeyNotAllowed => {
            ("this is no `key: value` of the mapping it stands in", Some("a key at the column of its siblings"))
        }
        E::ExpectedBlockSequenceEntry | E::BlockSequenceEntryNotAllowed => {
            ("a list entry can't stand here", Some("`- ` at the column of its siblings"))
        }
        E::ExpectedFlowMappingSeparator => {
            ("this `{` mapping is not continued as one", Some("`,` or `}`; text with `{`, `}`, `[`, `]` or `,` in it goes between quotes"))
        }
        E::ExpectedFlowSequenceSeparator => {
            ("this `[` list is not continued as one", Some("`,` or `]`; text with `{`, `}`, `[`, `]` or `,` in it goes between quotes"))
        }
        E::UnclosedQuotedScalar => ("this quote is never closed", Some("the same quote at the end of the text")),
        E::UnclosedFlowCollection { .. }
        | E::UnexpectedEofFlowMapping
        | E::UnexpectedEofFlowSequence
        | E::UnexpectedEofImplicitFlowMapping => ("this bracket is never closed", Some("`}` for `{`, `]` for `[`")),
        E::MismatchedFlowCollectionEnd { .. } | E::MisplacedFlowCollectionEnd => {
            ("this bracket closes nothing, or the wrong one", Some("`}` for `{`, `]` for `[`"))
        }
        E::InvalidIndentation | E::InvalidBlockScalarIndent | E::InvalidQuotedScalarIndent | E::InvalidFlowScalarIndent => (
            "this line is indented neither as its siblings nor as a child",
            Some("the column of its siblings, or further right for a child"),
        ),
        E::UnexpectedCharacter { .. } => ("text can't begin with this character", Some("quotes around the text")),
        E::UnknownQuotedScalarEscape | E::InvalidQuotedScalarHexEscape => {
            ("this escape is unknown between double quotes", Some("single quotes, in which a backslash is a backslash"))
        }
        E::InvalidTrailingSingleQuotedScalar | E::InvalidTrailingDoubleQuotedScalar => {
            ("something follows the closing quote", Some("a quote inside single quotes is written twice"))
        }
        E::DirectiveDisallowed => ("directives are not read here", Some("YAML 1.2 without a % line")),
        E::RecursionLimitExceeded => ("this is nested too deeply", None),
        E::BomInsideDocument => ("a byte-order mark stands inside the file", None),
        E::CommentNotSeparated => ("a comment must stand apart from what is before it", Some("a space before #")),
        _ => return (format!("this is not YAML: {}", error.info()), None),
    };
    (message.to_owned(), allowed)
}

fn hint(error: &ScanError, line: &str) -> Option<String> {
    if line.contains("${")
        && matches!(
            error.kind(),
            ErrorKind::ExpectedFlowMappingSeparator
                | ErrorKind::ExpectedFlowSequenceSeparator
                | ErrorKind::FlowMappingValueAdjacentCollection
        )
    {
        return Some(format!("between {} and {} a parameter is quoted: {}", "{", "}", quoted("${NAME}")));
    }
    None
}
