"""Backups of everything that cannot be made again: the database, the keys, the artifacts.

A place of backups is a folder, or a prefix in a bucket:

    artifacts/ab/abcd…           each artifact once, under its SHA-256, for all snapshots together
    snapshots/<moment>/          the database in one file, the keys, and manifest.json, which is written last

So a second backup sends only what is new, and one that was interrupted goes on where it stopped.
"""
