"""Small feed-forward networks, each of which repaints any photo after the paintings it learned."""
