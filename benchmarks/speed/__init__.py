"""What does Backsight cost?

* ``overhead``: what observing adds to a training step.
* ``recorder``: what recording an iteration costs, and reading a long run.
* ``map``: a training step of many networks at once, as a stability map trains them.
"""
