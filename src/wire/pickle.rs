//! Pickled `LogRecord` dicts, decoded as data.
