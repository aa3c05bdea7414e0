"""Other implementations, to compare with."""
