"""Photos to train style networks on: where they come from, and how they are made ready."""
