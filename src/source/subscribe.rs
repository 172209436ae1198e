//! A subscription.
