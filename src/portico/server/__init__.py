"""The edge towards clients: plain ASGI, routes, keys, errors."""
