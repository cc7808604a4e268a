"""As in the package that this stands for."""
