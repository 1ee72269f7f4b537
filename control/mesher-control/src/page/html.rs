//! Writes HTML with every foreign text escaped.
//! It must not take markup from outside this folder.

use std::fmt::{self, Display, Write as _};

/// Foreign text, safe between tags and inside a quoted attribute.
pub(crate) struct Escaped<'a>(pub(crate) &'a str);

impl Display for Escaped<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for character in self.0.chars() {
            match character {
                '&' => formatter.write_str("&amp;")?,
                '<' => formatter.write_str("&lt;")?,
                '>' => formatter.write_str("&gt;")?,
                '"' => formatter.write_str("&quot;")?,
                '\'' => formatter.write_str("&#39;")?,
                // Control characters, and those that turn the direction of what stands beside them.
                other if other.is_control() || is_directional(other) => formatter.write_char('\u{fffd}')?,
                other => formatter.write_char(other)?,
            }
        }
        Ok(())
    }
}

const fn is_directional(character: char) -> bool {
    matches!(character, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// A table under a caption, or the sentence that stands for an empty one.
pub(crate) struct Table<'a> {
    pub(crate) title: &'a str,
    pub(crate) columns: &'a [&'a str],
    pub(crate) empty: &'a str,
    /// Cells as they stand on the page: made of [`cell`]s.
    pub(crate) rows: Vec<String>,
    /// How many there are in all, shown or not.
    pub(crate) total: u64,
    /// Where all of them can be read.
    pub(crate) all: &'a str,
}

impl Display for Table<'_> {
    fn fmt(&self, page: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { title, columns, empty, rows, total, all } = self;
        writeln!(page, "<section>\n<h2>{title} <small>{total}</small></h2>")?;
        if rows.is_empty() {
            return writeln!(page, "<p class=\"empty\">{}</p>\n</section>", Escaped(empty));
        }
        page.write_str("<div class=\"wide\"><table>\n<thead><tr>")?;
        columns.iter().try_for_each(|column| write!(page, "<th scope=\"col\">{column}</th>"))?;
        page.write_str("</tr></thead>\n<tbody>\n")?;
        rows.iter().try_for_each(|row| writeln!(page, "<tr>{row}</tr>"))?;
        page.write_str("</tbody>\n</table></div>\n")?;
        let hidden = total.saturating_sub(rows.len() as u64);
        if hidden > 0 {
            writeln!(page, "<p class=\"empty\">{hidden} more: <a href=\"{all}\">{all}</a></p>")?;
        }
        page.write_str("</section>\n")
    }
}

/// A cell with foreign text in it.
pub(crate) fn cell(text: &str) -> String {
    format!("<td>{}</td>", Escaped(text))
}

/// A cell with a state word, coloured by what it means; the word itself says it too.
pub(crate) fn state_cell(word: &str) -> String {
    let class = match word {
        "UP" | "ready" => "good",
        "DOWN" | "OUTOFSERVICE" => "bad",
        _ => "between",
    };
    format!("<td><span class=\"state {class}\">{}</span></td>", Escaped(word))
}

/// A cell with several foreign texts, one a line.
pub(crate) fn lines_cell<'a>(lines: impl Iterator<Item = &'a str>) -> String {
    let mut cell = String::from("<td>");
    for (place, line) in lines.enumerate() {
        // Writing to a String cannot fail.
        let _ = write!(cell, "{}<code>{}</code>", if place > 0 { "<br>" } else { "" }, Escaped(line));
    }
    cell + "</td>"
}
