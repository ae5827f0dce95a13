//! Vacuum, ages of transactions, and what holds them back.
