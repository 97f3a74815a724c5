"""Sign-in is on: every page needs it unless the view says otherwise."""

from django.contrib.auth.middleware import LoginRequiredMiddleware
from django.http import HttpRequest, HttpResponseBase


class SignInRequiredMiddleware(LoginRequiredMiddleware):
    """Django's own rule, except under /api/, where REST framework answers 401 instead of redirecting."""

    def process_view(self, request: HttpRequest, *args: object, **kwargs: object) -> HttpResponseBase | None:
        if request.path.startswith("/api/"):
            return None
        return super().process_view(request, *args, **kwargs)
