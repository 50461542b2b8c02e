//! Tables: a header and rows in plain columns, which fit 80 characters where their content does.

use comfy_table::{ContentArrangement, Table, presets};

/// The rows under the header, without blanks at the ends of lines.
///
/// Nothing is wrapped or cut: an id that is broken in two cannot be copied.
pub(super) fn table<const COLUMNS: usize>(header: [&str; COLUMNS], rows: Vec<[String; COLUMNS]>) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(header);
    for row in rows {
        table.add_row(row);
    }
    for column in table.column_iter_mut() {
        column.set_padding((0, 1));
    }
    table.trim_fmt()
}

/// What stands for a value that nobody told.
pub(super) fn dash(value: Option<&str>) -> String {
    value.unwrap_or("-").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_content_and_lines_end_with_it() {
        let rows = vec![["a".to_owned(), "in sync".to_owned()], ["long-name".to_owned(), dash(None)]];
        assert_eq!(table(["ID", "STATE"], rows), "ID        STATE\na         in sync\nlong-name -");
    }
}
