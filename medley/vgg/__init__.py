"""VGG-19: its network, its weights on disk, and their compression to 1-8 bits."""
