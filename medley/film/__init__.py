"""The film floor: which pictures each frame shows, their pixels, and the encoded file; no torch."""
