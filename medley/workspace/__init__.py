"""Workspaces: folders of shots, with their layout, locks, status and maintenance."""
