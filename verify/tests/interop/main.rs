//! Applications on real ServiceComb SDKs beside applications behind a proxy, in one registry: `verify/interop` holds their
//! sources. It must use the SDKs as their users do, and name whatever the machine lacks to build them.
//!
//! | module | holds |
//! |---|---|
//! | `builds` | the programs, built once for each change of their sources |
//! | `sdk` | an application on an SDK: started, found in the registry, told to call |
//! | `sidecar` | an application without an SDK, behind a proxy |
//! | `mesh` | both kinds in one registry, and what must hold of their calls |
//! | `go`, `java`, `registry`, `configuration`, `governed` | the tests |

#![expect(clippy::unwrap_used, clippy::panic, reason = "a failure of the system is a failure of the test")]

mod builds;
mod configuration;
mod go;
mod governed;
mod java;
mod mesh;
mod registry;
mod sdk;
mod sidecar;
