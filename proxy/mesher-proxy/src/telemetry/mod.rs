//! What the proxy tells about itself: counters, their exposition, the access log.
//! It must cost a request no lock and no system call of its own.

pub(crate) mod access_log;
pub(crate) mod context;
pub(crate) mod counters;
mod counts;
pub(crate) mod exposition;
mod guards;
pub(crate) mod names;
mod overload;
pub(crate) mod refusal_log;
mod tries;

#[cfg(test)]
mod tests;
