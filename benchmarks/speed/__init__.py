"""What does Backsight cost?

* ``overhead``: what observing adds to a training at the default settings.
* ``samples``: what a sample, and a step without one, cost beside what others add for less.
* ``memory``: what measuring the memory of states costs, in forward passes of the batch.
* ``recorder``: what recording an iteration costs, and reading a long run.
* ``long_runs``: time and memory of the commands on long runs.
* ``install``: what ``pip install backsight`` adds to an environment that has torch.
* ``map``: a training step of many networks at once, as a stability map trains them.
* ``scan``: a linear recurrence by a parallel scan, beside the loop over its steps.
"""
