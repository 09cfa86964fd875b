"""Shots on disk: what lies there, locks on it, and its upkeep."""
