"""A kind of target for tests of the loop: it runs nothing and misbehaves on order."""
