"""Many films: planned, scheduled, cut and told of."""
