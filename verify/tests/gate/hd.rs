//! Header fields that lie about the caller, or say more than they may.
//! It must compare what the upstream received, byte by byte, not only what the caller was told.
