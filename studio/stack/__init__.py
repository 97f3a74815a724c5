"""Everything on one machine: what `manage.py up` starts, watches and stops.

Workers and clock are forked from the supervisor after it has loaded the code: they start in a fraction of a
second and share the memory of what is loaded. Broker and web server are programs of their own.
"""
