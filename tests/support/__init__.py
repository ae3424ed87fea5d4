"""Parts that tests share: a clock that is moved by hand, a whole platform on a real socket, clients for it."""
