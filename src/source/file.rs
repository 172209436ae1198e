//! Files, whole or followed as they grow.
