//! Stored records, sent again with their own spacing.
