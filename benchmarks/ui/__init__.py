"""Is the live page there at once, and does it stay up?

* ``ui``: when a page shows something, bytes, live latency, and what an open page costs, beside
  TensorBoard and MLflow on the same data.
* ``load``: many requests, many open streams and clients that never read, while a run is written.
"""
