"""What addresses and bodies of several views have in common."""

from drf_spectacular.utils import OpenApiParameter

NAME = OpenApiParameter("name", str, "path", description="the service's name")
LARGEST = 2**31 - 1  # of a number that the database keeps in four bytes
