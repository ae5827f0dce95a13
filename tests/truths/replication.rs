//! Standbys, slots, subscriptions.
