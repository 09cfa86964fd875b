"""Networks with weights made to order: which, how, and what that does to features."""
