"""Raw HTTP, by its older name."""
