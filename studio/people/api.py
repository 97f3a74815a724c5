"""Sign-in for programs, the person's own facts, workspaces, members and tokens over REST."""

from typing import Any

from axes.helpers import get_lockout_message
from django.contrib.auth import authenticate
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import mixins, serializers, viewsets
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from studio.accounts.models import Access, ApiToken, Membership, Role, User, Workspace
from studio.accounts.rest import InWorkspace, person_of
from studio.core.errors import BadInput, NotFound
from studio.core.strict_fields import StrictFields, StrictSerializer, refuse_fields
from studio.people import members, tokens


class SignInInput(StrictSerializer):
    username = serializers.CharField()
    password = serializers.CharField(trim_whitespace=False)
    workspace = serializers.SlugField(required=False)


class SignInOutput(serializers.Serializer):
    token = serializers.CharField()
    workspace = serializers.SlugField()
    expires_at = serializers.DateTimeField()


class SignIn(APIView):
    """Exchange a name and password for a 30-day token; tries are counted and locked as on the page."""

    authentication_classes: list[Any] = []
    permission_classes = [AllowAny]

    def get_authenticate_header(self, request: Request) -> str:
        """Without it REST framework would answer 403 to a wrong password."""
        return "Bearer"

    @extend_schema(request=SignInInput, responses={201: SignInOutput}, operation_id="sign_in")
    def post(self, request: Request) -> Response:
        given = SignInInput(data=request.data)
        given.is_valid(raise_exception=True)
        facts = given.validated_data
        person = authenticate(request._request, username=facts["username"], password=facts["password"])
        if person is None:
            locked = getattr(request._request, "axes_locked_out", False)
            raise AuthenticationFailed(get_lockout_message() if locked else "The name or the password is wrong.")
        workspace = _workspace_for(person, facts.get("workspace"))
        may_write = workspace.role_of(person) in Role.at_least(Role.CONTRIBUTOR)
        token, secret = tokens.create_token(
            person, workspace, name="command line", access=Access.WRITE if may_write else Access.READ, days=30
        )
        answer = {"token": secret, "workspace": workspace.slug, "expires_at": token.expires_at}
        return Response(SignInOutput(answer).data, status=201)


class SignOut(APIView):
    """Ends the token that the call is made with; a reading one, too."""

    @extend_schema(request=None, responses={204: OpenApiResponse(description="revoked")}, operation_id="sign_out")
    def post(self, request: Request) -> Response:
        person, token = person_of(request), request.auth
        refuse_fields(request.data)
        if not isinstance(token, ApiToken):
            raise BadInput("There is no token to revoke.", hint="In a browser, sign out on the page.")
        tokens.revoke_token(token.pk, workspace=token.workspace, actor=person)
        return Response(status=204)


def _workspace_for(person: User, slug: str | None) -> Workspace:
    mine = Workspace.objects.visible_to(person)
    found = mine.filter(slug=slug).first() if slug else mine.first()
    if found is None:
        raise NotFound(f"There is no workspace '{slug}' that you can see." if slug else "You have no workspace yet.")
    return found


class WorkspaceSerializer(StrictFields, serializers.ModelSerializer):
    role = serializers.SerializerMethodField()

    class Meta:
        model = Workspace
        fields = ["slug", "name", "role", "created_at"]
        read_only_fields = ["created_at"]
        extra_kwargs = {"slug": {"validators": Workspace._meta.get_field("slug").validators}}

    def get_role(self, workspace: Workspace) -> str:
        return workspace.role_of(self.context["request"].user) or ""


class MeSerializer(serializers.Serializer):
    username = serializers.CharField()
    email = serializers.EmailField()
    is_superuser = serializers.BooleanField()
    workspaces = WorkspaceSerializer(many=True)


class Me(APIView):
    @extend_schema(responses=MeSerializer, operation_id="me")
    def get(self, request: Request) -> Response:
        """Who the token belongs to, and where they may work."""
        person = person_of(request)
        facts = {
            "username": person.username,
            "email": person.email,
            "is_superuser": person.is_superuser,
            "workspaces": _workspaces(request),
        }
        return Response(MeSerializer(facts, context={"request": request}).data)


def _workspaces(request: Request) -> Any:
    """A token shows the one workspace it is bound to; a session shows all of the person's."""
    mine = Workspace.objects.visible_to(person_of(request))
    return mine.filter(pk=request.auth.workspace_id) if isinstance(request.auth, ApiToken) else mine


