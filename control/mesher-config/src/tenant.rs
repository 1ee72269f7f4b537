//! Whose configuration a call may see: a domain and a project within it.
//! It must not know which header, token or path named them.

use crate::ConfigError;

/// The longest name of a domain or a project, in bytes.
const NAME_MAX: usize = 128;

/// A tenant: nothing is visible from one to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tenant<'a> {
    domain: &'a str,
    project: &'a str,
}

impl<'a> Tenant<'a> {
    /// The tenant of every call that names none.
    pub const DEFAULT: Tenant<'static> =
        Tenant { domain: mesher_model::DEFAULT, project: mesher_model::DEFAULT };

    /// Names a tenant; an empty part means `default`.
    ///
    /// # Errors
    /// [`ConfigError::Invalid`]: a name is too long, or holds a slash, white space or control characters. A slash would
    /// let two tenants share the text that ids are made of.
    pub fn new(domain: &'a str, project: &'a str) -> Result<Self, ConfigError> {
        Ok(Self { domain: checked("domain", domain)?, project: checked("project", project)? })
    }

    /// Name of the domain.
    #[must_use]
    pub const fn domain(self) -> &'a str {
        self.domain
    }

    /// Name of the project.
    #[must_use]
    pub const fn project(self) -> &'a str {
        self.project
    }
}

fn checked<'a>(field: &str, name: &'a str) -> Result<&'a str, ConfigError> {
    if name.is_empty() {
        return Ok(mesher_model::DEFAULT);
    }
    let fits = name.len() <= NAME_MAX && name.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'/');
    if fits { Ok(name) } else { Err(ConfigError::field(field, "1 to 128 visible characters, no slash")) }
}
