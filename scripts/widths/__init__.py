"""The final picture's loss with weights of many sizes: runs that are kept, tables and charts."""
