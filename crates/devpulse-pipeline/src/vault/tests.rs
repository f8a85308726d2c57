//! Facts about the vault.
