"""Renderings of a Plan or an Outcome: value in, string out."""
