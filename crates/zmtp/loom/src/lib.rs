//! Runs what threads share under `loom`: see `tests/`.
