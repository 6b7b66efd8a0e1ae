"""Over how many steps does a plain recurrent network learn to remember?

* ``temporal_order``: updates until sequences of one length are learned, by several methods.
* ``far``: hundreds of steps back, by a recipe that is told no number.
* ``one_model``: one network, trained on 50 to 200 steps, on sequences of up to 5,000.
* ``curriculum``: the naive length curriculum that collapses, with the guard and without.
* ``poster``: which cell learns what, at five lengths, and its reach and memory beside it.
* ``readings``: whether memory and reach tell networks that forget, hold, or amplify apart.
* ``short_term``: what BKS301 finds in scripts that nobody has changed, and whom it accuses.
"""
