//! For a person: aligned columns, colours, tracebacks indented.
