//! Tables, indexes, sequences, I/O, WAL.
