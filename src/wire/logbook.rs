//! Logbook's `ZeroMQHandler`.
