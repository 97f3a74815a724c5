"""Raw HTTP, by its newer name."""
