//! Tests of the parts that need no socket, and of calls that only an ill-mannered provider brings about.
//! Must not cover what callers see: `tests/it` does.

mod bmi;
mod page;
mod provider;
mod route;
