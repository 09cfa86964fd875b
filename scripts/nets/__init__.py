"""Style networks measured: their losses on photos held back, their speed, and charts of both."""
