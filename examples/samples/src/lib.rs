//! The two services of the demonstration: `calculator` computes, `webapp` asks it through the proxy beside it.
//! Must know nothing of the mesh: what these services need from it is a proxy address, as any application does.

mod bmi;
mod calculator;
mod identity;
mod page;
mod provider;
mod reply;
mod route;
mod sample;
mod settings;
mod webapp;

pub use sample::{Sample, SampleError};
pub use settings::{DEFAULT_PROVIDER, Kind, Settings};

#[cfg(test)]
mod tests;
