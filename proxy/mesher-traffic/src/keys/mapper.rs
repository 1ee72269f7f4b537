//! `mapper.NAME`: what of calls is put into their context, as Java's governance says it.
//! It must read what is there alone; which calls it is about stands in the match group of the same name.
//!
//! Source: Java Chassis 3, `MapperPolicy`, `ContextMapperFilter`.

use std::collections::BTreeMap;

use serde::de::IgnoredAny;
use serde_saphyr::Spanned;

use super::governed::Frame;
use super::matching::pass_over;
use super::yaml::{self, Fault, members};
use crate::mapping::{Mapping, Source};

/// The kind.
pub(super) const KIND: &str = "mapper";
/// Members of one mapping.
const MEMBERS_MAX: usize = 16;
/// The longest name of a member, of a field, of a parameter, and the longest constant, in bytes.
const TEXT_BYTES_MAX: usize = 256;
/// Members of a context that nobody says but proxies and SDKs themselves: who calls.
const RESERVED: [&str; 3] = ["x-cse-src-microservice", "x-src-serviceid", "x-src-instanceid"];

members! {
    /// One policy.
    Item {
        "name" => name: IgnoredAny,
        "services" => services: String,
        "order" => order: String,
        /// Members of the context, each with what it gets.
        "target" => target: BTreeMap<String, String>,
    }
}

/// Reads a value.
pub(super) fn read(text: &str) -> Result<Frame<Mapping>, Fault> {
    let node: Spanned<Item> = yaml::read(text)?;
    let mut notices = Vec::new();
    pass_over(&node, &node.value.unknown, &mut notices);
    let Item { services, order, target, .. } = node.value;
    let Some(target) = target else {
        return Err(Fault::whole("it has no target: the members of x-cse-context, each with what it gets"));
    };
    if !(1..=MEMBERS_MAX).contains(&target.value.len()) {
        let words = format!("{} members; there are 1 to {MEMBERS_MAX}", target.value.len());
        return Err(Fault::at(&target, words));
    }
    let read = |(name, value): (&String, &String)| {
        let is_name =
            (1..=TEXT_BYTES_MAX).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_graphic());
        if !is_name {
            return Err(format!("{name:?} is no name of a member"));
        }
        if RESERVED.iter().any(|reserved| name.eq_ignore_ascii_case(reserved)) {
            return Err(format!("{name:?} says who calls, which no key may say"));
        }
        Ok((name.as_str().into(), source(value)?))
    };
    let members = target.value.iter().map(read).collect::<Result<_, String>>();
    let item = Mapping(members.map_err(|words| Fault::at(&target, words))?);
    Ok(Frame { services, order, item, notices })
}

/// `$U`, `$M`, `$H{name}`, `$Q{name}`; anything else is what the member gets.
fn source(value: &str) -> Result<Source, String> {
    if value.len() > TEXT_BYTES_MAX {
        return Err(format!("{} bytes; a value has at most {TEXT_BYTES_MAX}", value.len()));
    }
    let named = |begin: &str| value.strip_prefix(begin)?.strip_suffix('}').filter(|name| !name.is_empty());
    Ok(match (value, named("$H{"), named("$Q{")) {
        ("$U", ..) => Source::Path,
        ("$M", ..) => Source::Method,
        (_, Some(name), _) => Source::Header(name.to_ascii_lowercase().into()),
        (_, _, Some(name)) => Source::Parameter(name.into()),
        _ => Source::Constant(value.into()),
    })
}
