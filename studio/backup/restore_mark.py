"""The file that a data folder has while a restore has not come to its end."""

MARK = "restoring"
