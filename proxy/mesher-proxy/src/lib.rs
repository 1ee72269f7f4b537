//! The data plane: takes every call of an application and every call to it.
//! It must keep serving with what it knows when the control plane is gone, and must never end on a byte from the network.

pub mod bootstrap;
