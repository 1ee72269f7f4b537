//! `cargo xtask tidy`: the house rules that a program can hold, one file for each group of them.
//! Must not format or repair: it names the place, the rule and what to do.

mod edges;
mod manifests;
mod names;
mod purity;
mod report;
mod scan;
mod sources;
mod tree;
mod unsafety;
mod violation;

pub(crate) use report::run;

#[cfg(test)]
mod tests;
