"""Published tables: a public data set, its published split, a recipe of ours and the known figures beside it.

Training modules: they import torch at the top, and nothing else in the project imports them.
"""
