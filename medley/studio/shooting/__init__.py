"""Taking of single shots: their specs, the memory and time they need, models and checkpoints."""
