"""The worlds of the course, as data."""
