"""Paintings: what folders and catalogs hold, and which are drawn."""
