"""What is carried: addresses, the envelope, headers, and the words that servers answer with."""
