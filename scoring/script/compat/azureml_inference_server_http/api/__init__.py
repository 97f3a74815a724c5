"""What a script takes from the server that it runs in."""
