//! Keys and values under labels, as kie has them: map of this part.
//! It must not hold logic.

mod tenants;

pub use tenants::Keys;
