"""Does Backsight see what other libraries train, and does it leave them alone?

* ``libraries``: quickstarts of libraries that train recurrent networks, plain and observed.
* ``callbacks``: the same libraries with one line, a callback, beside ``backsight run``.
* ``models``: sequence models of other libraries, found by themselves and checked by autograd.
* ``half_lives``: how fast the layers of these models forget, checked against their own scans.
* ``layers_lags``: which block of a trained sequence model looks how far back.
"""
