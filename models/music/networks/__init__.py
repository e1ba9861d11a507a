"""Reference networks in torch; nothing at play time imports this folder."""
