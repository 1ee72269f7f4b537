//! Resources that run out.
//! It must bring the proxy to its bounds by what callers send, and demand that it knows them.
//!
//! | row | waits for |
//! |---|---|
//! | RE-01, RE-02, RE-04 to RE-09 | rows of their own |

mod memory;
