//! Tables for what needs no socket: host names, bodies, cursors, escapes, soft state.
//! They must not repeat what the suites in `tests/` show over HTTP.