class WorkspaceViewSet(mixins.ListModelMixin, mixins.CreateModelMixin, viewsets.GenericViewSet):
    """The person's workspaces. A token cannot make one: it is bound to the workspace it was made in."""

    serializer_class = WorkspaceSerializer
    queryset = Workspace.objects.none()

    def get_queryset(self) -> Any:
        return _workspaces(self.request)

    def create(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        if isinstance(request.auth, ApiToken):
            self.permission_denied(request, message="A token is bound to one workspace; sign in to make another.")
        members.check_may_create_workspaces(person_of(request))
        return super().create(request, *args, **kwargs)

    def perform_create(self, serializer: Any) -> None:
        serializer.instance = members.create_workspace(person_of(self.request), **serializer.validated_data)


class WorkspaceNameSerializer(StrictSerializer):
    name = serializers.CharField(max_length=Workspace._meta.get_field("name").max_length)


class OneWorkspace(InWorkspace, APIView):
    """The workspace itself. Admins rename it; its address stays."""

    write_role = Role.ADMIN

    @extend_schema(responses=WorkspaceSerializer, operation_id="workspaces_retrieve")
    def get(self, request: Request, **_: Any) -> Response:
        return Response(WorkspaceSerializer(self.workspace, context={"request": request}).data)

    @extend_schema(
        request=WorkspaceNameSerializer, responses=WorkspaceSerializer, operation_id="workspaces_partial_update"
    )
    def patch(self, request: Request, **_: Any) -> Response:
        given = WorkspaceNameSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        members.rename_workspace(self.workspace, name=given.validated_data["name"], actor=self.person)
        return Response(WorkspaceSerializer(self.workspace, context={"request": request}).data)


class MemberSerializer(StrictFields, serializers.ModelSerializer):
    username = serializers.CharField(source="user.username")

    class Meta:
        model = Membership
        fields = ["username", "role"]


class MemberChangeSerializer(StrictSerializer):
    role = serializers.ChoiceField(choices=Role.choices)


class MemberViewSet(InWorkspace, viewsets.GenericViewSet):
    """Who belongs to the workspace. Admins change it; only administrators of the studio add people by name."""

    write_role = Role.ADMIN
    serializer_class = MemberSerializer
    actions_without_fields = frozenset({"destroy"})
    lookup_field = "username"
    lookup_value_regex = "[^/]+"
    queryset = Membership.objects.none()

    def list(self, request: Request, **_: Any) -> Response:
        rows = self.workspace.memberships.select_related("user").order_by("user__username")
        page = self.paginate_queryset(rows)
        return self.get_paginated_response(MemberSerializer(page, many=True).data)

    @extend_schema(responses={201: MemberSerializer})
    def create(self, request: Request, **_: Any) -> Response:
        given = MemberSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        facts = given.validated_data
        made = members.add_member(
            self.workspace,
            username=facts["user"]["username"],
            role=facts.get("role", Role.VIEWER),
            actor=self.person,
        )
        return Response(MemberSerializer(made).data, status=201)

    @extend_schema(request=MemberChangeSerializer, responses=MemberSerializer)
    def partial_update(self, request: Request, username: str, **_: Any) -> Response:
        given = MemberChangeSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        membership = members.find_member(self.workspace, username)
        members.change_role(membership, given.validated_data["role"], actor=self.person)
        return Response(MemberSerializer(membership).data)

    @extend_schema(responses={204: OpenApiResponse(description="removed")})
    def destroy(self, request: Request, username: str, **_: Any) -> Response:
        members.remove_member(members.find_member(self.workspace, username), actor=self.person)
        return Response(status=204)


class TokenSerializer(StrictFields, serializers.ModelSerializer):
    user = serializers.CharField(source="user.username", read_only=True)
    days = serializers.IntegerField(
        write_only=True,
        required=False,
        allow_null=True,
        default=90,
        help_text="until it expires; null: never. With a token one is made that expires no later than that token.",
    )

    class Meta:
        model = ApiToken
        fields = ["id", "name", "access", "days", "hint", "user", "created_at", "expires_at", "last_used_at"]
        read_only_fields = ["id", "hint", "created_at", "expires_at", "last_used_at"]


class NewTokenSerializer(TokenSerializer):
    token = serializers.CharField(read_only=True, help_text="The secret. It is shown in this answer and never again.")

    class Meta(TokenSerializer.Meta):
        fields = [*TokenSerializer.Meta.fields, "token"]


class TokenViewSet(InWorkspace, viewsets.GenericViewSet):
    """The person's live tokens of this workspace; admins see everybody's."""

    # A viewer may make a reading token; the verb refuses more than the role allows.
    action_roles = {"create": Role.VIEWER, "destroy": Role.VIEWER}
    actions_without_fields = frozenset({"destroy"})
    serializer_class = TokenSerializer
    queryset = ApiToken.objects.none()

    def list(self, request: Request, **_: Any) -> Response:
        rows = ApiToken.objects.live().filter(workspace=self.workspace).select_related("user")
        if self.role != Role.ADMIN:
            rows = rows.filter(user=self.person)
        return self.get_paginated_response(TokenSerializer(self.paginate_queryset(rows), many=True).data)

    @extend_schema(responses={201: NewTokenSerializer})
    def create(self, request: Request, **_: Any) -> Response:
        given = TokenSerializer(data=request.data)
        given.is_valid(raise_exception=True)
        parent = request.auth if isinstance(request.auth, ApiToken) else None
        token, secret = tokens.create_token(self.person, self.workspace, made_with=parent, **given.validated_data)
        return Response({**TokenSerializer(token).data, "token": secret}, status=201)

    @extend_schema(responses={204: OpenApiResponse(description="revoked")})
    def destroy(self, request: Request, pk: str, **_: Any) -> Response:
        if isinstance(request.auth, ApiToken) and request.auth.access != Access.WRITE:
            self.permission_denied(request, message="A reading token cannot revoke tokens.")
        tokens.revoke_token(int(pk), workspace=self.workspace, actor=self.person)
        return Response(status=204)
