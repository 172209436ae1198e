//! The `json` dialect: `LogRecord` attributes as one JSON object.
