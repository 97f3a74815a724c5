"""What people do with accounts: sign in, make workspaces, invite members, make tokens. Pages and REST.

The tables and the access rule are in studio.accounts, below the audit trail; the deeds are here, above it.
"""
