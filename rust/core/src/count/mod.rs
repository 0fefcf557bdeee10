//! Pretokens → how often each occurs.
