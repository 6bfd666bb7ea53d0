//! What the columns say of themselves: facts of the protocol, in the words of the real server's printers.

use crate::rehearsal::api::kinds::Kind;

/// One column a line: its kind (a star: any), its name, its description.
static TABLE: &str = include_str!("descriptions.txt");

/// The description of this kind's column; empty where there is none.
pub(super) fn of(kind: Kind, column: &str) -> String {
    let described = |line: &&str| {
        let mut parts = line.split('\t');
        let of = parts.next();
        (of == Some("*") || of == Some(kind.resource().name)) && parts.next() == Some(column)
    };
    let line = TABLE.lines().find(described).and_then(|line| line.rsplit('\t').next());
    line.unwrap_or_default().replace("\\n", "\n")
}
