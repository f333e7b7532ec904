//! The site: finding it, asking it for its facts, its services and its database catalogue. Read only.
