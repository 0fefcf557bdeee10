//! Token ids in memory-mapped files.
