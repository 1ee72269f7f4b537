//! Who gets a copy of a call beside the one who answers it.
//! It must ask of a copy nothing that a caller could wait for.

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};

use super::super::bounds::{checked, given};
use super::super::route::Subset;
use super::super::words::Name;

/// All of the calls.
pub(in super::super) const PERCENT_MAX: u8 = 100;

/// A copy of each call, or of a part of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "schema", schemars(extend("anyOf" = super::super::schema::any_required(["service", "subset"]))))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RequestMirror {
    /// The service that gets it, of the same application; the one that is called where absent.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "given")]
    #[cfg_attr(feature = "schema", schemars(with = "Name"))]
    pub service: Option<Name>,
    /// Which of its instances get it; all of them where absent. Of another service a version at most.
    #[serde(default, skip_serializing_if = "Subset::is_all")]
    pub subset: Subset,
    /// Of how many in a hundred calls, 0 to 100.
    #[serde(default = "all", skip_serializing_if = "is_all", deserialize_with = "percent")]
    #[cfg_attr(feature = "schema", schemars(range(max = PERCENT_MAX)))]
    pub percent: u8,
}

/// Reads the member of a filter.
pub(super) fn mirror<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<RequestMirror>, D::Error> {
    checked(RequestMirror::deserialize(deserializer)?, |mirror| match &mirror.service {
        None if mirror.subset.is_all() => {
            Err("a mirror names nobody; it has a subset or a service".to_owned())
        }
        Some(_) if mirror.subset.is_particular() => {
            Err("of another service, a mirror can name a version only".to_owned())
        }
        _ => Ok(()),
    })
    .map(Some)
}

const fn all() -> u8 {
    PERCENT_MAX
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands it so")]
const fn is_all(percent: &u8) -> bool {
    *percent == PERCENT_MAX
}

fn percent<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u8, D::Error> {
    let percent = i64::deserialize(deserializer)?;
    u8::try_from(percent).ok().filter(|percent| *percent <= PERCENT_MAX).ok_or_else(|| {
        D::Error::custom(format_args!(
            "{percent} is no percentage: it is a whole number from 0 to {PERCENT_MAX}"
        ))
    })
}
