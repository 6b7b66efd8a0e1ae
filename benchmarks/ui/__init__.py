"""Is the live page there at once, and does it stay up?

* ``pages``: how long the table of 1,000 runs and the pages of long and wide runs take to appear.
* ``load``: what many requests, idle pages and a client that never reads cost the server.
"""
