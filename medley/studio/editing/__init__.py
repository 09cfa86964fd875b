"""Cutting of films from finished shots, and the sidecars, credits, posters and reports of films."""
