//! Sessions, transactions, locks and who waits for whom.
