"""The parts of an entry script's way: loading it, reading its arguments, sending what it returns."""
