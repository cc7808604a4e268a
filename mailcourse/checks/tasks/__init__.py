"""The tasks of the exercises, a file an assignment."""
