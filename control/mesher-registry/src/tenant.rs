//! Whose records a call may see: a domain and a project within it.
//! It must not know which header or path segment named them.

use crate::RegistryError;

/// The longest name of a domain or a project, in bytes.
const MAX_NAME: usize = 128;

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
    /// [`RegistryError::InvalidField`]: a name is too long, or holds a slash, white space or control characters.
    /// A slash would let two tenants share the index keys that service ids are made of.
    pub fn new(domain: &'a str, project: &'a str) -> Result<Self, RegistryError> {
        let domain = checked("X-Domain-Name", domain)?;
        let project = checked("project", project)?;
        Ok(Self { domain, project })
    }

    /// A tenant that was checked when one of its records was made.
    pub(crate) const fn of_record(domain: &'a str, project: &'a str) -> Self {
        Self { domain, project }
    }

    /// Whether a service of this name is visible from every application and environment of the tenant.
    #[must_use]
    pub fn shares(self, app: &str, name: &str) -> bool {
        crate::own::is_shared(self, app, name)
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

fn checked<'a>(field: &'static str, name: &'a str) -> Result<&'a str, RegistryError> {
    if name.is_empty() {
        return Ok(mesher_model::DEFAULT);
    }
    let fits = name.len() <= MAX_NAME && name.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'/');
    if fits {
        Ok(name)
    } else {
        Err(RegistryError::invalid(field, name, "1 to 128 visible characters, no slash"))
    }
}
