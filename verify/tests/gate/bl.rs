//! Bodies that are too large, and peers that are too slow or leave early.
//! It must compare what the upstream received, byte by byte, not only what the caller was told.
