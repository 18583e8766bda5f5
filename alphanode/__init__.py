"""The site around the product: settings, addresses, WSGI, headers and middleware."""
