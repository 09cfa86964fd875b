"""One shot after another: what decides it, what it needs, and how it is taken."""
