//! How a request's head is written for the next hop, in one pass.
//! It must write what the gate has read in one way only: one `Host`, one framing, no hop-by-hop field.

use super::{RequestHead, SetField, TargetForm};
use crate::Version;
use crate::edit::RequestEdit;
use crate::field::{self, Field, FieldKind};

impl RequestHead {
    /// Appends this head for the next hop: origin form, one `Host`, no hop-by-hop field, the framing written anew.
    pub fn write(&self, set: &[SetField<'_>], out: &mut Vec<u8>) {
        self.write_own_start_line(out);
        self.write_absolute_host(out);
        self.write_fields(set, |_| true, out);
        self.write_end(out);
    }

    /// As [`Self::write`], with what `edit` changes. Fields that the proxy sets itself are not for an edit to name.
    pub fn write_edited(&self, set: &[SetField<'_>], edit: &RequestEdit<'_>, out: &mut Vec<u8>) {
        match edit.path_and_query {
            None => self.write_own_start_line(out),
            Some(target) => self.write_start_line(target.as_bytes(), out),
        }
        match edit.host {
            None => self.write_absolute_host(out),
            Some(host) => self.write_host(host, out),
        }
        let keeps = |field: &Field| {
            let is_replaced = edit.host.is_some() && field.kind == FieldKind::Host;
            !is_replaced && !edit.fields.leave_out(field.name.bytes(&self.bytes))
        };
        self.write_fields(set, keeps, out);
        edit.fields.write(out);
        self.write_end(out);
    }

    fn write_start_line(&self, target: &[u8], out: &mut Vec<u8>) {
        out.extend_from_slice(self.method.bytes(&self.bytes));
        out.push(b' ');
        out.extend_from_slice(target);
        out.extend_from_slice(b" HTTP/1.1\r\n");
    }

    fn write_own_start_line(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.method.bytes(&self.bytes));
        out.push(b' ');
        let path = self.path.bytes(&self.bytes);
        match path.first() {
            None => out.extend_from_slice(self.path_and_query().as_bytes()),
            // A query alone needs its path in front (RFC 9112 §3.2.1).
            Some(b'?') => out.extend_from_slice(b"/"),
            Some(_) => {}
        }
        out.extend_from_slice(path);
        out.extend_from_slice(b" HTTP/1.1\r\n");
    }

    fn write_host(&self, host: &str, out: &mut Vec<u8>) {
        out.extend_from_slice(b"Host: ");
        out.extend_from_slice(host.as_bytes());
        if let Some(port) = self.authority().and_then(|authority| authority.port) {
            out.push(b':');
            out.extend_from_slice(itoa::Buffer::new().format(port).as_bytes());
        }
        out.extend_from_slice(b"\r\n");
    }

    /// In absolute form the next hop's `Host` is the target's authority, whatever the field said.
    fn write_absolute_host(&self, out: &mut Vec<u8>) {
        if self.form == TargetForm::Absolute || !self.fields.has(FieldKind::Host) {
            out.extend_from_slice(b"Host: ");
            out.extend_from_slice(self.authority.bytes(&self.bytes));
            out.extend_from_slice(b"\r\n");
        }
    }

    /// Appends the fields that pass and that `keeps` keeps, and those of `set`.
    fn write_fields(&self, set: &[SetField<'_>], keeps: impl Fn(&Field) -> bool, out: &mut Vec<u8>) {
        let mut is_set = [false; 8];
        let own = |kind: FieldKind| match kind {
            FieldKind::Other => None,
            _ => set.iter().position(|own| own.kind == kind),
        };
        self.fields.write_where(
            &self.bytes,
            out,
            |field| own(field.kind).is_none() && self.passes(field) && keeps(field),
            |field, out| {
                let Some(index) = own(field.kind) else { return };
                let done = is_set.get_mut(index).map(|done| std::mem::replace(done, true));
                if done == Some(false) {
                    write_set(set.get(index), out);
                }
            },
        );
        for (own, _) in set.iter().zip(is_set).filter(|(_, done)| !done) {
            write_set(Some(own), out);
        }
    }

    fn write_end(&self, out: &mut Vec<u8>) {
        if self.takes_trailers() {
            out.extend_from_slice(b"Connection: te\r\nTE: trailers\r\n");
        }
        if let Some(protocol) = self.upgrade() {
            field::write_upgrade(protocol, out);
        }
        self.framing.write(out);
        out.extend_from_slice(b"\r\n");
    }

    fn passes(&self, field: &Field) -> bool {
        match field.kind {
            FieldKind::Host => self.form != TargetForm::Absolute,
            FieldKind::ContentLength => false,
            FieldKind::Expect => self.version == Version::Http11,
            kind => !kind.is_hop_by_hop(),
        }
    }
}

fn write_set(own: Option<&SetField<'_>>, out: &mut Vec<u8>) {
    if let Some(own) = own.filter(|own| !own.value.is_empty()) {
        out.extend_from_slice(own.name.as_bytes());
        out.extend_from_slice(b": ");
        out.extend_from_slice(own.value);
        out.extend_from_slice(b"\r\n");
    }
}
