//! The proxies that are measured, each started with one worker in front of the same backend.
//! It must hold the map of this folder and no logic.

mod configuration;
mod envoy;
mod kind;
mod mesher;
mod nginx;
mod proxy;
mod registry;

pub(crate) use kind::Kind;
pub(crate) use mesher::{Binary, RELEASED};
pub(crate) use nginx::prepare as prepare_nginx;
pub(crate) use proxy::{Place, Proxy};
pub(crate) use registry::{Registry, SERVICE};

#[cfg(test)]
mod tests;
