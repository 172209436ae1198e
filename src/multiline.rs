//! Lines that belong to the line before them: tracebacks.
