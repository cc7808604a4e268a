"""Stands for the little of PyNaCl that Ed25519 in DKIM needs, where there is no libsodium."""
