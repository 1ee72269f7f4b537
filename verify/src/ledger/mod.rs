//! Calls by the thousand, each with an id: which were lost, doubled, crossed or cut short.
