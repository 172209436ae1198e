//! Which records pass: level, topic, regex and time.
