"""Use cases: they call ports and return values; they print nothing."""
