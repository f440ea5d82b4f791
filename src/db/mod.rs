//! The state store: sessions and what later must outlive a process. All SQL lives here.
