"""Renderings of a Plan or an Outcome: a value in, a string out; only the command line writes it anywhere."""
