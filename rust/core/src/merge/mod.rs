//! Counts → merges: byte-pair encoding learned from word counts.
