//! What a caller of this crate changes of a head on its way, beside what every proxy changes.
//! It must leave framing and hop-by-hop fields alone: whoever makes an edit must not name them in it.

/// Changes of a head's fields.
#[derive(Debug, Clone, Copy, Default)]
pub struct FieldEdits<'a> {
    /// Names of fields that do not pass, compared without case.
    pub left_out: &'a [Box<str>],
    /// Lines that are added behind all others, name and value. A name is a token, a value has no control character.
    pub added: &'a [(Box<str>, Box<str>)],
}

/// Changes of a request's head.
#[derive(Debug, Clone, Copy, Default)]
pub struct RequestEdit<'a> {
    /// Changes of its fields.
    pub fields: FieldEdits<'a>,
    /// Path and query in place of its own; begins with a slash, and has no byte that a target cannot have.
    pub path_and_query: Option<&'a str>,
    /// A host in place of its own, without a port: that of the request stays.
    pub host: Option<&'a str>,
}

impl FieldEdits<'_> {
    /// Whether fields of this name do not pass.
    pub(crate) fn leave_out(&self, name: &[u8]) -> bool {
        self.left_out.iter().any(|other| other.as_bytes().eq_ignore_ascii_case(name))
    }

    /// Appends the lines that are added.
    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        for (name, value) in self.added {
            out.extend_from_slice(name.as_bytes());
            out.extend_from_slice(b": ");
            out.extend_from_slice(value.as_bytes());
            out.extend_from_slice(b"\r\n");
        }
    }
}
