"""From finished shots to films, and to the papers that lie beside them."""
