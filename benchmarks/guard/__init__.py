"""Which runs does the guard save, and what does it change in healthy ones?

* ``survival``: fragile settings and healthy ones, under the guard, other methods and common fixes.
* ``faults``: faults from outside, such as NaN in a weight, beside another tool and nothing.
"""
