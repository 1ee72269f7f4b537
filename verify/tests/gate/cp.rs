//! Hazards of pooled upstream connections.
//! It must compare what the upstream received, byte by byte, not only what the caller was told.
