"""Listing of paintings in folders and catalogs, and drawing of some of them."""
