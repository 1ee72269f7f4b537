//! Upstreams that fail, stall, or answer nonsense.
//! It must compare what the upstream received, byte by byte, not only what the caller was told.
