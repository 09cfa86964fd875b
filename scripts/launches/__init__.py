"""What a step asks of a GPU, counted without one."""
