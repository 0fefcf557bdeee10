//! Token ids → strided windows of inputs and targets.
