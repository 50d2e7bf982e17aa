"""The rules, pure: no file, no network, no clock, no randomness but what is passed in."""
