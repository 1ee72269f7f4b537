//! Takes a Rust source apart into code and comments, of the same shape as the source.
//! Must not parse: it only knows where comments, strings and characters begin and end.

/// Two copies of a source with the same lines and columns, each with the other part and all strings blanked.
#[derive(Debug)]
pub(crate) struct Scanned {
    pub(crate) code: String,
    pub(crate) comments: String,
}

enum Part {
    Code,
    Comment,
    Literal,
}

/// Takes a source apart; an unfinished comment or string extends to the end.
pub(crate) fn scan(text: &str) -> Scanned {
    let mut scanned = Scanned { code: String::with_capacity(text.len()), comments: String::new() };
    let mut rest = text;
    while let Some(next) = rest.chars().next() {
        let (part, length) = part_at(rest, scanned.code.chars().next_back().is_some_and(is_word));
        let length = length.clamp(next.len_utf8(), rest.len());
        for character in rest[..length].chars() {
            scanned.push(character, &part);
        }
        rest = &rest[length..];
    }
    scanned
}

/// The words of a text: names, keywords and numbers, each with its line from 1.
pub(crate) fn words(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.lines().enumerate().flat_map(|(index, line)| {
        line.split(|character| !is_word(character))
            .filter(|word| !word.is_empty())
            .map(move |word| (index + 1, word))
    })
}

/// The line, from 1, of a place in a text.
pub(crate) fn line_at(text: &str, offset: usize) -> usize {
    1 + text[..offset].matches('\n').count()
}

impl Scanned {
    fn push(&mut self, character: char, part: &Part) {
        if character == '\n' {
            self.code.push('\n');
            self.comments.push('\n');
            return;
        }
        self.code.push(if matches!(part, Part::Code) { character } else { ' ' });
        self.comments.push(if matches!(part, Part::Comment) { character } else { ' ' });
    }
}

/// What begins here, and how many bytes of it belong together.
fn part_at(rest: &str, is_in_word: bool) -> (Part, usize) {
    if rest.starts_with("//") {
        return (Part::Comment, rest.find('\n').unwrap_or(rest.len()));
    }
    if rest.starts_with("/*") {
        return (Part::Comment, block_length(rest));
    }
    if rest.starts_with('"') {
        return (Part::Literal, quoted_length(rest, '"'));
    }
    if let Some(length) = raw_length(rest).filter(|_| !is_in_word) {
        return (Part::Literal, length);
    }
    match character_length(rest) {
        Some(length) => (Part::Literal, length),
        None => (Part::Code, 0),
    }
}

/// Block comments nest.
fn block_length(rest: &str) -> usize {
    let (mut depth, mut at) = (0, 0);
    while at < rest.len() {
        if rest[at..].starts_with("/*") {
            depth += 1;
            at += 2;
        } else if rest[at..].starts_with("*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += rest[at..].chars().next().map_or(1, char::len_utf8);
        }
    }
    rest.len()
}

/// From the opening quote to after the closing one, minding backslashes.
fn quoted_length(rest: &str, quote: char) -> usize {
    let mut characters = rest.char_indices().skip(1);
    while let Some((at, character)) = characters.next() {
        if character == '\\' {
            characters.next();
        } else if character == quote {
            return at + quote.len_utf8();
        }
    }
    rest.len()
}

/// `r"…"`, `r#"…"#`, and the same after `b` or `c`.
fn raw_length(rest: &str) -> Option<usize> {
    let prefix = ["r", "br", "cr"].into_iter().find(|prefix| {
        rest.strip_prefix(prefix).is_some_and(|after| after.trim_start_matches('#').starts_with('"'))
    })?;
    let after = &rest[prefix.len()..];
    let hashes = after.len() - after.trim_start_matches('#').len();
    let close = format!("\"{}", "#".repeat(hashes));
    let open = prefix.len() + hashes + 1;
    Some(rest[open..].find(&close).map_or(rest.len(), |at| open + at + close.len()))
}

/// A character literal; a lifetime has no closing quote where one would stand.
fn character_length(rest: &str) -> Option<usize> {
    let after = rest.strip_prefix('\'')?;
    if after.starts_with('\\') {
        return Some(quoted_length(rest, '\''));
    }
    let length = after.chars().next()?.len_utf8();
    after[length..].starts_with('\'').then_some(length + 2)
}

fn is_word(character: char) -> bool {
    character.is_alphanumeric() || character == '_'
}
