"""What model files look like from the inside. Runs in the bounded inspection program: no Django here.

Nothing in this package ever loads a model: it reads headers, graphs and opcodes.
"""
