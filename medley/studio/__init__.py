"""Where the floors below come together: shots are taken, films cut from them."""
