"""Everything on one machine: what `manage.py up` starts, watches and stops.

The supervisor imports neither Django nor Celery, so that watching costs 15 MB instead of 70.
"""
