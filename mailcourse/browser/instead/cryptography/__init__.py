"""Stands for the little of `cryptography` that keys of DKIM need, where there is no OpenSSL."""
