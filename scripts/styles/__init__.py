"""Painters that work from a seed: each module paints one of the pictures that ship with medley."""
