"""Data: where it is found, how it is checked, and digits that the library draws itself."""
