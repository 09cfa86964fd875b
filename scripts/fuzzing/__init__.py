"""Whole files of every kind that medley reads, damage to them, and the doors they go through."""
