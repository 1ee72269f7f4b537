//! Bulkheads: tables, threads, and callees that are pressed.
//! What is random must come from a seed that is printed where something does not hold.

mod simulation;
mod table;
