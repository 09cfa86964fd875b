"""Weights of the network made as asked for: bit widths, schemes, and their effect on features."""
